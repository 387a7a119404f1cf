"""What is wrong with a warehouse; here, so that who only names it does not load DuckDB."""


class WarehouseError(OSError):
    """A warehouse that cannot be read or written; the message says the next step."""
