"""A strict BigQuery in this process that answers queries too, by DuckDB."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot

from kami.bigquery_warehouse import EMULATOR
from pipeline_io import bigquery_streams
from pipeline_io.bigquery_config import STORAGE_EMULATOR_VARIABLE
from pipeline_io.bigquery_log_sink import BigQueryLogSink
from pipelines import change_log_sink
from tests.io.bigquery_rows import BigQuery, running
from tests.io.bigquery_stand_in import path_of

WAREHOUSE = "bigquery:shop-1"
"""The project of the stand-in; its dataset is `shop`."""

_TYPES: dict[str, pa.DataType] = {
    "STRING": pa.string(),
    "INT64": pa.int64(),
    "INTEGER": pa.int64(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}


class StandInWarehouse:
    """What a change log asks of `kami.warehouse.Warehouse`; columns of plain types alone."""

    def __init__(self, service: BigQuery) -> None:
        self.service = service
        self.asked: list[str] = []

    def query(self, sql: str) -> pa.Table:
        self.asked.append(sql)
        (statement,) = sqlglot.transpile(sql, read="bigquery", write="duckdb")
        with duckdb.connect() as connection:
            connection.execute("CREATE SCHEMA shop")
            for name in list(self.service.rest.tables):
                connection.register("given", self._rows(name))
                connection.execute(f'CREATE TABLE shop."{name}" AS FROM given')
            found: pa.Table = connection.sql(statement).to_arrow_table()
            return found

    def tables(self, dataset: str) -> dict[str, str]:
        return dict.fromkeys(self.service.rest.tables, "table")

    def _rows(self, name: str) -> pa.Table:
        fields = self.service.rest.tables[name]["schema"]["fields"]
        plain = [(field["name"], _TYPES[field["type"]]) for field in fields if _is_plain(field)]
        rows = list(self.service.storage.stored[path_of(name)])
        columns = {column: pa.array([row.get(column) for row in rows], of) for column, of in plain}
        return pa.table(columns)


def _is_plain(field: dict[str, Any]) -> bool:
    return field["type"] in _TYPES and field.get("mode") != "REPEATED"


@contextlib.contextmanager
def warehouse(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInWarehouse]:
    """A BigQuery that pipelines write to and ask, with short waits."""
    with running() as service:
        made = StandInWarehouse(service)

        @contextlib.contextmanager
        def opened(address: str, *, read_only: bool) -> Iterator[StandInWarehouse]:
            assert (address, read_only) == (WAREHOUSE, True)
            yield made

        monkeypatch.setenv(EMULATOR, service.rest.endpoint)
        monkeypatch.setenv(STORAGE_EMULATOR_VARIABLE, f"127.0.0.1:{service.storage.port}")
        monkeypatch.setattr(change_log_sink, "open_warehouse", opened)
        # Several requests a table, so that some are stored when others are not.
        sink = functools.partial(BigQueryLogSink, request_bytes=20_000)
        monkeypatch.setattr(change_log_sink, "BigQueryLogSink", sink)
        monkeypatch.setattr(bigquery_streams, "_FIRST_WAIT_SECONDS", 0.01)
        monkeypatch.setattr(bigquery_streams, "_LONGEST_WAIT_SECONDS", 0.05)
        yield made


def places(made: StandInWarehouse, table: str) -> list[tuple[str, int, int]]:
    """Topic, partition and offset of the rows that are stored of a table's log."""
    rows = made.service.storage.stored[path_of(f"{table}_change_log")]
    return [(row["_topic"], row["_topic_partition"], row["_offset"]) for row in rows]
