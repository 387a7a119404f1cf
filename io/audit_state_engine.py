"""Engines of databases that hold state, and who holds a lease in them."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import sqlalchemy.event

from pipeline_io.audit_errors import AuditError
from pipeline_io.database import CONNECT_TIMEOUT_SECONDS, Database

_LOCK_TIMEOUT_SECONDS = 60


def state_engine(database: Database) -> sa.Engine:
    """An engine that writes. SQLite's file is made, and survives a fall of the machine.

    Raises AuditError when the driver is not installed.
    """
    url, kind = database.url, database.kind
    settings: dict[str, Any] = {}
    if kind == "sqlite":
        if url.database and url.database != ":memory:":
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        settings["connect_args"] = {"timeout": _LOCK_TIMEOUT_SECONDS}
    elif kind in ("postgresql", "mysql", "mariadb"):
        settings["connect_args"] = {"connect_timeout": CONNECT_TIMEOUT_SECONDS}
    try:
        engine = sa.create_engine(url, pool_pre_ping=True, hide_parameters=True, **settings)
    except (ModuleNotFoundError, sa.exc.NoSuchModuleError) as error:
        message = f"{database}: the Python driver is not installed ({error})"
        raise AuditError(message) from error
    if kind == "sqlite":
        sqlalchemy.event.listen(engine, "connect", _sqlite_connected)
        sqlalchemy.event.listen(engine, "begin", _sqlite_begins)
    return engine


def _sqlite_connected(connection: Any, record: object) -> None:
    # Transactions are begun by us: the driver would begin them too late.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _sqlite_begins(connection: sa.Connection) -> None:
    # A transaction that reads first and writes then could not wait for another writer.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def own_name() -> str:
    """`host:process:random`: who holds a lease."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(8)}"


def is_gone(owner: str) -> bool:
    """Whether the owner was a process of this machine that has ended. Of others nobody knows."""
    host, _, rest = owner.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname() or not rest.isdigit() or os.name != "posix":
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
