"""Secrets by reference: what a script or a flag names instead of a password."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from pipeline_io.secret_errors import SecretError

__all__ = ["SCHEMES", "Secret", "SecretError", "is_reference", "read_secret"]

SCHEMES = ("env://NAME", "file://PATH", "secret://projects/P/secrets/S/versions/V")


def is_reference(text: str) -> bool:
    """True for `env://`, `file://` and `secret://` references."""
    return text.startswith(("env://", "file://", "secret://"))


def read_secret(reference: str) -> str:
    """The secret that a reference names. Read where it is needed, never pickled or logged.

    env:// is an environment variable, file:// a file's text without its last line end (a mounted
    secret), secret:// a version in Google Secret Manager, the latest one if none is named. Raises
    SecretError.
    """
    scheme, _, name = reference.partition("://")
    match scheme:
        case "env":
            value = os.environ.get(name)
            if value is None:
                message = f"{reference}: the environment variable {name} is not set; set it"
                raise SecretError(message)
            return value
        case "file":
            try:
                return Path(name).read_text(encoding="utf-8").removesuffix("\n")
            except (OSError, UnicodeDecodeError) as error:
                message = f"{reference}: {type(error).__name__}; is the secret mounted there?"
                raise SecretError(message) from error
        case "secret":
            # Google's client takes a second to import, which most runs can do without.
            from pipeline_io.secret_manager import read_version

            return read_version(reference)
    message = f"a secret is given by reference, as {' or '.join(SCHEMES)}, not as plain text"
    raise SecretError(message)


class Secret:
    """The secret that a reference names: read when it is first asked for, and again when it was
    refused. Its texts are the reference, and it pickles without the value. For several threads.
    """

    def __init__(self, reference: str) -> None:
        if not is_reference(reference):
            message = f"a secret is given by reference, as {' or '.join(SCHEMES)}"
            raise SecretError(message)
        self.reference = reference
        self._lock = threading.Lock()
        # All that was ever read: an old password is a secret, too.
        self._read: list[str] = []

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reference == self.reference

    def __hash__(self) -> int:
        return hash(self.reference)

    def __reduce__(self) -> tuple[Any, ...]:
        return Secret, (self.reference,)

    def value(self) -> str:
        """The secret. Raises SecretError where it cannot be read."""
        with self._lock:
            if not self._read:
                self._read.append(read_secret(self.reference))
            return self._read[-1]

    def changed(self, refused: str) -> bool:
        """Reads the secret again; whether it is another one than the one that was refused.

        Raises SecretError where it cannot be read any more.
        """
        with self._lock:
            # Another thread may have read it anew already.
            if not self._read or self._read[-1] == refused:
                self._read.append(read_secret(self.reference))
            return self._read[-1] != refused

    def hidden(self, text: str) -> str:
        """The text without the secret, should somebody repeat it."""
        with self._lock:
            known = sorted(filter(None, self._read), key=len, reverse=True)
        for secret in known:
            text = text.replace(secret, "***")
        return text
