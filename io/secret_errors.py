"""What went wrong with a secret."""

from __future__ import annotations


class SecretError(ValueError):
    """A secret that could not be read; the message never holds a secret."""
