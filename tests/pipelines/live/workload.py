"""A seeded workload on one table, by one session, that knows what each commit must become."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import datetime
import random
import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy

from tests.pipelines.live.customers import Customers
from tests.pipelines.live.expected import Change, Row

START = datetime.datetime(2026, 3, 2, 7, tzinfo=datetime.timezone.utc)


class RolledBack(Exception):
    """Ends a transaction whose changes must not arrive anywhere."""


class Workload(abc.ABC):
    """Changes of one table: inserts, updates, deletes, new keys, truncation, rollbacks.

    rows: by their keys, as they are now; a row is never changed in place.
    changes: what was committed, in the order of the commits, without the rows of `prepare`.
    records: that Debezium must have written to the topic by now.
    """

    ddl: str
    table: str

    def __init__(self, url: str, customers: Customers, **connect: Any) -> None:
        self.rng = random.Random(self.table)
        self.customers = customers
        self.rows: dict[Any, Row] = {}
        self.changes: list[Change] = []
        self.records = 0
        self._now = START
        # A server that a test stops takes the connection with it.
        self._engine = sqlalchemy.create_engine(url, connect_args=connect, pool_pre_ping=True)
        self._connection: sqlalchemy.Connection
        self._pending: list[tuple[Change, int]] = []

    @abc.abstractmethod
    def new_row(self) -> Row:
        """A row of a key that was never used."""

    @abc.abstractmethod
    def updated(self, row: Row) -> Row:
        """The row with other values; `updated_at` tells every update from all others."""

    @abc.abstractmethod
    def new_key(self, row: Row) -> Any:
        """A key that was never used."""

    @abc.abstractmethod
    def change(self, op: str, row: Row | None) -> Change:
        """What a change must become."""

    def moment(self) -> datetime.datetime:
        """Business time, which goes on with each call and has microseconds of every kind."""
        self._now += datetime.timedelta(seconds=self.rng.randint(30, 5_400))
        fraction = self.rng.choice([0, 1, 123_456, 500_000, 999_999, self.rng.randrange(10**6)])
        return self._now.replace(microsecond=fraction)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Its changes are committed together; by RolledBack none of them is."""
        rows = dict(self.rows)
        self._pending = []
        try:
            with self._engine.begin() as self._connection:
                yield
                committed_at = time.time()
        except RolledBack:
            self.rows = rows
            return
        for change, records in self._pending:
            self.changes.append(dataclasses.replace(change, committed_at=committed_at))
            self.records += records

    def _run(self, statement: str, *values: object) -> None:
        self._connection.exec_driver_sql(statement, values)

    def _note(self, op: str, row: Row | None, records: int = 1) -> None:
        self._pending.append((self.change(op, row), records))

    def insert(self, *rows: Row) -> None:
        rows = rows or (self.new_row(),)
        columns, marks = ", ".join(rows[0]), ", ".join(["%s"] * len(rows[0]))
        statement = f"INSERT INTO {self.table} ({columns}) VALUES ({marks})"  # noqa: S608
        values = [tuple(row.values()) for row in rows]
        self._connection.exec_driver_sql(statement, values if len(rows) > 1 else values[0])
        for row in rows:
            self.rows[row["id"]] = row
            self._note("c", row)

    def update(self) -> None:
        old = self._some_row()
        row = self.updated(old)
        changed = {name: value for name, value in row.items() if value != old.get(name)}
        sets = ", ".join(f"{name} = %s" for name in changed)
        self._run(
            f"UPDATE {self.table} SET {sets} WHERE id = %s",  # noqa: S608
            *changed.values(),
            row["id"],
        )
        self.rows[row["id"]] = row
        self._note("u", row)

    def delete(self) -> None:
        row = self._some_row()
        self._run(f"DELETE FROM {self.table} WHERE id = %s", row["id"])  # noqa: S608
        del self.rows[row["id"]]
        # A tombstone follows.
        self._note("d", row, records=2)

    def change_key(self) -> None:
        """A change of the key is two events: a deletion, and a row made anew."""
        old = self._some_row()
        row = {**old, "id": self.new_key(old)}
        self._run(f"UPDATE {self.table} SET id = %s WHERE id = %s", row["id"], old["id"])  # noqa: S608
        del self.rows[old["id"]]
        self.rows[row["id"]] = row
        self._note("d", old, records=2)
        self._note("c", row)

    def truncate(self) -> None:
        self._run(f"TRUNCATE TABLE {self.table}")
        self.rows.clear()
        self._note("t", None)

    def roll_back(self) -> None:
        """Many changes that nobody may ever see."""
        with self.transaction():
            self.insert()
            self._run(f"UPDATE {self.table} SET currency = 'XXX'")  # noqa: S608
            self._run(f"DELETE FROM {self.table} WHERE customer_id % 2 = 0".replace("%", "%%"))  # noqa: S608
            raise RolledBack

    def roll_back_to_savepoint(self) -> None:
        """A transaction of which the middle is taken back."""
        with self.transaction():
            self.insert()
            self._run("SAVEPOINT before_review")
            self._run(f"UPDATE {self.table} SET currency = 'XXX'")  # noqa: S608
            self._run("ROLLBACK TO SAVEPOINT before_review")
            self.insert()

    def _some_row(self) -> Row:
        return self.rows[self.rng.choice(list(self.rows)[-60:])]

    def prepare(self, rows: int = 20) -> None:
        """Makes the table with rows that only a snapshot shows: the job passes them over."""
        with self.transaction():
            self._run(self.ddl)
        with self.transaction():
            self.insert(*(self.new_row() for _ in range(rows)))
        self.records = rows
        self.changes.clear()

    def step(self) -> None:
        """A transaction of one to five changes."""
        with self.transaction():
            for _ in range(self.rng.choice([1, 1, 1, 2, 3, 5])):
                kind = self.rng.random()
                if kind < 0.46 or len(self.rows) < 8:
                    self.insert()
                elif kind < 0.90:
                    self.update()
                elif kind < 0.96:
                    self.delete()
                else:
                    self.change_key()

    def run(self, changes: int) -> None:
        """At least so many changes, with rollbacks and a truncation between them."""
        first = len(self.changes)
        events = [self.roll_back, self.roll_back_to_savepoint, self._truncation, self.roll_back]
        for number, event in enumerate(events, start=1):
            while len(self.changes) - first < changes * number / (len(events) + 1):
                self.step()
            event()
        while len(self.changes) - first < changes:
            self.step()

    def _truncation(self) -> None:
        with self.transaction():
            self.truncate()

    def run_bulk(self, rows: int) -> None:
        """One transaction of many new rows."""
        with self.transaction():
            self.insert(*(self.new_row() for _ in range(rows)))

    def close(self) -> None:
        self._engine.dispose()
