"""Where a change log is written: one small set of methods, whatever the warehouse."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import pyarrow as pa

from kami.errors import KamiError
from kami.warehouse import Warehouse, open_warehouse
from kami.warehouse import quoted as quoted_in_bigquery
from pipeline_io.bigquery_log_sink import BigQueryLogSink
from pipeline_io.bigquery_writers import COLUMNS as WRITER_COLUMNS
from pipeline_io.bigquery_writers import TABLE as WRITERS
from pipeline_io.bigquery_writers import OnlyWriter
from pipeline_io.warehouse_errors import WarehouseError
from pipeline_io.warehouse_file import quoted
from pipeline_io.warehouse_file_log import WarehouseFileLog
from pipelines.change_log_options import BIGQUERY, DUCKDB
from pipelines.options import FlagError

_LOGGER = logging.getLogger(__name__)


class LogSink(Protocol):
    """The tables of one dataset. Columns are (name, BigQuery's type)."""

    def ensure_table(
        self,
        name: str,
        columns: Sequence[tuple[str, str]],
        *,
        partition_by: str | None,
        cluster_by: Sequence[str],
    ) -> None:
        """Makes a table where it is missing, at the latest with the next flush."""

    def append(self, name: str, rows: pa.RecordBatch) -> None:
        """Adds rows to a table that was ensured."""

    def flush(self) -> None:
        """All appended rows are durable when it returns."""

    def close(self) -> None: ...


Query = Callable[[str], pa.Table]
"""Runs a SELECT in which `{dataset}` stands for the dataset, over rows that were flushed."""


def _nothing() -> None:
    return


@dataclasses.dataclass(frozen=True)
class OpenLog:
    """A warehouse that is open: who writes, and who reads what is stored.

    quote: a table's name as the queries' SQL has it. claim: makes this the only writer, before a
    row is appended or looked for; may raise WarehouseError. close: ends all connections.
    """

    sink: LogSink
    query: Query
    tables: Callable[[], list[str]]
    quote: Callable[[str], str]
    close: Callable[[], None]
    claim: Callable[[], None] = _nothing

    @property
    def has_failed(self) -> bool:
        """Whether nothing can be written any more, so that it has to be opened again."""
        return bool(getattr(self.sink, "has_failed", False))


def open_log(warehouse: str, dataset: str, *, exactly_once: bool = False) -> OpenLog:
    """The dataset of a warehouse, `duckdb:FILE` or `bigquery:PROJECT`. Raises FlagError.

    exactly_once: BigQuery's rows go to streams at offsets, and this is the only one who writes.
    """
    if warehouse.startswith(DUCKDB):
        file = WarehouseFileLog(warehouse.removeprefix(DUCKDB), dataset, _LOGGER.warning)
        return OpenLog(file, file.query, file.tables, quoted, file.close)
    try:
        return _open_bigquery(warehouse, dataset, exactly_once=exactly_once)
    except ValueError as error:
        message = f"--warehouse={warehouse}: {error}"
        raise FlagError(message) from error


def _open_bigquery(warehouse: str, dataset: str, *, exactly_once: bool) -> OpenLog:
    project = warehouse.removeprefix(BIGQUERY)

    def query(sql: str) -> pa.Table:
        with _reading(warehouse) as opened:
            return opened.query(sql.format(dataset=f"`{dataset}`"))

    def tables() -> list[str]:
        with _reading(warehouse) as opened:
            return [name for name, kind in opened.tables(dataset).items() if kind == "table"]

    if not exactly_once:
        sink = BigQueryLogSink(project, dataset)
        return OpenLog(sink, query, tables, quoted_in_bigquery, sink.close)
    # What the rows' own sink tells of its streams cannot go through it.
    claims = BigQueryLogSink(project, dataset)
    writer = OnlyWriter(claims, query, claims.end_stream, str(claims.config))
    rows = BigQueryLogSink(project, dataset, exactly_once=True, on_made=writer.announce)

    def claim() -> None:
        claims.ensure_table(WRITERS, WRITER_COLUMNS)
        writer.take()

    def close() -> None:
        rows.close()
        claims.close()

    return OpenLog(rows, query, tables, quoted_in_bigquery, close, claim)


@contextlib.contextmanager
def _reading(warehouse: str) -> Iterator[Warehouse]:
    try:
        with open_warehouse(warehouse, read_only=True) as opened:
            yield opened
    except KamiError as error:
        raise WarehouseError(str(error)) from error
