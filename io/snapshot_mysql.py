"""One consistent read of a MySQL or MariaDB database, shared by parallel connections."""

from __future__ import annotations

import dataclasses
import time
import uuid
from collections.abc import Callable
from typing import Any

from pipeline_io.database import Database
from pipeline_io.snapshot_errors import SnapshotError
from pipeline_io.snapshot_mysql_columns import bound_expression, can_be_cut
from pipeline_io.snapshot_mysql_read import (
    MySqlReader,
    close_pool,
    conditions,
    identifier,
    open_pool,
    relation,
)
from pipeline_io.snapshot_mysql_session import ask, connect, driver, errors, number_of
from pipeline_io.snapshot_ranges import RangePlan, ReadTable, ranges_between

LOCK_SECONDS = 10
"""FLUSH TABLES WITH READ LOCK waits for statements that run, and all writers wait behind it."""
_SETTLE_SECONDS = 2.0
_BEGIN = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
# Access denied, lock wait timeout: both leave one connection to read with.
_NO_LOCK = {1044, 1045, 1142, 1227, 1290, 1205, 1223}


@dataclasses.dataclass
class MySqlSnapshot:
    """The connections that are in one state of the database, until `close`."""

    database: Database
    anchor: dict[str, object]
    pool: str
    planner: Any

    @classmethod
    def open(cls, address: str, readers: int, tell: Callable[[str], None]) -> MySqlSnapshot:
        """Begins the same read on `readers` connections and one more, which plans.

        With the privilege to lock, no commit comes between them. Without it a single connection
        reads, and the anchor is from just before its read: too early, which converges.

        Raises SnapshotError.
        """
        database = Database(address)
        control = connect(database)
        opened = [control]
        try:
            reason = _lock(control)
            opened += [connect(database) for _ in range(readers + 1 if reason is None else 1)]
            with errors(database, "recording the position in the log"):
                if reason is not None:
                    tell(
                        f"{database}: tables cannot be locked for a moment ({reason}), so one "
                        "connection reads alone; GRANT RELOAD to this user to read in parallel"
                    )
                anchor = read_anchor(control, settle=reason is not None)
                for connection in opened[1:]:
                    ask(connection, _BEGIN)
                if reason is None:
                    ask(control, "UNLOCK TABLES")
        except BaseException:
            for connection in opened:
                connection.close()
            raise
        control.close()
        name = uuid.uuid4().hex
        open_pool(name, opened[2:] or opened[1:])
        return cls(database, anchor, name, opened[1])

    def plan(self, table: ReadTable, range_rows: int) -> RangePlan:
        """Ranges of `range_rows` rows each, by steps along the key's index. Raises SnapshotError.

        A key whose order is not that of its comparisons is read in one range.
        """
        types = {column.name: column.source_type for column in table.columns}
        with errors(self.database, f"reading the keys of {relation(table)}"):
            ((count,),) = ask(self.planner, f"SELECT COUNT(*) FROM {relation(table)}")  # noqa: S608
            bounds: list[tuple[str, ...]] = []
            if all(can_be_cut(types[name]) for name in table.key):
                keys = ", ".join(identifier(name) for name in table.key)
                texts = ", ".join(
                    bound_expression(identifier(name), types[name]) for name in table.key
                )
                while (len(bounds) + 1) * range_rows < int(count):
                    where = conditions(table, bounds[-1] if bounds else None, None)
                    found = ask(
                        self.planner,
                        f"SELECT {texts} FROM {relation(table)}{where} ORDER BY {keys} "  # noqa: S608
                        f"LIMIT 1 OFFSET {range_rows - 1}",
                    )
                    if not found:
                        break
                    bounds.append(found[0])
        return RangePlan(ranges_between(table, bounds), int(count))

    def reader(self) -> MySqlReader:
        return MySqlReader(self.database, self.pool)

    def close(self) -> None:
        close_pool(self.pool)
        # It may be the pool's too, and be closed already.
        if self.planner.open:
            self.planner.close()


def _lock(control: Any) -> str | None:
    """Locks all tables for reading; why not, where it cannot be done."""
    try:
        ask(control, f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}")
        ask(control, "FLUSH TABLES WITH READ LOCK")
    except driver().Error as error:
        if number_of(error) not in _NO_LOCK:
            message = f"FLUSH TABLES WITH READ LOCK: {error}; run the command again"
            raise SnapshotError(message) from error
        return str(error.args[1] if len(error.args) > 1 else error)
    return None


def read_anchor(connection: Any, *, settle: bool) -> dict[str, object]:
    """Where the server's log is now.

    settle: commits go on. GTIDs may then be recorded out of order for a moment: that is waited for.

    Raises SnapshotError for a server without a log.
    """
    ((version,),) = ask(connection, "SELECT VERSION()")
    position = _binlog_position(connection)
    if "mariadb" in version.lower():
        ((pos, current),) = ask(
            connection, "SELECT @@GLOBAL.gtid_binlog_pos, @@GLOBAL.gtid_current_pos"
        )
        return {"gtid_binlog_pos": pos or current, **position}
    ((mode, server),) = ask(connection, "SELECT @@GLOBAL.gtid_mode, @@GLOBAL.server_uuid")
    if mode == "ON":
        executed = _executed(connection, server, settle)
        return {"gtid_executed": executed, "server_uuid": server, **position}
    if not position:
        message = (
            "the server has no GTIDs, and SHOW MASTER STATUS tells no binlog position: switch "
            "log_bin on, and GRANT REPLICATION CLIENT to this user"
        )
        raise SnapshotError(message)
    return {**position, "server_uuid": server}


def _executed(connection: Any, server: str, settle: bool) -> str:
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        ((executed,),) = ask(connection, "SELECT @@GLOBAL.gtid_executed")
        own = [part for part in executed.split(",") if part.strip().startswith(server)]
        has_gap = any(part.count(":") > 1 for part in own)
        if not (settle and has_gap) or time.monotonic() > deadline:
            return "".join(executed.split())
        time.sleep(0.05)


def _binlog_position(connection: Any) -> dict[str, object]:
    """{"file", "pos"}, empty where the server does not tell."""
    # MySQL 8.4 knows the second name alone.
    for statement in ("SHOW MASTER STATUS", "SHOW BINARY LOG STATUS"):
        try:
            rows = ask(connection, statement)
        except driver().Error:
            continue
        if rows:
            return {"file": rows[0][0], "pos": int(rows[0][1])}
    return {}
