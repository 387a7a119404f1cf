"""What the modelled databases leave behind: a log of transactions, and what it was at each tick.

A tick is one moment of a database: a transaction in MySQL and MariaDB, a statement in PostgreSQL.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from tests.proof.source_rows import Change, Rows

Flavour = Literal["mysql_gtid", "mysql_file", "mariadb", "postgresql"]
FLAVOURS: tuple[Flavour, ...] = ("mysql_gtid", "mysql_file", "mariadb", "postgresql")

Coordinates = Mapping[str, object]
"""Members of Debezium's `source`."""

START_MS = 1_767_225_600_000
"""When the lives begin: 2026-01-01."""


@dataclasses.dataclass(frozen=True)
class Statement:
    """The rows that one statement changed; a change of the key is two changes of one row."""

    started_ms: int
    rows: list[list[Change]]


@dataclasses.dataclass(frozen=True)
class Transaction:
    """A committed transaction. `places[server]` has the coordinates of each of its changes in that
    server's log: a promoted replica has its predecessor's transactions at other positions."""

    statements: list[Statement]
    shared: Coordinates
    places: dict[int, list[Coordinates]] = dataclasses.field(default_factory=dict)

    @property
    def changes(self) -> list[Change]:
        return [change for statement in self.statements for row in statement.rows for change in row]


@dataclasses.dataclass(frozen=True)
class Moment:
    """The database at the end of a tick. `logged` is how many transactions the log has, `anchor`
    what a snapshot would record now, and quiet is a moment when no transaction is open."""

    rows: Rows
    logged: int
    anchor: Mapping[str, object]
    now_ms: int
    server: int
    has_extra: bool
    is_quiet: bool = True


@dataclasses.dataclass
class SourceLog:
    """The whole life of a database. `moments[0]` is before its first tick; `first_logged[server]`
    is the first transaction that this server's log has."""

    flavour: Flavour
    name: str
    transactions: list[Transaction]
    moments: list[Moment]
    first_logged: list[int]
