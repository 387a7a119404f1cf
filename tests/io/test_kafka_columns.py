"""Batches that Java lays out as Arrow's buffers are read as they were written."""

from __future__ import annotations

import struct
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_io.kafka_columns import BUFFERS, ColumnsError, record_batch
from pipeline_io.record_schema import RECORD_SCHEMA

INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
BINARY = st.none() | st.binary(max_size=12)
HEADERS = st.lists(st.fixed_dictionaries({"key": TEXT, "value": BINARY}), max_size=4)
MILLIS = st.none() | st.integers(-(2**40), 2**42)
RECORD = st.fixed_dictionaries(
    {
        "topic": TEXT,
        "partition": INT32,
        "offset": INT64,
        "timestamp": MILLIS,
        "headers": HEADERS,
        "key": BINARY,
        "value": BINARY,
    }
)


def bits(values: list[Any]) -> bytes:
    whole = sum(1 << number for number, value in enumerate(values) if value is not None)
    return whole.to_bytes((len(values) + 7) // 8, "little")


def variable(values: list[bytes | None]) -> list[bytes]:
    ends = [0]
    for value in values:
        ends.append(ends[-1] + len(value or b""))
    return [struct.pack(f"<{len(ends)}i", *ends), b"".join(value or b"" for value in values)]


def laid_out(records: list[dict[str, Any]]) -> bytes:
    """What the Java class RecordColumns makes of records."""
    count = len(records)
    headers = [header for record in records for header in record["headers"]]
    ends = [0]
    for record in records:
        ends.append(ends[-1] + len(record["headers"]))
    times = [record["timestamp"] for record in records]
    values = [header["value"] for header in headers]
    buffers = [
        *variable([record["topic"].encode() for record in records]),
        struct.pack(f"<{count}i", *(record["partition"] for record in records)),
        struct.pack(f"<{count}q", *(record["offset"] for record in records)),
        bits(times),
        struct.pack(f"<{count}q", *(-1 if time is None else time for time in times)),
        struct.pack(f"<{len(ends)}i", *ends),
        *variable([header["key"].encode() for header in headers]),
        bits(values),
        *variable(values),
    ]
    for name in ("key", "value"):
        column = [record[name] for record in records]
        buffers += [bits(column), *variable(column)]
    assert len(buffers) == BUFFERS
    head = struct.pack("<3q", count, len(headers), len(buffers))
    lengths = struct.pack(f"<{BUFFERS}q", *map(len, buffers))
    return head + lengths + b"".join(part + bytes(-len(part) % 8) for part in buffers)


@given(st.lists(RECORD, min_size=1, max_size=20))
def test_a_batch_is_read_as_it_was_laid_out(records: list[dict[str, Any]]) -> None:
    batch = record_batch(laid_out(records))
    batch.validate(full=True)
    expected = pa.Table.from_pylist(records, schema=RECORD_SCHEMA).to_batches()[0]
    assert batch.equals(expected)


RECORD_OF_NULLS = {
    "topic": "items",
    "partition": 0,
    "offset": 7,
    "timestamp": None,
    "headers": [],
    "key": None,
    "value": None,
}


def test_the_columns_point_into_the_bytes() -> None:
    payload = laid_out([{**RECORD_OF_NULLS, "value": b"x" * 1000}])
    batch = record_batch(payload)
    data = batch.column("value").buffers()[2]
    assert data is not None
    start = pa.py_buffer(payload).address
    assert start <= data.address < start + len(payload)


@given(st.integers(0, 400))
def test_bytes_that_were_cut_are_an_error(length: int) -> None:
    payload = laid_out([{**RECORD_OF_NULLS, "value": b"x" * 400}])
    with pytest.raises(ColumnsError, match="is cut"):
        record_batch(payload[:length])


def test_bytes_of_another_version_are_an_error_with_the_next_step() -> None:
    payload = bytearray(laid_out([RECORD_OF_NULLS]))
    payload[16] = BUFFERS + 1
    with pytest.raises(ColumnsError, match=r"has 19 buffers, expected 18; start the expansion"):
        record_batch(bytes(payload))
