"""A warehouse in one file: DuckDB, opened late, written in transactions, closed early.

A DuckDB file has one writing process at a time, and while it has it nobody else can read. So a
process opens the file for as long as it writes, and waits for others that do the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
from sqlglot import exp

from pipeline_io.warehouse_errors import WarehouseError

LOCK_SECONDS = 30.0
"""How long to wait for another process; its transactions are shorter, unless it is a person's."""
CATALOG = "_kamiflow_warehouse"
"""What DuckDB calls the open file: no source has such a name."""
_POLL_SECONDS = 0.2
_TELL_AFTER_SECONDS = 1.0


def _silent(message: str) -> None:
    pass


@dataclasses.dataclass
class WarehouseFile:
    """The DuckDB file at `path`, made by the first `open`. For one thread.

    tell: is told, as a sentence, when the file is waited for.
    """

    path: str
    lock_seconds: float = LOCK_SECONDS
    tell: Callable[[str], None] = _silent
    _connection: duckdb.DuckDBPyConnection | None = None

    def open(self) -> duckdb.DuckDBPyConnection:
        """The open connection, opened now if need be.

        Raises WarehouseError: the lock of another process, a folder that cannot be written, a
        file that is no warehouse.
        """
        if self._connection is None:
            self._connection = self._opened()
        return self._connection

    def close(self) -> None:
        """Closes the file for others to open; it can be opened again."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with self._errors("closing"):
                connection.close()

    def ensure_table(self, dataset: str, name: str, columns: Sequence[tuple[str, str]]) -> None:
        """Makes dataset and table where they are missing.

        columns: (name, type), the type as BigQuery's DDL has it.
        Raises WarehouseError, also for a table with other columns.
        """
        described = ", ".join(f"{quoted(column)} {duckdb_type(kind)}" for column, kind in columns)
        with self._errors(f"making the table {dataset}.{name}"):
            connection = self.open()
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(dataset)}")
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {quoted(dataset)}.{quoted(name)} ({described})"
            )
        found = self.columns(dataset, name)
        expected = [column for column, _ in columns]
        if found != expected:
            message = (
                f"{self.path}: the table {dataset}.{name} has the columns {found}, expected "
                f"{expected}; another version made it: choose another file or --source_name"
            )
            raise WarehouseError(message)

    def columns(self, dataset: str, name: str) -> list[str]:
        """The names of a table's columns, none where there is no such table."""
        found = self.query(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = ? "
            "AND table_name = ? ORDER BY ordinal_position",
            [dataset, name],
        )
        return [str(column) for column in found.column(0).to_pylist()]

    def tables(self, dataset: str) -> list[str]:
        """The names of a dataset's tables."""
        found = self.query(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = ? "
            "AND table_type = 'BASE TABLE' ORDER BY table_name",
            [dataset],
        )
        return [str(name) for name in found.column(0).to_pylist()]

    def datasets_with(self, table: str) -> list[str]:
        """The datasets that have a table of this name."""
        found = self.query(
            "SELECT table_schema FROM information_schema.tables "
            "WHERE table_name = ? ORDER BY table_schema",
            [table],
        )
        return [str(name) for name in found.column(0).to_pylist()]

    def append(self, dataset: str, name: str, rows: pa.Table | pa.RecordBatch) -> None:
        """Adds rows to a table, by the names of their columns. Raises WarehouseError."""
        names = ", ".join(quoted(column) for column in rows.schema.names)
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
        with self._errors(f"writing to {dataset}.{name}"):
            connection = self.open()
            connection.register("appended_rows", table)
            try:
                connection.execute(
                    f"INSERT INTO {quoted(dataset)}.{quoted(name)} ({names}) "  # noqa: S608
                    f"SELECT {names} FROM appended_rows"
                )
            finally:
                connection.unregister("appended_rows")

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        """What a statement of DuckDB's SQL gives. Raises WarehouseError."""
        with self._errors("reading"):
            found: pa.Table = self.open().sql(sql, params=list(parameters)).to_arrow_table()
            return found

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is done in it is in the file, and on the disk, behind it."""
        connection = self.open()
        with self._errors("writing"):
            connection.execute("BEGIN TRANSACTION")
        try:
            yield
            with self._errors("writing"):
                connection.execute("COMMIT")
        except BaseException:
            # After a failed commit there is nothing left to roll back.
            with contextlib.suppress(duckdb.Error):
                connection.execute("ROLLBACK")
            raise

    def _opened(self) -> duckdb.DuckDBPyConnection:
        started, told = time.monotonic(), False
        while True:
            try:
                with self._errors("opening"):
                    self._make_folder()
                    return self._attached()
            except WarehouseLocked as error:
                waited = time.monotonic() - started
                if waited >= self.lock_seconds:
                    message = (
                        f"{self.path} is in use by {error.holder}, and was for "
                        f"{self.lock_seconds:.0f} s: a DuckDB file has one writing process at a "
                        "time; end that one, or choose another --warehouse"
                    )
                    raise WarehouseError(message) from error
                if waited >= _TELL_AFTER_SECONDS and not told:
                    told = True
                    self.tell(f"waiting for {self.path}, which {error.holder} uses")
                time.sleep(_POLL_SECONDS)

    def _attached(self) -> duckdb.DuckDBPyConnection:
        # Under a name of ours: DuckDB names an opened file after itself, and a file named like one
        # of its datasets (shop.duckdb) would make shop.orders ambiguous.
        connection = duckdb.connect()
        try:
            path = self.path.replace("'", "''")
            connection.execute(f"ATTACH '{path}' AS {CATALOG}; USE {CATALOG}")
            connection.execute("SET TimeZone = 'UTC'")
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_folder(self) -> None:
        folder = Path(self.path).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"{self.path}: {error}; choose a folder that can be written"
            raise WarehouseError(message) from error

    @contextlib.contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            raise _error(self.path, what, str(error)) from error


class WarehouseLocked(WarehouseError):
    """Another process has the file open."""

    def __init__(self, message: str, holder: str) -> None:
        super().__init__(message)
        self.holder = holder


def _error(path: str, what: str, text: str) -> WarehouseError:
    told = text.partition("See also")[0].strip().rstrip(".")
    if "Could not set lock" in text or "Conflicting lock" in text:
        found = re.search(r"PID (\d+)", text)
        holder = f"the process {found[1]}" if found else "another process"
        return WarehouseLocked(f"{path}: {told}", holder)
    if "No space left" in text or "not enough disk space" in text.lower():
        next_step = "the disk is full: make room and run again, nothing is lost"
    elif "Permission denied" in text or "read-only" in text.lower():
        next_step = "choose a file in a folder that this user can write"
    elif "not a valid DuckDB" in text:
        next_step = "it is another file: choose another --warehouse"
    elif "newer version" in text or "older version" in text:
        next_step = "another version of DuckDB wrote it: use that one, or choose another file"
    else:
        next_step = "what was written before this transaction is kept; run again"
    return WarehouseError(f"{path}: {what}: {told}; {next_step}")


def quoted(name: str) -> str:
    """A name as an identifier of DuckDB's SQL."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def duckdb_type(kind: str) -> str:
    """DuckDB's name of a type of BigQuery, such as `ARRAY<STRING>`."""
    if kind == "NUMERIC":
        # BigQuery's digits, which DuckDB's default falls short of.
        return "DECIMAL(38, 9)"
    return exp.DataType.build(kind, dialect="bigquery").sql("duckdb")
