"""The warehouse in one file: DuckDB, which runs the translation of BigQuery's SQL."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal

import click
import duckdb
import pyarrow as pa
import sqlglot.errors

from kami.duckdb_dialect import MOST_DIGITS, duckdb_type, translated
from kami.errors import KamiError, UnreachableError
from kami.warehouse import Kind

LOCK_WAIT_SECONDS = 30.0
"""A pipeline holds the file for the moments in which it writes."""
_LOCK_PAUSE_SECONDS = 0.2
_BATCH_ROWS = 10_000
_CATALOG = "_kamiflow_warehouse"
# Of each connection and cursor.
_SESSION = f"USE {_CATALOG}; SET TimeZone = 'UTC'"


class DuckDbWarehouse:
    """A DuckDB file: a schema a dataset. Times with zone are UTC's."""

    kind: Literal["duckdb", "bigquery"] = "duckdb"

    def __init__(
        self, path: str, *, read_only: bool = False, wait_seconds: float = LOCK_WAIT_SECONDS
    ) -> None:
        self.place = path
        self._connection = _connect(path, read_only, wait_seconds)

    def run(self, bigquery_sql: str) -> None:
        for statement in _statements(bigquery_sql):
            self._execute(statement)

    def query(self, bigquery_sql: str) -> pa.Table:
        (statement,) = _statements(bigquery_sql)
        with self._told(statement):
            found: pa.Table = self._connection.sql(statement).to_arrow_table()
            return found

    def stream(self, bigquery_sql: str) -> Iterator[pa.RecordBatch]:
        (statement,) = _statements(bigquery_sql)
        # A cursor of its own: another statement may run before the last batch is read.
        with self._connection.cursor() as cursor:
            cursor.execute(_SESSION)
            with self._told(statement):
                yield from cursor.sql(statement).to_arrow_reader(_BATCH_ROWS)

    def datasets(self) -> set[str]:
        rows = self._rows(
            "SELECT schema_name FROM duckdb_schemas() WHERE database_name = current_database() "
            "AND NOT internal"
        )
        return {str(name) for (name,) in rows}

    def tables(self, dataset: str) -> dict[str, Kind]:
        rows = self._rows(
            "SELECT table_name, table_type FROM information_schema.tables "
            "WHERE table_catalog = current_database() AND table_schema = ?",
            dataset,
        )
        return {str(name): "view" if kind == "VIEW" else "table" for name, kind in rows}

    def columns(self, dataset: str, table: str) -> dict[str, str] | None:
        rows = self._rows(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_catalog = current_database() AND table_schema = ? AND table_name = ? "
            "ORDER BY ordinal_position",
            dataset,
            table,
        )
        return {str(name): bigquery_type(str(of)) for name, of in rows} or None

    def same_type(self, wanted: str, found: str) -> bool:
        made = bigquery_type(duckdb_type(wanted))
        # A table made by a query has the most digits of its decimals' scale.
        return found == made or _holds(found, made)

    def definition(self, dataset: str, view: str) -> str | None:
        rows = self._rows(
            "SELECT comment FROM duckdb_views() "
            "WHERE database_name = current_database() AND schema_name = ? AND view_name = ?",
            dataset,
            view,
        )
        return str(rows[0][0]) if rows and rows[0][0] is not None else None

    def create_view(self, dataset: str, view: str, bigquery_sql: str) -> None:
        (statement,) = _statements(bigquery_sql)
        name = f"{_quoted(dataset)}.{_quoted(view)}"
        # DuckDB keeps its own text of a view: the comment keeps ours, to compare with.
        comment = bigquery_sql.replace("'", "''")
        self._execute("BEGIN TRANSACTION")
        try:
            self._execute(f"CREATE OR REPLACE VIEW {name} AS {statement}")
            self._execute(f"COMMENT ON VIEW {name} IS '{comment}'")
            self._execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    def append(self, dataset: str, table: str, rows: pa.Table) -> None:
        name = f"{_quoted(dataset)}.{_quoted(table)}"
        # DuckDB's decimals end at 38 digits: longer ones are text in it.
        for index, field in enumerate(rows.schema):
            if pa.types.is_decimal256(field.type):
                rows = rows.set_column(index, field.name, rows.column(index).cast(pa.string()))
        self._connection.register("_appended", rows)
        try:
            self._execute(f"INSERT INTO {name} BY NAME FROM _appended")
        finally:
            self._connection.unregister("_appended")

    def dry_run_bytes(self, bigquery_sql: str) -> int | None:
        """None: nothing counts bytes here."""
        return None

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> DuckDbWarehouse:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _rows(self, duckdb_sql: str, *values: object) -> list[tuple[object, ...]]:
        return self._connection.execute(duckdb_sql, values).fetchall()

    def _execute(self, duckdb_sql: str) -> None:
        with self._told(duckdb_sql):
            self._connection.execute(duckdb_sql)

    @contextlib.contextmanager
    def _told(self, duckdb_sql: str) -> Iterator[None]:
        """An error in the block tells the statement and the file."""
        try:
            yield
        except duckdb.Error as error:
            shown = duckdb_sql if len(duckdb_sql) <= 500 else f"{duckdb_sql[:500]} ..."
            message = f"{self.place}: {error}\nin the statement: {shown}"
            raise KamiError(message) from error


