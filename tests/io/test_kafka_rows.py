"""KafkaIO's rows become batches that never outlive their bundle."""

from __future__ import annotations

from typing import Any, NamedTuple

import pyarrow as pa
from apache_beam.utils.timestamp import Timestamp

from pipeline_io.kafka_rows import BatchRows, batch_of
from pipeline_io.record_schema import RECORD_SCHEMA


class Header(NamedTuple):
    key: str
    value: bytes | None


class Row(NamedTuple):
    """A row as KafkaIO's schema names its fields."""

    topic: str = "items"
    partition: int = 0
    offset: int = 0
    timestamp: int = 1_000
    key: bytes | None = None
    value: bytes | None = None
    headers: list[Header] | None = None
    timestampTypeId: int = 0
    timestampTypeName: str = "CreateTime"


def outputs(rows: BatchRows, *given: Row) -> list[Any]:
    return [output for row in given for output in rows.process(row) or ()]


def test_every_column_is_kept_nulls_included() -> None:
    headers = [Header("context", b"pg"), Header("empty", None)]
    rows = [
        Row(offset=1, key=b"k", value=b"v", headers=headers),
        Row(offset=2, partition=3, headers=[]),
        Row(offset=3, topic="other", timestamp=-1, timestampTypeId=-1, headers=None, value=b""),
    ]
    batch = batch_of(rows)
    batch.validate(full=True)
    assert batch.schema.equals(RECORD_SCHEMA)
    assert batch.drop_columns(["timestamp", "headers"]).to_pylist() == [
        {"topic": "items", "partition": 0, "offset": 1, "key": b"k", "value": b"v"},
        {"topic": "items", "partition": 3, "offset": 2, "key": None, "value": None},
        {"topic": "other", "partition": 0, "offset": 3, "key": None, "value": b""},
    ]
    assert batch.column("timestamp").cast(pa.int64()).to_pylist() == [1_000, 1_000, None]
    assert batch.column("headers").to_pylist() == [
        [{"key": "context", "value": b"pg"}, {"key": "empty", "value": None}],
        [],
        [],
    ]


def test_a_batch_leaves_when_it_is_full_and_the_rest_with_its_bundle() -> None:
    rows = BatchRows(batch_size=2, batch_bytes=1_000, by_record_time=False)
    rows.start_bundle()
    full = outputs(rows, *(Row(offset=number) for number in range(5)))
    assert [output.value.column("offset").to_pylist() for output in full] == [[0, 1], [2, 3]]
    (rest,) = rows.finish_bundle()
    assert rest.value.column("offset").to_pylist() == [4]
    assert list(rows.finish_bundle()) == []


def test_large_records_make_smaller_batches() -> None:
    rows = BatchRows(batch_size=100, batch_bytes=10, by_record_time=False)
    rows.start_bundle()
    full = outputs(rows, Row(value=b"12345"), Row(key=b"12345"), Row(value=b"1"))
    assert [output.value.num_rows for output in full] == [2]


def test_a_batch_has_the_time_of_its_earliest_record() -> None:
    rows = BatchRows(batch_size=2, batch_bytes=1_000, by_record_time=True)
    rows.start_bundle()
    (full,) = outputs(rows, Row(timestamp=9_000), Row(timestamp=5_000))
    assert full.timestamp == Timestamp(5)
    outputs(rows, Row(timestamp=7_000))
    (rest,) = rows.finish_bundle()
    assert rest.timestamp == Timestamp(7)
