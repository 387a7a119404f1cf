"""Snapshot tables in a DuckDB file: filled beside the old ones, and put in their place at once."""

from __future__ import annotations

import contextlib
import datetime
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa

from pipeline_io.snapshot_errors import SnapshotError
from pipeline_io.warehouse_file import LOCK_SECONDS, WarehouseFile, quoted

READING, DONE = "reading", "done"
"""`_snapshots.state`: a snapshot that is being read or broke off, and one that is in place."""

# One process has one instance of a file; what changes tables must not meet what else does.
_writing = threading.RLock()


class SnapshotRecord(NamedTuple):
    """A row of `_snapshots`."""

    table_name: str
    anchor: str
    order_key: str
    xmax: int | None
    in_progress: list[int]
    taken_at: datetime.datetime
    row_count: int
    state: str


class SnapshotFile:
    """The snapshot tables of one dataset in a DuckDB file. Pickles; opens the file for moments.

    Args:
        translate: BigQuery's SQL, which tables are described in, to DuckDB's.
        wait_seconds: how long to wait for another process that holds the file.
    """

    def __init__(
        self,
        path: str,
        dataset: str,
        translate: Callable[[str], str],
        wait_seconds: float = LOCK_SECONDS,
    ) -> None:
        self.path = path
        self.dataset = dataset
        self.translate = translate
        self.wait_seconds = wait_seconds

    def create(self, tables: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        """Makes the tables that are missing, columns in BigQuery's types."""
        with self._open() as file:
            file.query(f"CREATE SCHEMA IF NOT EXISTS {quoted(self.dataset)}")
            for name, columns in tables.items():
                file.query(self._create("CREATE TABLE IF NOT EXISTS", name, columns))

    def begin(self, table: str, columns: Sequence[tuple[str, str]]) -> None:
        """Makes an empty table beside the snapshot of `table`; what an earlier run left goes."""
        with self._open() as file:
            file.query(self._create("CREATE OR REPLACE TABLE", new_of(table), columns))

    def append(self, table: str, rows: pa.Table, select: str | None = None) -> None:
        """Adds rows to the table that `begin` made, all or none.

        select: BigQuery's SQL that makes the table's columns of those of `incoming`, which are the
            rows; None: they have the table's columns.
        """
        with self._open() as file:
            if select is None:
                file.append(self.dataset, new_of(table), rows)
                return
            file.open().register("incoming", rows)
            name = self._name(new_of(table))
            file.query(f"INSERT INTO {name} BY NAME {self.translate(select)}")

    def finish(self, table: str, record: SnapshotRecord) -> None:
        """Puts the new table in the old one's place, and says so in `_snapshots`, in one step.

        Raises:
            SnapshotError: the new table has not the rows that the record counts.
        """
        new, old = self._name(new_of(table)), self._name(f"{table}_snapshot")
        with self._open() as file, file.transaction():
            count = file.query(f"SELECT count(*) FROM {new}").column(0)[0].as_py()  # noqa: S608
            if count != record.row_count:
                message = (
                    f"{self.path}: {new} has {count} rows, and the source has {record.row_count}; "
                    "the old snapshot stays, run the command again"
                )
                raise SnapshotError(message)
            file.query(f"DROP TABLE IF EXISTS {old}")
            file.query(f"ALTER TABLE {new} RENAME TO {quoted(f'{table}_snapshot')}")
            self._delete_rows(file, table)
            self._record(file, record)

    def write_rows(self, table: str, rows: pa.Table, record: SnapshotRecord) -> None:
        """Puts rows as JSON in `_snapshot_rows`, in place of those that the table has there."""
        with self._open() as file, file.transaction():
            self._delete_rows(file, table)
            file.append(self.dataset, "_snapshot_rows", rows)
            self._record(file, record)

    def record(self, record: SnapshotRecord) -> None:
        """Notes a snapshot that is being read; the one that is in place stays noted."""
        with self._open() as file, file.transaction():
            self._record(file, record)

    def records(self) -> list[SnapshotRecord]:
        """The rows of `_snapshots`."""
        columns = ", ".join(SnapshotRecord._fields)
        sql = f"SELECT {columns} FROM {self._name('_snapshots')} ORDER BY table_name"  # noqa: S608
        with self._open() as file:
            rows = file.query(sql).to_pylist()
        return [SnapshotRecord(**{**row, "in_progress": row["in_progress"] or []}) for row in rows]

    def incarnations(self) -> list[tuple[int, str]]:
        """(ordinal, identity) of the incarnations that are stored."""
        name = self._name("_incarnations")
        with self._open() as file:
            found = file.query(f"SELECT ordinal, identity FROM {name} ORDER BY ordinal")  # noqa: S608
        return [(row["ordinal"], row["identity"] or "") for row in found.to_pylist()]

    def add_incarnations(
        self,
        source: str,
        new: Sequence[tuple[int, str]],
        seen: datetime.datetime,
        added_by: str,
    ) -> None:
        """Stores incarnations (ordinal, identity) of the source."""
        with self._open() as file:
            for ordinal, identity in new:
                sql = f"INSERT INTO {self._name('_incarnations')} VALUES (?, ?, ?, ?, ?)"  # noqa: S608
                file.query(sql, [source, ordinal, identity, seen, added_by])

    def oldest_log_key(self, table: str) -> str | None:
        """The lowest order key in the table's change log; None where it has no rows."""
        log = f"{table}_change_log"
        with self._open() as file:
            if not file.columns(self.dataset, log):
                return None
            found = file.query(f"SELECT min(_order_key) FROM {self._name(log)}")  # noqa: S608
        key = found.column(0)[0].as_py()
        return None if key is None else str(key)

    def _record(self, file: WarehouseFile, record: SnapshotRecord) -> None:
        table = self._name("_snapshots")
        # One that is in place replaces all; one that is being read only others of its kind.
        states = [READING] if record.state == READING else [READING, DONE]
        sql = f"DELETE FROM {table} WHERE table_name = ? AND list_contains(?, state)"  # noqa: S608
        file.query(sql, [record.table_name, states])
        names = ", ".join(SnapshotRecord._fields)
        marks = ", ".join("?" * len(record))
        file.query(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(record))  # noqa: S608

    def _delete_rows(self, file: WarehouseFile, table: str) -> None:
        name = self._name("_snapshot_rows")
        file.query(f"DELETE FROM {name} WHERE table_name = ?", [table])  # noqa: S608

    def _create(self, how: str, name: str, columns: Sequence[tuple[str, str]]) -> str:
        listed = ", ".join(f"`{column}` {kind}" for column, kind in columns)
        return self.translate(f"{how} `{self.dataset}`.`{name}` ({listed})")

    def _name(self, name: str) -> str:
        return f"{quoted(self.dataset)}.{quoted(name)}"

    @contextlib.contextmanager
    def _open(self) -> Iterator[WarehouseFile]:
        with _writing:
            file = WarehouseFile(self.path, self.wait_seconds)
            try:
                file.open()
                yield file
            finally:
                file.close()


def new_of(table: str) -> str:
    """The name of the table that is filled while the old snapshot is still read."""
    return f"{table}_snapshot_new"
