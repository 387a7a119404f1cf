"""What can go wrong when a table is polled."""


class AuditError(Exception):
    """A table cannot be polled as asked; the message names it and says what to do."""


class SchemaChanged(AuditError):
    """A column that the rows need is not there any more."""


class LeaseHeld(AuditError):
    """Somebody else polls this table with this state."""
