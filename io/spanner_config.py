"""A database of Spanner, and how long one waits for it."""

from __future__ import annotations

import dataclasses
import os
import re

EMULATOR_VARIABLE = "SPANNER_EMULATOR_HOST"
"""Google's own clients of Spanner read it too: `host:port`."""

_SERVICE = "spanner.googleapis.com:443"
_PROJECT = re.compile(r"[A-Za-z0-9:.-]+")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_ADDRESSES = (
    re.compile(r"spanner:(?P<project>[^/]+)/(?P<instance>[^/]+)/(?P<database>[^/]+)"),
    re.compile(
        r"(?:jdbc:cloudspanner:/|spanner:)?projects/(?P<project>[^/]+)"
        r"/instances/(?P<instance>[^/]+)/databases/(?P<database>[^/;?]+)"
    ),
)


@dataclasses.dataclass(frozen=True)
class SpannerConfig:
    """A database. Text of it names it for messages.

    retry_seconds: how long a request is tried again while Spanner is away. answer_seconds: how long
    one answer may take. emulator: the emulator's `host:port`; what SPANNER_EMULATOR_HOST says
    where this is made, else "" for the real service.

    Raises ValueError.
    """

    project: str
    instance: str
    database: str
    retry_seconds: float = 120.0
    answer_seconds: float = 120.0
    emulator: str = ""

    def __post_init__(self) -> None:
        if not _PROJECT.fullmatch(self.project):
            message = f"the project is {self.project!r}; expected its id, such as 'my-project'"
            raise ValueError(message)
        for name in ("instance", "database"):
            if not _NAME.fullmatch(getattr(self, name)):
                message = (
                    f"the {name} is {getattr(self, name)!r}; expected its name alone: letters, "
                    "digits, dashes and underscores"
                )
                raise ValueError(message)
        # Here and not on the workers, which may lack the variable: they would write to the real
        # service then.
        if not self.emulator and (emulator := os.environ.get(EMULATOR_VARIABLE)):
            object.__setattr__(self, "emulator", emulator.removeprefix("http://").rstrip("/"))

    @classmethod
    def of(cls, address: str) -> SpannerConfig:
        """The database of an address: `spanner:PROJECT/INSTANCE/DATABASE`, or its full name
        `projects/P/instances/I/databases/D` with or without `spanner:` or `jdbc:cloudspanner:/`.

        Raises ValueError.
        """
        for form in _ADDRESSES:
            if found := form.fullmatch(address):
                return cls(found["project"], found["instance"], found["database"])
        message = (
            f"{address!r} is no address of a Spanner database; expected "
            "spanner:PROJECT/INSTANCE/DATABASE"
        )
        raise ValueError(message)

    def __str__(self) -> str:
        return f"the Spanner database {self.project}/{self.instance}/{self.database}"

    @property
    def path(self) -> str:
        """Its full name in Spanner's API."""
        return f"projects/{self.project}/instances/{self.instance}/databases/{self.database}"

    @property
    def address(self) -> str:
        """The `host:port` that is asked."""
        return self.emulator or _SERVICE
