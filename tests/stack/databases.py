"""Databases of their own for tests, on the servers of the stack."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy

from tests.stack.servers import DatabaseServer, MySql, Postgres


class Database:
    """An empty database on a server.

    Args:
        name: in lower case, so that no server has to quote it.
    """

    def __init__(self, server: DatabaseServer, name: str) -> None:
        self.server = server
        self.name = name
        self.host = server.host
        self.port = server.port
        self.user = server.user
        self.password = server.password
        self.url = server.url_of(name)
        self._engine = sqlalchemy.create_engine(self.url, poolclass=sqlalchemy.NullPool)

    def execute(self, *statements: str) -> None:
        """Runs the statements in one transaction."""
        with self._engine.begin() as connection:
            for statement in statements:
                # As the driver has it: a colon in a literal is no parameter of SQLAlchemy's.
                connection.exec_driver_sql(statement.replace("%", "%%"))

    def insert(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Runs one statement with `%s` for each value, for all rows in one transaction."""
        with self._engine.begin() as connection:
            connection.exec_driver_sql(statement, [tuple(row) for row in rows])

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of one statement, with a value for each `%s` in it."""
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement, values)]

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlalchemy.Connection]:
        """A transaction that is committed at the end of the block and rolled back by an error."""
        with self._engine.begin() as connection:
            yield connection


def fresh_name(prefix: str) -> str:
    """A name that nothing else on the servers has, of letters, digits and `_`."""
    return f"{prefix}_{secrets.token_hex(4)}"


@contextlib.contextmanager
def fresh_mysql_database(server: MySql) -> Iterator[Database]:
    """A new database, dropped at the end of the block."""
    name = fresh_name("test")
    _run(server.url, f"CREATE DATABASE {name}")
    try:
        yield Database(server, name)
    finally:
        _run(server.url, f"DROP DATABASE {name}")


@contextlib.contextmanager
def fresh_postgres_database(server: Postgres) -> Iterator[Database]:
    """A new database, dropped at the end of the block with its sessions and replication slots."""
    name = fresh_name("test")
    _run(server.url, f"CREATE DATABASE {name}")
    try:
        yield Database(server, name)
    finally:
        # A slot that is read from cannot be dropped, and keeps its database.
        _run(server.url, _END_READERS, name)
        _run(server.url, _DROP_SLOTS, name)
        _run(server.url, f"DROP DATABASE {name} WITH (FORCE)")


_END_READERS = """
SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots
WHERE database = %s AND active
"""
_DROP_SLOTS = """
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = %s
"""


def _run(url: str, statement: str, *values: object) -> None:
    """Runs a statement that no transaction may hold."""
    engine = sqlalchemy.create_engine(
        url, poolclass=sqlalchemy.NullPool, isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(statement, values)
