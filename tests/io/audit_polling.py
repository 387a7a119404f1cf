"""Polled tables for tests: a table in SQLite with a clock of its own, and what its changes make."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline_io.audit_database import SqlAuditDatabase
from pipeline_io.audit_poll import Poll
from pipeline_io.audit_state import AuditState
from pipeline_io.audit_tables import Shard, TableRequest
from pipeline_io.database import Database

SECOND = 1_000_000
START = 1_800_000_000 * SECOND
WHOLE = Shard()
ITEMS = TableRequest("items", "updated_us", updated_unit="us", overlap_seconds=20)
_CREATE = "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, updated_us INTEGER)"

Change = dict[str, Any]


@dataclasses.dataclass
class Clock:
    """Microseconds since 1970, that tests move."""

    us: int = START

    def __call__(self) -> int:
        return self.us

    def move(self, seconds: float) -> None:
        self.us += round(seconds * SECOND)


class Items:
    """A table in SQLite, and a state beside it."""

    def __init__(self, folder: Path, create: str = _CREATE) -> None:
        self.clock = Clock()
        self.folder = folder
        self.connection = sqlite3.connect(folder / "shop.db", isolation_level=None)
        # Tests make files by the hundred, and none of them falls with the machine.
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.execute(create)
        self.tokens = 0

    def put(self, key: int, name: str, *, at_us: int | None = None) -> None:
        self.connection.execute(
            "INSERT INTO items VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
            "name = excluded.name, updated_us = excluded.updated_us",
            (key, name, self.clock.us if at_us is None else at_us),
        )

    def execute(self, statement: str, *values: object) -> None:
        self.connection.execute(statement, values)

    def content(self) -> dict[int, tuple[Any, ...]]:
        rows = self.connection.execute("SELECT * FROM items").fetchall()
        return {row[0]: tuple(row[1:]) for row in rows}

    def database(self, page_rows: int = 2, **settings: Any) -> SqlAuditDatabase:
        settings = {"overlap_seconds": 5, "clock": self.clock, **settings}
        return SqlAuditDatabase(
            Database(f"sqlite:///{self.folder}/shop.db"), page_rows=page_rows, **settings
        )

    def state(self) -> AuditState:
        return AuditState(f"sqlite:///{self.folder}/state.db", clock=self.clock)

    def token(self) -> str:
        self.tokens += 1
        return f"run-{self.tokens}"

    @contextlib.contextmanager
    def polling(
        self, request: TableRequest = ITEMS, shard: Shard = WHOLE, **settings: Any
    ) -> Iterator[Polling]:
        database, state = self.database(), self.state()
        try:
            table = database.describe(request)
            yield Polling(
                Poll(database, state, table, shard, source="shop", **settings), self, state
            )
        finally:
            database.close()
            state.close()


@dataclasses.dataclass
class Polling:
    """A poller of the table."""

    poll: Poll
    items: Items
    state: AuditState

    def changes(self, *, sweep: bool | None = None) -> list[Change]:
        """Everything that one poll tells, committed."""
        token = self.items.token()
        told = [row for batch in self.poll.changes(token, sweep=sweep) for row in batch.to_pylist()]
        self.state.commit(token)
        return told


def order(change: Change) -> tuple[int, int]:
    """Where a change stands among those of its key."""
    return change["_updated_us"], change["_revision"]


def told(changes: Iterable[Change]) -> list[tuple[str, int, str | None]]:
    """Operation, id and name of each change."""
    return [(change["_op"], change["id"], change["name"]) for change in changes]


def replayed(changes: Iterable[Change], key: str = "id") -> dict[int, tuple[Any, ...]]:
    """The table that the changes make: of each key the last one by its order."""
    last: dict[int, Change] = {}
    for change in changes:
        if change[key] not in last or order(last[change[key]]) < order(change):
            last[change[key]] = change
    return {
        number: tuple(v for name, v in change.items() if name != key and not name.startswith("_"))
        for number, change in last.items()
        if change["_op"] != "d"
    }


def rows(batches: Iterable[pa.RecordBatch]) -> list[Change]:
    return [row for batch in batches for row in batch.to_pylist()]
