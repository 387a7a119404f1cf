"""Writers that commit late, on real servers, and the poller that everybody writes first."""

from __future__ import annotations

import contextlib
import datetime
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipeline_io.audit_database import SqlAuditDatabase
from pipeline_io.audit_poll import Poll
from pipeline_io.audit_state import AuditState
from pipeline_io.audit_tables import TableRequest
from pipeline_io.database import Database
from tests.io.audit_polling import Change, rows
from tests.stack.databases import Database as ServerDatabase

# No overlap: what is found is found by the bound alone.
ORDERS = TableRequest("orders", "updated_at", overlap_seconds=0)


class PlainPoller:
    """`WHERE updated_at > last`, and `last` is the highest that was seen."""

    def __init__(self, database: ServerDatabase) -> None:
        self._database = database
        self._last: datetime.datetime | None = None
        self.seen: set[int] = set()

    def poll(self) -> None:
        if self._last is None:
            found = self._database.query("SELECT id, updated_at FROM orders ORDER BY updated_at")
        else:
            found = self._database.query(
                "SELECT id, updated_at FROM orders WHERE updated_at > %s ORDER BY updated_at",
                self._last,
            )
        for key, updated_at in found:
            self.seen.add(key)
            self._last = updated_at


class OurPoller:
    """Our poller of the table, with a state in a file."""

    def __init__(self, server: ServerDatabase, folder: Path, **settings: Any) -> None:
        self.database = SqlAuditDatabase(Database(server.url), **settings)
        self.state = AuditState(f"sqlite:///{folder}/state.db")
        table = self.database.describe(ORDERS)
        self.poll_of_orders = Poll(self.database, self.state, table, source="shop")
        self.changes: list[Change] = []
        self._number = 0

    @property
    def seen(self) -> set[int]:
        return {change["id"] for change in self.changes}

    def poll(self) -> None:
        self._number += 1
        token = f"poll-{self._number}"
        self.changes += rows(self.poll_of_orders.changes(token, sweep=False))
        self.state.commit(token)

    def until(self, is_met: Callable[[], bool], seconds: float = 15) -> None:
        """Polls until the bound has passed what the test waits for."""
        end = time.monotonic() + seconds
        while True:
            self.poll()
            if is_met():
                return
            assert time.monotonic() < end, self.poll_of_orders.bound
            time.sleep(0.1)

    def close(self) -> None:
        self.database.close()
        self.state.close()


@contextlib.contextmanager
def session(server: ServerDatabase) -> Iterator[sa.Connection]:
    """A session of its own, for transactions that stay open."""
    engine = sa.create_engine(server.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection


def write_at_random(server: ServerDatabase, first_id: int, insert: str, count: int) -> None:
    """Transactions of a few inserts and updates that stay open for up to a second."""
    chance = random.Random(first_id)
    engine = sa.create_engine(server.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        for number in range(count):
            connection.exec_driver_sql(insert, (first_id + number,))
            time.sleep(chance.random() * 0.3)
            if chance.random() < 0.2:
                connection.rollback()
            else:
                if chance.random() < 0.3:
                    time.sleep(chance.random())
                connection.commit()


def together(*works: Callable[[], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    return threads
