"""Where a change log is written: one small set of methods, whatever the warehouse."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import pyarrow as pa

from kami.errors import KamiError
from kami.warehouse import Warehouse, open_warehouse
from kami.warehouse import quoted as quoted_in_bigquery
from pipeline_io.warehouse_errors import WarehouseError
from pipeline_io.warehouse_file import quoted
from pipeline_io.warehouse_file_log import WarehouseFileLog
from pipelines.change_log_options import BIGQUERY, DUCKDB
from pipelines.options import FlagError

_LOGGER = logging.getLogger(__name__)
_BIGQUERY_MODULE = "pipeline_io.bigquery_log_sink"


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


@dataclasses.dataclass(frozen=True)
class OpenLog:
    """A warehouse that is open: who writes, and who reads what is stored.

    quote: a table's name as the queries' SQL has it.
    """

    sink: LogSink
    query: Query
    tables: Callable[[], list[str]]
    quote: Callable[[str], str]


def open_log(warehouse: str, dataset: str) -> OpenLog:
    """The dataset of a warehouse, `duckdb:FILE` or `bigquery:PROJECT`. Raises FlagError."""
    if warehouse.startswith(DUCKDB):
        file = WarehouseFileLog(warehouse.removeprefix(DUCKDB), dataset, _LOGGER.warning)
        return OpenLog(file, file.query, file.tables, quoted)
    return _open_bigquery(warehouse, dataset)


def _open_bigquery(warehouse: str, dataset: str) -> OpenLog:
    try:
        module: Any = importlib.import_module(_BIGQUERY_MODULE)
    except ImportError as error:
        message = f"--warehouse={warehouse}: {error}; choose --warehouse=duckdb:FILE"
        raise FlagError(message) from error
    try:
        sink: LogSink = module.BigQueryLogSink(warehouse.removeprefix(BIGQUERY), dataset)
    except ValueError as error:
        message = f"--warehouse={warehouse}: {error}"
        raise FlagError(message) from error

    def query(sql: str) -> pa.Table:
        with _reading(warehouse) as opened:
            return opened.query(sql.format(dataset=f"`{dataset}`"))

    def tables() -> list[str]:
        with _reading(warehouse) as opened:
            return [name for name, kind in opened.tables(dataset).items() if kind == "table"]

    return OpenLog(sink, query, tables, quoted_in_bigquery)


@contextlib.contextmanager
def _reading(warehouse: str) -> Iterator[Warehouse]:
    try:
        with open_warehouse(warehouse, read_only=True) as opened:
            yield opened
    except KamiError as error:
        raise WarehouseError(str(error)) from error
