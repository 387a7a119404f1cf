"""The native sink and the emulator, each another's reader."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from kami.tables import MYSQL_SOURCE, POSTGRESQL_SOURCE, Column, change_log_columns
from pipeline_io.bigquery_channel import open_client
from pipeline_io.bigquery_errors import BigQuerySchemaError
from pipeline_io.bigquery_types import arrow_schema, parse_type
from tests.io.bigquery_live import MakeSink, column_of, fresh_dataset, queried, sinks
from tests.stack.servers import BigQuery

UTC = datetime.timezone.utc
AT = datetime.datetime(2026, 1, 1, 3, 46, 0, 123456, tzinfo=UTC)
LOG = change_log_columns(MYSQL_SOURCE)
LAYOUT: dict[str, Any] = {"partition_by": "_ingested_at", "cluster_by": ("_key", "_order_key")}

EVERY_TYPE = (
    Column("n", "INT64"),
    Column("text", "STRING"),
    Column("short", "STRING(10)"),
    Column("bytes", "BYTES"),
    Column("float", "FLOAT64"),
    Column("bool", "BOOL"),
    Column("amount", "NUMERIC(10, 2)"),
    Column("number", "NUMERIC"),
    Column("big", "BIGNUMERIC"),
    Column("day", "DATE"),
    Column("time", "TIME"),
    Column("local", "DATETIME"),
    Column("at", "TIMESTAMP"),
    Column("json", "JSON"),
    Column("numbers", "ARRAY<INT64>"),
    Column("parts", "STRUCT<`a` STRING, `b` STRUCT<`c` INT64, `d` ARRAY<STRING>>>"),
    Column("many", "ARRAY<STRUCT<`x` INT64, `y` STRING>>"),
)


@pytest.fixture
def dataset() -> str:
    return fresh_dataset()


@pytest.fixture
def make_sink(bigquery: BigQuery, dataset: str) -> Iterator[MakeSink]:
    with sinks(bigquery, dataset) as make:
        yield make


def batch(columns: tuple[Column, ...], rows: list[dict[str, Any]]) -> pa.RecordBatch:
    schema = arrow_schema([(name, parse_type(text)) for name, text in columns])
    return pa.RecordBatch.from_pylist(rows, schema=schema)


def test_every_type_of_column_comes_back_value_by_value(make_sink: MakeSink, dataset: str) -> None:
    sink = make_sink()
    sink.ensure_table("types", EVERY_TYPE)
    full = {
        "n": -(2**63),
        "text": "żółć 😀 \u0000\n\"'\\",
        "short": "",
        "bytes": bytes(range(256)),
        "float": 0.1,
        "bool": False,
        "amount": Decimal("-12345678.90"),
        "number": Decimal("0.000000001"),
        "big": Decimal("12345678901234567890.123456789012345678"),
        "day": datetime.date(1, 1, 1),
        "time": datetime.time(23, 59, 59, 999999),
        "local": datetime.datetime(9999, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001
        "at": AT,
        "json": '{"a":[1,null,"x"],"b":{"c":"12.50"}}',
        "numbers": [1, -1, 0],
        "parts": {"a": "x", "b": {"c": 7, "d": ["p", "q"]}},
        "many": [{"x": 1, "y": "one"}, {"x": None, "y": None}],
    }
    empty = dict.fromkeys(full)
    sink.append("types", batch(EVERY_TYPE, [full, {**empty, "n": 1}]))
    sink.flush()
    assert sink.take_refused() == []
    found = queried(sink, "SELECT * FROM {dataset}.types ORDER BY n")
    # The client reads JSON as Python has it.
    assert found[0] == {**full, "json": {"a": [1, None, "x"], "b": {"c": "12.50"}}}
    assert found[1] == {**empty, "n": 1, "numbers": [], "many": []}


@pytest.mark.parametrize("source", [MYSQL_SOURCE, POSTGRESQL_SOURCE], ids=["mysql", "postgresql"])
def test_a_log_table_is_made_as_its_layout_says_once(
    make_sink: MakeSink, dataset: str, source: tuple[Column, ...]
) -> None:
    columns = change_log_columns(source)
    for _ in range(2):
        make_sink().ensure_table("orders_change_log", columns, **LAYOUT)
    with open_client(make_sink().config) as client:
        table = client.get_table(f"{dataset}.orders_change_log")
    assert table.time_partitioning.field == "_ingested_at"
    assert table.time_partitioning.type_ == "DAY"
    assert table.clustering_fields == ["_key", "_order_key"]
    assert [(f.name, f.mode) for f in table.schema] == [
        (name, "REPEATED" if of.startswith("ARRAY") else "NULLABLE") for name, of in columns
    ]


def test_log_rows_come_back_and_their_json_can_be_asked(make_sink: MakeSink, dataset: str) -> None:
    sink = make_sink()
    sink.ensure_table("orders_change_log", LOG, **LAYOUT)
    row = {
        "_key": '["1"]',
        "key": '{"id":1}',
        "before": None,
        "after": '{"id":1,"total":"12.50","note":null}',
        "op": "c",
        "ts_ms": AT,
        "transaction": {"id": "t", "total_order": 1, "data_collection_order": 2},
        "source": {"server_id": 1, "file": "b.000001", "pos": 4, "row": 0, "table": "orders"},
        "_order_key": "0001/00",
        "_ingested_at": AT,
        "_offset": 5,
        "_missing_columns": ["note"],
    }
    sink.append("orders_change_log", batch(LOG, [row, {**row, "_offset": 6, "source": None}]))
    sink.flush()
    sql = (
        "SELECT _offset, JSON_VALUE(after, '$.total') AS total, source.pos AS pos, ts_ms, "
        "transaction.total_order AS total_order, `before` IS NULL AS is_new, _missing_columns "
        "FROM {dataset}.orders_change_log ORDER BY _offset"
    )
    first, second = queried(sink, sql)
    assert first == {
        "_offset": 5,
        "total": "12.50",
        "pos": 4,
        "ts_ms": AT,
        "total_order": 1,
        "is_new": True,
        "_missing_columns": ["note"],
    }
    assert second["pos"] is None


def test_a_column_that_is_new_is_added_and_one_of_another_type_refused(
    make_sink: MakeSink, dataset: str
) -> None:
    sink = make_sink()
    sink.ensure_table("orders", [("n", "INT64"), ("s", "STRUCT<`a` INT64>")])
    sink.append("orders", pa.record_batch({"n": pa.array([1])}))
    sink.flush()
    sink.ensure_table("orders", [("n", "INT64"), ("s", "STRUCT<`a` INT64>"), ("at", "TIMESTAMP")])
    sink.append("orders", pa.record_batch({"n": pa.array([2]), "at": pa.array([AT])}))
    sink.flush()
    assert queried(sink, "SELECT n, at FROM {dataset}.orders ORDER BY n") == [
        {"n": 1, "at": None},
        {"n": 2, "at": AT},
    ]
    with pytest.raises(BigQuerySchemaError, match=r"INT64 in the column 'n'.*have STRING"):
        sink.ensure_table("orders", [("n", "STRING")])


def test_a_bad_row_among_good_ones_comes_back_alone(make_sink: MakeSink, dataset: str) -> None:
    sink = make_sink()
    sink.ensure_table("days", [("n", "INT64"), ("tags", "ARRAY<STRING>"), ("at", "TIMESTAMP")])
    tags: list[Any] = [["a"], [None], ["b"], None]
    at = pa.array([0, 0, 300_000_000_000_000_000, 0], pa.timestamp("us", tz="UTC"))
    rows = pa.record_batch({"n": pa.array([0, 1, 2, 3]), "tags": pa.array(tags), "at": at})
    sink.append("days", rows)
    sink.flush()
    refused = sink.take_refused()
    assert [(one.row, one.error_class) for one in refused] == [
        (1, "NullInArray"),
        (2, "TimeOutOfRange"),
    ]
    assert column_of(sink, "days", "n") == [0, 3]
