"""The token of an HTTP Event Collector: read when it is needed, and again when it is refused."""

from __future__ import annotations

import string

from pipeline_io.secrets import Secret, SecretError
from pipeline_io.splunk_errors import SplunkAccessError

_PRINTABLE = frozenset(string.digits + string.ascii_letters + string.punctuation)


class Token:
    """The secret that a reference names. Text of it is the reference."""

    def __init__(self, reference: str) -> None:
        self._secret = Secret(reference)

    @property
    def reference(self) -> str:
        return self._secret.reference

    def __repr__(self) -> str:
        return f"Token({self.reference!r})"

    def value(self) -> str:
        """The token. Raises SplunkAccessError where it cannot be read, or is none."""
        try:
            token = self._secret.value().strip()
        except SecretError as error:
            raise _unreadable(error) from error
        if not token or not _PRINTABLE.issuperset(token):
            message = (
                f"the secret {self.reference} is no token of Splunk: it is empty, or has "
                "characters that none has; expected a token as Splunk shows it, such as "
                "12345678-1234-1234-1234-123456789012"
            )
            raise SplunkAccessError(message)
        return token

    def changed(self, refused: str) -> bool:
        """Reads the secret again; whether it is another one than the one that was refused."""
        try:
            # The secret may have white space around it, which the token has not.
            if self.value() == refused:
                self._secret.changed(self._secret.value())
        except SecretError as error:
            raise _unreadable(error) from error
        return self.value() != refused


def _unreadable(error: SecretError) -> SplunkAccessError:
    return SplunkAccessError(f"the token of Splunk cannot be read: {error}")
