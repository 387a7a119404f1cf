"""Spanner databases of their own for tests, on the emulator of the stack."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from google.api_core.exceptions import AlreadyExists
from google.auth import credentials
from google.cloud import spanner_v1

from tests.stack.databases import fresh_name
from tests.stack.servers import Spanner

INSTANCE = "tests"
_SECONDS = 30

_Result = TypeVar("_Result")

# The client of Spanner has no types.
_client: Any = spanner_v1
_credentials: Any = credentials


class SpannerDatabase:
    """An empty database on the emulator; its tables are GoogleSQL's.

    Args:
        name: in lower case.
    """

    def __init__(self, server: Spanner, name: str, database: Any) -> None:
        self.server = server
        self.project = server.project
        self.instance = INSTANCE
        self.name = name
        self.url = f"spanner:{server.project}/{INSTANCE}/{name}"
        self.client_database = database
        """The client's own object of this database."""

    def ddl(self, *statements: str) -> None:
        """Runs statements such as CREATE TABLE, CREATE INDEX, CREATE CHANGE STREAM."""
        self.client_database.update_ddl(list(statements)).result(_SECONDS)

    def execute(self, *statements: str) -> list[int]:
        """Runs INSERT, UPDATE and DELETE in one transaction; the numbers of rows they met."""

        def work(transaction: Any) -> list[int]:
            return [transaction.execute_update(statement) for statement in statements]

        return self.transact(work)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Inserts the rows in one commit; spanner.COMMIT_TIMESTAMP is the time of it."""
        with self.client_database.batch() as batch:
            batch.insert(table, columns, rows)

    def upsert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Inserts or updates the rows in one commit."""
        with self.client_database.batch() as batch:
            batch.insert_or_update(table, columns, rows)

    def delete(self, table: str, *keys: Sequence[Any]) -> None:
        """Deletes the rows of these keys in one commit."""
        with self.client_database.batch() as batch:
            batch.delete(table, _client.KeySet(keys=[list(key) for key in keys]))

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of one statement, as of now."""
        with self.client_database.snapshot() as snapshot:
            return [tuple(row) for row in snapshot.execute_sql(statement)]

    def transact(self, work: Callable[[Any], _Result]) -> _Result:
        """What `work` returns of a transaction, which is tried again while Spanner aborts it."""
        result: _Result = self.client_database.run_in_transaction(work)
        return result


@contextlib.contextmanager
def fresh_spanner_database(server: Spanner) -> Iterator[SpannerDatabase]:
    """A new database, dropped at the end of the block.

    SPANNER_EMULATOR_HOST must name the emulator while the block runs: the client has no other way
    to be told.
    """
    client = _client.Client(project=server.project, credentials=_credentials.AnonymousCredentials())
    instance = client.instance(
        INSTANCE, f"projects/{server.project}/instanceConfigs/emulator-config", node_count=1
    )
    # The emulator keeps all in memory: a restart has forgotten it.
    with contextlib.suppress(AlreadyExists):
        instance.create().result(_SECONDS)
    database = instance.database(fresh_name("test"))
    database.create().result(_SECONDS)
    try:
        yield SpannerDatabase(server, database.database_id, database)
    finally:
        server.repair()
        with contextlib.suppress(Exception):
            database.drop()
