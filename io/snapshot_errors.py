"""What can go wrong with a snapshot."""


class SnapshotError(Exception):
    """A snapshot that was not taken; the message says what to do. What was there stays."""
