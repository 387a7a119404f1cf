"""Rows that change a table of BigQuery by its primary key."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from pipeline_io import bigquery_streams
from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_errors import BigQuerySchemaError
from pipeline_io.bigquery_row_table import RowTable
from pipeline_io.bigquery_row_writer import WriteBigQueryRows, check
from pipeline_io.bigquery_types import arrow_schema, parse_type
from pipeline_io.bigquery_upsert import Upserting
from pipeline_io.bigquery_upsert_rows import descriptor, serialized
from tests.io.bigquery_changes import Messages
from tests.io.bigquery_rows import BigQuery, running
from tests.io.bigquery_stand_in import Scripted, path_of
from tests.io.database_sink_rows import sink_batch

COLUMNS = (("id", "INT64"), ("name", "STRING"))
KINDS: dict[str, pa.DataType] = {"id": pa.int64(), "name": pa.large_string()}
BY_ID = Upserting(("id",))
PATH = path_of("items")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[BigQuery]:
    monkeypatch.setattr(bigquery_streams, "_FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(bigquery_streams, "_LONGEST_WAIT_SECONDS", 0.05)
    with running() as service:
        yield service


def table(service: BigQuery, by: Upserting = BY_ID, columns: Any = COLUMNS) -> RowTable:
    return RowTable(BigQueryConfig(**service.options()), "items", tuple(columns), upserting=by)


Change = tuple[int, int, str, str]
"""Key, order, op and name."""


def batch(changes: Sequence[Change]) -> pa.RecordBatch:
    rows = [{"id": key, "name": name} for key, _, _, name in changes]
    return sink_batch(
        rows, KINDS, [op for _, _, op, _ in changes], [order for _, order, _, _ in changes]
    )


def run(of: RowTable, *batches: pa.RecordBatch, refused: Sequence[Any] = ()) -> None:
    with beam.Pipeline() as pipeline:
        found = pipeline | beam.Create(list(batches)) | WriteBigQueryRows(of) | beam.Map(told)
        assert_that(found, equal_to(list(refused)))


def told(refused: pa.RecordBatch) -> tuple[Any, ...]:
    offsets = [row["record"]["offset"] for row in refused.to_pylist()]
    return offsets, refused.column("error_class").to_pylist()


def seen(service: BigQuery) -> dict[int, str]:
    return {row["id"]: row["name"] for row in service.storage.changed[PATH].rows}


def test_rows_are_upserted_and_deleted_by_their_key_in_the_order_of_their_events(
    service: BigQuery,
) -> None:
    run(
        table(service),
        batch([(1, 1, "c", "a"), (2, 2, "c", "b"), (3, 3, "r", "c")]),
        batch([(1, 6, "u", "new"), (2, 5, "d", "b"), (1, 4, "u", "old")]),
        # A delivery of what was deleted before.
        batch([(2, 2, "c", "b")]),
    )
    assert seen(service) == {1: "new", 3: "c"}


def test_a_table_is_made_with_its_key_its_clustering_and_its_staleness(service: BigQuery) -> None:
    of = table(service, Upserting(("id", "name"), staleness_seconds=900))
    check(of)
    made = service.rest.tables["items"]
    assert made["tableConstraints"]["primaryKey"] == {"columns": ["id", "name"]}
    assert made["clustering"]["fields"] == ["id", "name"]
    assert made["maxStaleness"] == "0-0 0 0:15:0"
    assert of.statement() == (
        "CREATE TABLE `shop-1.shop.items` (`id` INT64, `name` STRING, PRIMARY KEY (`id`, `name`) "
        "NOT ENFORCED) CLUSTER BY `id`, `name` OPTIONS (max_staleness = INTERVAL 900 SECOND)"
    )


def test_a_table_without_the_key_stops_before_a_row(service: BigQuery) -> None:
    service.sink().ensure_table("items", COLUMNS)
    with pytest.raises(BigQuerySchemaError, match="ADD PRIMARY KEY \\(`id`\\) NOT ENFORCED"):
        check(table(service))


def test_a_table_with_another_key_stops_before_a_row(service: BigQuery) -> None:
    check(table(service, Upserting(("name",))))
    with pytest.raises(BigQuerySchemaError, match=r"has the primary key \(name\)"):
        check(table(service))


def test_changes_without_an_order_are_refused_and_the_others_stored(service: BigQuery) -> None:
    rows = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    run(table(service), sink_batch(rows, KINDS), refused=[([0, 1], ["NoOrderKey"] * 2)])
    by = Upserting(("id",), order_column="name")
    rows = [{"id": 1, "name": "zz"}, {"id": 2, "name": "1F/0"}]
    run(table(service, by), sink_batch(rows, KINDS), refused=[([0], ["NoOrderKey"])])
    assert seen(service) == {2: "1F/0"}


def test_rows_that_bigquery_refuses_are_told_of_with_their_records(service: BigQuery) -> None:
    service.storage.judge = lambda row: "odd" if row["id"] % 2 else None
    changes = [(key, 1, "c", "x") for key in range(5)]
    run(table(service), batch(changes), refused=[([1, 3], ["RefusedByBigQuery"] * 2)])
    assert sorted(seen(service)) == [0, 2, 4]


def test_changes_that_are_sent_again_change_nothing(service: BigQuery) -> None:
    from grpc import StatusCode

    service.storage.script = [Scripted(StatusCode.UNAVAILABLE, stored=True, ends=True)]
    run(table(service), batch([(1, 1, "c", "a"), (2, 1, "c", "b")]))
    assert len(service.storage.stored[PATH]) == 4
    assert seen(service) == {1: "a", 2: "b"}


def test_streams_with_offsets_take_no_changes(service: BigQuery) -> None:
    sink = service.sink(exactly_once=True)
    with pytest.raises(ValueError, match="default stream alone"):
        sink.ensure_table("items", COLUMNS, upserting=BY_ID)


def many(count: int) -> list[tuple[str, str]]:
    return [(f"c{number}", "INT64") for number in range(count)]


@pytest.mark.parametrize(
    ("columns", "key", "said"),
    [
        (many(17), [name for name, _ in many(17)], "has 17 columns; BigQuery takes up to 16"),
        (many(2_001), ["c0"], "has 2,001 columns"),
        ([("id", "FLOAT64")], ["id"], "CAST it AS STRING"),
        ([("id", "ARRAY<INT64>")], ["id"], "CAST it AS STRING"),
        ([("id", "INT64")], ["other"], "a key of its columns"),
    ],
)
def test_what_bigquery_does_not_change_is_refused(
    service: BigQuery, columns: Any, key: list[str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        table(service, Upserting(tuple(key)), columns)


TYPES = {
    "n": "INT64",
    "f": "FLOAT64",
    "b": "BOOL",
    "s": "STRING",
    "raw": "BYTES",
    "price": "NUMERIC",
    "big": "BIGNUMERIC",
    "day": "DATE",
    "clock": "TIME",
    "wall": "DATETIME",
    "at": "TIMESTAMP",
    "doc": "JSON",
    "tags": "ARRAY<STRING>",
    "numbers": "ARRAY<INT64>",
    "part": "STRUCT<`x` INT64, `y` ARRAY<STRUCT<`z` STRING>>>",
}
UTC = datetime.timezone.utc
MOMENT = datetime.datetime(2026, 1, 31, 12, 0, 0, 500_000, UTC)
VALUE: dict[str, Any] = {
    "n": -(2**63),
    "f": -0.1,
    "b": False,
    "s": "",
    "raw": b"\x00" * 200,
    "price": Decimal("-0.000000001"),
    "big": Decimal("1e-38"),
    "day": datetime.date(1969, 12, 31),
    "clock": datetime.time(1, 2, 3, 4),
    "wall": MOMENT.replace(tzinfo=None),
    "at": MOMENT,
    "doc": "{}",
    "tags": ["a", "", "Ω" * 100],
    "numbers": [0, -1, 2**63 - 1],
    "part": {"x": 300, "y": [{"z": "q"}, {"z": None}]},
}


def test_every_type_is_what_protobufs_own_library_reads() -> None:
    schema = arrow_schema([(name, parse_type(text)) for name, text in TYPES.items()])
    rows = [VALUE, {**dict.fromkeys(TYPES), "tags": [], "numbers": []}]
    made = pa.RecordBatch.from_pylist(rows, schema=schema)
    first, second = Messages(descriptor(schema)).rows(serialized(made))
    assert first == {
        **VALUE,
        "price": "-0.000000001",
        "big": "0." + "0" * 37 + "1",
        "day": -1,
        "clock": "01:02:03.000004",
        "wall": "2026-01-31 12:00:00.500000",
        "at": int(MOMENT.timestamp() * 1_000_000),
    }
    assert second == rows[1]


INTEGERS = st.integers(-(2**63), 2**63 - 1)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "n": st.none() | INTEGERS,
                "s": st.none() | st.text(),
                "f": st.none() | st.floats(allow_nan=False),
                "l": st.lists(INTEGERS),
                "t": st.lists(st.text()),
            }
        ),
        min_size=1,
    ),
    st.integers(0, 3),
)
def test_any_rows_are_what_protobufs_own_library_reads(
    rows: list[dict[str, Any]], skipped: int
) -> None:
    types = {"n": "INT64", "s": "STRING", "f": "FLOAT64", "l": "ARRAY<INT64>", "t": "ARRAY<STRING>"}
    schema = arrow_schema([(name, parse_type(text)) for name, text in types.items()])
    made = pa.RecordBatch.from_pylist(rows, schema=schema).slice(skipped)
    assert Messages(descriptor(schema)).rows(serialized(made)) == rows[skipped:]
