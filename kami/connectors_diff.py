"""What putting a connector would change."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal, NamedTuple

from kami.connectors_references import shown
from kami.connectors_tables import patterns_of

Kind = Literal["added", "changed", "removed"]

IDENTITY = {
    "connector.class": "another class has other offsets",
    "topic.prefix": (
        "offsets are kept by it: the connector would read all tables anew, into other topics"
    ),
    "database.server.id": "the server knows its replica by it",
    "database.dbname": "positions in another database's log mean nothing",
    "slot.name": "changes after the old slot's position and before the new slot's are lost",
    "publication.name": "changes of tables that the other publication lacks are lost",
    "schema.history.internal.kafka.topic": (
        "without its history the connector does not know the tables' columns"
    ),
    "message.key.columns": "a row would have another key than its older changes",
}
"""Settings by which a connector is who it is, and why they stay."""


class KeyChange(NamedTuple):
    """A setting that differs; secrets are left out of the values."""

    key: str
    kind: Kind
    old: str | None
    new: str | None


@dataclasses.dataclass(frozen=True)
class ConnectorDiff:
    """What differs of one connector."""

    name: str
    changes: tuple[KeyChange, ...]
    new_tables: tuple[str, ...] = ()
    """Patterns of tables that a running connector is to capture from now on."""
    gone_tables: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[KeyChange, ...]:
        """The changes after which it would be another connector."""
        return tuple(
            change
            for change in self.changes
            if change.key in IDENTITY and (change.kind != "added" or change.key in _HAVE_DEFAULTS)
        )


# To add one of these to a connector is a change too: what it had was the default.
_HAVE_DEFAULTS = ("slot.name", "publication.name", "message.key.columns")


def compared(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> ConnectorDiff:
    """What differs between the settings that a connector has and those that it is to have."""
    changes = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        kind: Kind = "added" if before is None else "removed" if after is None else "changed"
        changes.append(KeyChange(key, kind, shown(key, before), shown(key, after)))
    had = patterns_of(old.get("table.include.list", ""))
    has = patterns_of(new.get("table.include.list", ""))
    return ConnectorDiff(
        name,
        tuple(changes),
        # A connector without a list captures all tables.
        tuple(one for one in has if one not in had) if had else (),
        tuple(one for one in had if one not in has) if has else (),
    )
