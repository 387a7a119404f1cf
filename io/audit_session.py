"""Sessions of a database that is polled: what is set in them, and one read of a moment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
import sqlalchemy.event

from pipeline_io.audit_bound_postgresql import APPLICATION
from pipeline_io.audit_clock import text_us
from pipeline_io.audit_types_sqlite import SECONDS_FUNCTION
from pipeline_io.database import Database

_POSTGRESQL = (
    f"SET application_name = '{APPLICATION}'",
    "SET TimeZone = 'UTC'",
    "SET DateStyle = 'ISO, YMD'",
    "SET IntervalStyle = 'iso_8601'",
    "SET bytea_output = 'hex'",
    "SET extra_float_digits = 1",
    # A sweep of a large table takes long, and its session idles between pages.
    "SET statement_timeout = 0",
    "SET idle_in_transaction_session_timeout = 0",
)
_MYSQL = (
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
)


def polling_engine(database: Database) -> sa.Engine:
    """An engine whose sessions only read, in UTC. The caller disposes of it."""
    engine = database.engine()
    kind = database.kind
    if kind == "postgresql":
        sqlalchemy.event.listen(engine, "connect", _postgresql)
    elif kind in ("mysql", "mariadb"):
        sqlalchemy.event.listen(engine, "connect", _mysql)
    elif kind == "sqlite":
        sqlalchemy.event.listen(engine, "connect", _sqlite)
    return engine


def _postgresql(connection: Any, record: object) -> None:
    with connection.cursor() as cursor:
        for statement in _POSTGRESQL:
            cursor.execute(statement)
    connection.commit()


def _mysql(connection: Any, record: object) -> None:
    with connection.cursor() as cursor:
        for statement in _MYSQL:
            cursor.execute(statement)


def _sqlite(connection: Any, record: object) -> None:
    connection.create_function(SECONDS_FUNCTION, 1, text_us, deterministic=True)


@contextlib.contextmanager
def one_moment(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection on which all queries see the database as it was at one moment."""
    kind = engine.dialect.name
    with engine.connect() as connection:
        if kind == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection
            return
        begin = {
            "mysql": "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
            "mariadb": "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
            "sqlite": "BEGIN",
        }.get(kind)
        if begin is None:
            with connection.begin():
                yield connection
            return
        connection.exec_driver_sql(begin)
        try:
            yield connection
        finally:
            # The session goes back to the pool; one that broke off is thrown away there.
            with contextlib.suppress(sa.exc.DBAPIError):
                connection.exec_driver_sql("ROLLBACK")