def bigquery_type(duckdb_name: str) -> str:
    """The BigQuery type of a DuckDB column, as DuckDB's information schema names it."""
    if duckdb_name.endswith("[]"):
        return f"ARRAY<{bigquery_type(duckdb_name[:-2])}>"
    decimal = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", duckdb_name)
    if decimal:
        digits, scale = int(decimal[1]), int(decimal[2])
        kind = "NUMERIC" if digits - scale <= 29 and scale <= 9 else "BIGNUMERIC"
        return f"{kind}({digits}, {scale})" if digits < MOST_DIGITS or scale else kind + "(38, 0)"
    return _TYPES.get(duckdb_name, duckdb_name)


def _holds(found: str, wanted: str) -> bool:
    """Whether a decimal type is another one with more digits before the point."""
    (digits, scale), (least, wanted_scale) = (
        [int(number) for number in re.findall(r"(?<=[(\s])\d+", one)]
        if "NUMERIC(" in one
        else (0, -1)
        for one in (found, wanted)
    )
    return scale == wanted_scale >= 0 and digits >= least


_TYPES = {
    "VARCHAR": "STRING",
    "TEXT": "STRING",
    "BIGINT": "INT64",
    "INTEGER": "INT64",
    "DOUBLE": "FLOAT64",
    "FLOAT": "FLOAT64",
    "BOOLEAN": "BOOL",
    "BLOB": "BYTES",
    "TIMESTAMP": "DATETIME",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "TIMESTAMPTZ": "TIMESTAMP",
}


def _statements(bigquery_sql: str) -> tuple[str, ...]:
    try:
        return translated(bigquery_sql)
    except sqlglot.errors.SqlglotError as error:
        message = f"a statement is no SQL of BigQuery: {error}\nin: {bigquery_sql}"
        raise KamiError(message) from error


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _attached(path: str, read_only: bool) -> duckdb.DuckDBPyConnection:
    """The file, open under a name of ours: by its own, shop.orders in shop.duckdb is ambiguous."""
    connection = duckdb.connect()
    try:
        options = " (READ_ONLY)" if read_only else ""
        quoted_path = path.replace("'", "''")
        connection.execute(f"ATTACH '{quoted_path}' AS {_CATALOG}{options}; {_SESSION}")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: str, read_only: bool, wait_seconds: float) -> duckdb.DuckDBPyConnection:
    """A connection; waits while another process holds the file, and says so once."""
    if read_only and not Path(path).exists():
        message = (
            f"there is no warehouse file {path!r}; run kami apply, or a pipeline with "
            f"--warehouse=duckdb:{path}, to make it"
        )
        raise UnreachableError(message)
    deadline = time.monotonic() + wait_seconds
    told = False
    while True:
        try:
            return _attached(path, read_only)
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                message = f"the warehouse file {path!r} cannot be opened: {error}"
                raise UnreachableError(message) from error
            if time.monotonic() >= deadline:
                message = (
                    f"the warehouse file {path!r} is held by another process for "
                    f"{wait_seconds:.0f} s: {error}; end that process, or try again when it is done"
                )
                raise UnreachableError(message) from error
            if not told:
                click.echo(f"kami: waiting for {path}, which another process holds", err=True)
                told = True
            time.sleep(_LOCK_PAUSE_SECONDS)
