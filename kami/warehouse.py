"""Warehouses: what kami asks of one, in BigQuery's SQL whichever it is."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Literal, Protocol

import pyarrow as pa

from kami.errors import ConfigurationError

Kind = Literal["table", "view"]


class Warehouse(Protocol):
    """A warehouse. Every text of SQL is BigQuery's; tables are named `dataset`.`table`.

    All methods raise UnreachableError when the warehouse does not answer, and KamiError with the
    warehouse's words for a statement that it refuses.
    """

    kind: Literal["duckdb", "bigquery"]
    place: str
    """Where it is, for messages: the file or the project."""

    def run(self, bigquery_sql: str) -> None:
        """Runs one statement, or several with `;` between them, in order."""

    def query(self, bigquery_sql: str) -> pa.Table:
        """The whole result of a query."""

    def stream(self, bigquery_sql: str) -> Iterator[pa.RecordBatch]:
        """The result of a query in batches, so that memory stays flat."""

    def datasets(self) -> set[str]:
        """The names of the datasets there are."""

    def tables(self, dataset: str) -> dict[str, Kind]:
        """The names of the dataset's tables and views; empty when there is no such dataset."""

    def columns(self, dataset: str, table: str) -> dict[str, str] | None:
        """A table's or view's columns in order: name -> BigQuery's type; None without it."""

    def same_type(self, wanted: str, found: str) -> bool:
        """True when a column of `found` is what this warehouse makes of BigQuery's `wanted`."""

    def definition(self, dataset: str, view: str) -> str | None:
        """The BigQuery SQL that the view was made with; None without it."""

    def create_view(self, dataset: str, view: str, bigquery_sql: str) -> None:
        """Creates the view or replaces it in one step."""

    def append(self, dataset: str, table: str, rows: pa.Table) -> None:
        """Appends rows by the columns' names; columns that `rows` lacks become NULL."""

    def dry_run_bytes(self, bigquery_sql: str) -> int | None:
        """The bytes that a query would read, which are what it costs; None where nothing counts."""

    def close(self) -> None: ...

    def __enter__(self) -> Warehouse: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def open_warehouse(address: str, *, read_only: bool = False) -> Warehouse:
    """The warehouse at `duckdb:PATH` or `bigquery:PROJECT`, opened.

    Args:
        read_only: nothing will be written: several processes may read a DuckDB file at a time.

    Raises:
        ConfigurationError: the address has another form.
        UnreachableError: it is not there, or another process holds the file.
    """
    kind, _, place = address.partition(":")
    if kind == "duckdb" and place:
        from kami.warehouse_duckdb import DuckDbWarehouse

        return DuckDbWarehouse(place, read_only=read_only)
    if kind == "bigquery" and place:
        from kami.bigquery_warehouse import BigQueryWarehouse

        return BigQueryWarehouse(place)
    message = f"the warehouse is {address!r}; expected duckdb:PATH or bigquery:PROJECT"
    raise ConfigurationError(message)


def quoted(name: str) -> str:
    """The name as BigQuery's SQL quotes it."""
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def table_sql(dataset: str, table: str) -> str:
    """`dataset`.`table`."""
    return f"{quoted(dataset)}.{quoted(table)}"


def literal(text: str) -> str:
    """The text as a string literal of BigQuery's SQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    for character, short in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\0", "\\x00")):
        escaped = escaped.replace(character, short)
    return f"'{escaped}'"
