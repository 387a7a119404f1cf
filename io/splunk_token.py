"""The token of an HTTP Event Collector: read when it is needed, and again when it is refused."""

from __future__ import annotations

import string
import threading

from pipeline_io.secrets import SecretError, read_secret
from pipeline_io.splunk_errors import SplunkAccessError

_PRINTABLE = frozenset(string.digits + string.ascii_letters + string.punctuation)


class Token:
    """The secret that a reference names. Text of it is the reference."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        self._lock = threading.Lock()
        self._value: str | None = None

    def __repr__(self) -> str:
        return f"Token({self.reference!r})"

    def value(self) -> str:
        """The token. Raises SplunkAccessError where it cannot be read, or is none."""
        with self._lock:
            if self._value is None:
                self._value = self._read()
            return self._value

    def changed(self, refused: str) -> bool:
        """Reads the secret again; whether it is another one than the one that was refused."""
        with self._lock:
            if self._value == refused:
                self._value = self._read()
            return self._value != refused

    def _read(self) -> str:
        try:
            token = read_secret(self.reference).strip()
        except SecretError as error:
            message = f"the token of Splunk cannot be read: {error}"
            raise SplunkAccessError(message) from error
        if not token or not _PRINTABLE.issuperset(token):
            message = (
                f"the secret {self.reference} is no token of Splunk: it is empty, or has "
                "characters that none has; expected a token as Splunk shows it, such as "
                "12345678-1234-1234-1234-123456789012"
            )
            raise SplunkAccessError(message)
        return token
