"""What a schema registry's failures mean: stop the job, or fail that record alone."""

from __future__ import annotations

import re

# A proxy's error page repeats itself for pages; a compatibility report is worth reading.
_SHOWN_CHARACTERS = 200
REASON_CHARACTERS = 2000

# Greedy: a password may hold @ and /.
_CREDENTIALS_IN_URL = re.compile(r"//\S*@")


class RegistryError(Exception):
    """The job stops: an address, credentials or a schema must be mended. Nothing is lost."""


class RegistryUnavailable(RegistryError):
    """The registry was away for longer than the job waits; started again, the job goes on."""


class UnexpectedAnswer(RegistryError):
    """What answered is not the registry's API: the address is wrong, or a proxy spoke.

    Args:
        status: of HTTP, where there was one.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Away(Exception):
    """No answer this time; the same request may have one later. It never leaves the client.

    Args:
        rest_seconds: how long the server asked to be left alone.
    """

    def __init__(self, message: str, rest_seconds: float | None = None) -> None:
        super().__init__(message)
        self.rest_seconds = rest_seconds


class UnknownSchema(LookupError):
    """The registry has no Avro schema of that id: records that name it cannot be decoded."""


def shown(text: str, characters: int = _SHOWN_CHARACTERS) -> str:
    """The start of an answer or of an error, without what an address in it may hold."""
    line = " ".join(without_credentials(text).split())
    return line if len(line) <= characters else f"{line[:characters]}..."


def without_credentials(text: str) -> str:
    """The text with `user:password@` of the addresses in it masked."""
    return _CREDENTIALS_IN_URL.sub("//***@", text)
