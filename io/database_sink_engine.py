"""Connections to a database that is written to."""

from __future__ import annotations

import urllib.parse
from typing import Any

import sqlalchemy
import sqlalchemy.event
import sqlalchemy.exc

from pipeline_io.database import CONNECT_TIMEOUT_SECONDS, MYSQL_READ_TIMEOUT_SECONDS, Database
from pipeline_io.database_login import log_in_by
from pipeline_io.database_sink_table import SinkTableError
from pipeline_io.secrets import Secret

_SQLITE_LOCK_TIMEOUT_SECONDS = 30


def writing_engine(database: Database) -> sqlalchemy.Engine:
    """An engine that connects at its first statement; the caller disposes of it.

    Sessions are in UTC; MySQL refuses what it would else cut. Raises SinkTableError: the driver is
    not installed.
    """
    url, kind = database.url, database.kind
    settings: dict[str, Any] = {"pool_size": 1, "max_overflow": 0}
    if kind == "postgresql":
        settings["connect_args"] = {"connect_timeout": CONNECT_TIMEOUT_SECONDS}
    elif kind in ("mysql", "mariadb"):
        # Locks of fewer rows that are not there: writers get less in each other's way.
        settings["isolation_level"] = "READ COMMITTED"
        settings["connect_args"] = {
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "read_timeout": MYSQL_READ_TIMEOUT_SECONDS,
        }
    elif kind == "sqlite":
        settings = {"connect_args": {"timeout": _SQLITE_LOCK_TIMEOUT_SECONDS}}
        if url.database not in (None, "", ":memory:") and not str(url.database).startswith("file:"):
            # A plain path would be created, empty, when it does not exist.
            path = urllib.parse.quote(str(url.database))
            url = url.set(database=f"file:{path}", query={**url.query, "mode": "rw", "uri": "true"})
            settings["poolclass"] = sqlalchemy.NullPool
    try:
        engine = sqlalchemy.create_engine(url, pool_pre_ping=True, hide_parameters=True, **settings)
    except (ModuleNotFoundError, sqlalchemy.exc.NoSuchModuleError) as error:
        message = (
            f"{database}: the Python driver is not installed ({error}); install it, or use an "
            "address with another one (postgresql+psycopg, mysql+pymysql)"
        )
        raise SinkTableError(message) from error
    if kind == "postgresql":
        sqlalchemy.event.listen(engine, "connect", _postgres_in_utc)
    elif kind in ("mysql", "mariadb"):
        sqlalchemy.event.listen(engine, "connect", _mysql_strictly)
    if isinstance(database.password, Secret):
        log_in_by(engine, database.password)
    return engine


def _postgres_in_utc(connection: Any, record: object) -> None:
    # A transaction that is rolled back would undo it.
    before = connection.autocommit
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
    connection.autocommit = before


def _mysql_strictly(connection: Any, record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SET SESSION time_zone = '+00:00', "
            "sql_mode = CONCAT_WS(',', NULLIF(@@sql_mode, ''), 'STRICT_ALL_TABLES')"
        )
