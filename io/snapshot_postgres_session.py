"""Connections to PostgreSQL for snapshots, and what its errors mean."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pipeline_io.database import CONNECT_TIMEOUT_SECONDS, Database
from pipeline_io.snapshot_errors import SnapshotError

if TYPE_CHECKING:
    import psycopg

_SETTINGS = (
    "SET DateStyle = 'ISO, YMD'",
    "SET TimeZone = 'UTC'",
    "SET IntervalStyle = 'iso_8601'",
    "SET bytea_output = 'hex'",
    # Floats in their shortest text that reads back.
    "SET extra_float_digits = 1",
    "SET client_encoding = 'UTF8'",
    # One read of a large table takes long, and the session that holds the snapshot idles.
    "SET statement_timeout = 0",
    "SET idle_in_transaction_session_timeout = 0",
)


def connect(database: Database) -> psycopg.Connection[Any]:
    """A connection in autocommit mode whose texts of values are the same on every server.

    Raises SnapshotError.
    """
    import psycopg

    _, settings = database.dialect().create_connect_args(database.url)
    settings = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, **settings}
    with errors(database, "connecting"):
        connection = psycopg.connect(**settings, autocommit=True)
        for statement in _SETTINGS:
            connection.execute(statement)
        return connection


@contextlib.contextmanager
def errors(database: Database, what: str) -> Iterator[None]:
    """Tells psycopg's errors as SnapshotErrors with the next step."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        told = " ".join(database.without_password(str(error)).split())
        message = f"{database}: {what}: {told}; {_next_step(error, told)}"
        raise SnapshotError(message) from error


def _next_step(error: psycopg.Error, told: str) -> str:
    state = error.sqlstate or ""
    if state == "42501":
        return "GRANT SELECT on the table and USAGE on its schema to this user"
    if state.startswith("28") or "authentication failed" in told or "no password" in told:
        return "check user and password in --source"
    if state == "3D000" or ("database" in told and "does not exist" in told):
        return "check the database's name in --source"
    if state in ("42P01", "42703", "3F000"):
        return "the table changed, or was dropped, since it was described: run the command again"
    if state in ("22023", "55000") and "snapshot" in told:
        return "the session that holds the snapshot has ended: run the command again with --resume"
    if not state or state.startswith(("08", "57", "53", "58")):
        return (
            "the server was not reached or went away; nothing of the unfinished table is to be "
            "seen: run the command again, with --resume to keep the finished tables"
        )
    return "nothing of the unfinished table is to be seen; mend it and run the command again"
