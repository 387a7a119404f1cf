"""Connections to MySQL and MariaDB for snapshots, and what their errors mean."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

from pipeline_io.database import CONNECT_TIMEOUT_SECONDS, Database
from pipeline_io.snapshot_errors import SnapshotError

# A server that sends nothing for so long while rows are read is gone: PyMySQL would wait for ever.
_READ_TIMEOUT_SECONDS = 600
_SETTINGS = (
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    # How long the server waits for us to take rows: the warehouse may be busy.
    "SET SESSION net_write_timeout = 3600",
    # Connections of the pool idle while a table is planned or the warehouse is waited for.
    "SET SESSION wait_timeout = 86400",
)
_ACCESS = {1044, 1045, 1698, 1251}
_PRIVILEGES = {1142, 1143, 1227, 1370}
_GONE = {1040, 1053, 2002, 2003, 2005, 2006, 2013, 2014, 2055}


def driver() -> Any:
    """PyMySQL, which has no types; it is needed where MySQL is read alone."""
    return importlib.import_module("pymysql")


def connect(database: Database) -> Any:
    """A connection of PyMySQL's that gives every value as the server's text.

    Raises SnapshotError.
    """
    pymysql = driver()
    _, settings = database.dialect().create_connect_args(database.url)
    with errors(database, "connecting"):
        connection = pymysql.connect(
            **{
                **settings,
                "charset": "utf8mb4",
                "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                "read_timeout": _READ_TIMEOUT_SECONDS,
                # Only what writes parameters: nothing is converted on its way back.
                "conv": dict(pymysql.converters.encoders),
                "autocommit": True,
            }
        )
        with connection.cursor() as cursor:
            for statement in _SETTINGS:
                cursor.execute(statement)
    return connection


def ask(connection: Any, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a statement, each value a text or None."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


@contextlib.contextmanager
def errors(database: Database, what: str) -> Iterator[None]:
    """Tells PyMySQL's errors as SnapshotErrors with the next step."""
    try:
        yield
    except (driver().Error, OSError) as error:
        told = " ".join(database.without_password(str(error)).split())
        message = f"{database}: {what}: {told}; {_next_step(error)}"
        raise SnapshotError(message) from error


def _next_step(error: Exception) -> str:
    number = error.args[0] if error.args else None
    if number in _ACCESS:
        return "check user, password and database in --source"
    if number in _PRIVILEGES:
        return "GRANT SELECT on the table to this user"
    if number == 1049:
        return "check the database's name in --source"
    if number in (1146, 1054):
        return "the table changed, or was dropped, since it was described: run the command again"
    if number == 1412:
        return "the table was altered while it was read: run the command again with --resume"
    if number in _GONE or isinstance(error, OSError):
        return (
            "the server was not reached or went away; nothing of the unfinished table is to be "
            "seen: run the command again, with --resume to keep the finished tables"
        )
    return "nothing of the unfinished table is to be seen; mend it and run the command again"


def number_of(error: Exception) -> int | None:
    """MySQL's number of an error."""
    number = error.args[0] if error.args else None
    return number if isinstance(number, int) else None
