"""One consistent read of a PostgreSQL database, shared by parallel readers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from pipeline_io.database import Database
from pipeline_io.snapshot_postgres_read import PostgresReader, identifier, key_list, relation
from pipeline_io.snapshot_postgres_session import connect, errors
from pipeline_io.snapshot_postgres_wait import wait_for_open_transactions
from pipeline_io.snapshot_ranges import RangePlan, ReadTable, ranges_between

_POSITION = (
    "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() "
    "ELSE pg_current_wal_lsn() END::text"
)
# Ids as the log has them, of 32 bits.
_EXPORT = (
    "SELECT pg_export_snapshot(), pg_snapshot_xmax(seen)::text::bigint % 4294967296, "
    "ARRAY(SELECT xid::text::bigint % 4294967296 FROM pg_snapshot_xip(seen) AS xid) "
    "FROM pg_current_snapshot() AS seen"
)


@dataclasses.dataclass
class PostgresSnapshot:
    """The session that holds the snapshot: it must stay open while ranges are read."""

    database: Database
    anchor: dict[str, object]
    snapshot: str
    connection: Any

    @classmethod
    def open(
        cls, address: str, wait_seconds: float, tell: Callable[[str], None]
    ) -> PostgresSnapshot:
        """Records the log's position, waits for transactions that are open, then opens the read.

        The anchor has the lsn, and the transactions that the read does not see. These stand behind
        the lsn, but for a standby, which does not tell who is open: the god view goes by them.

        Raises SnapshotError.
        """
        database = Database(address)
        connection = connect(database)
        try:
            with errors(database, "recording the position in the log"):
                # The position first: a transaction with changes before it is open, or has ended.
                (lsn,) = connection.execute(_POSITION).fetchone()  # type: ignore[misc]
                wait_for_open_transactions(connection, wait_seconds, tell)
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                name, xmax, running = connection.execute(_EXPORT).fetchone()  # type: ignore[misc]
        except BaseException:
            connection.close()
            raise
        anchor = {"lsn": lsn, "xmax": xmax, "in_progress": running}
        return cls(database, anchor, str(name), connection)

    def plan(self, table: ReadTable, range_rows: int) -> RangePlan:
        """Ranges of `range_rows` rows each, whose bounds come from the key's index alone.

        Raises SnapshotError.
        """
        names = key_list(table)
        texts = ", ".join(f"{identifier(name)}::text" for name in table.key)
        numbered = f"SELECT {names}, row_number() OVER (ORDER BY {names}) AS row_number"
        every = (
            f"SELECT {texts} FROM ({numbered} FROM {relation(table)}) AS numbered "  # noqa: S608
            f"WHERE row_number %% %s = 0 ORDER BY row_number"
        )
        with errors(self.database, f"reading the keys of {relation(table)}"):
            (count,) = self.connection.execute(
                f"SELECT count(*) FROM {relation(table)}"  # noqa: S608
            ).fetchone()
            bounds = (
                self.connection.execute(every, [range_rows]).fetchall()
                if count > range_rows
                else []
            )
        return RangePlan(ranges_between(table, bounds), count)

    def reader(self) -> PostgresReader:
        return PostgresReader(self.database, self.snapshot)

    def close(self) -> None:
        self.connection.close()
