"""Messages as Arrow batches, column by column."""

from __future__ import annotations

import datetime
import gc
from typing import Any

import pytest
from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from pipeline_io import kafka_record_batch
from pipeline_io.kafka_positions import Partition
from pipeline_io.kafka_record_batch import record_batches
from pipeline_io.record_schema import RECORD_SCHEMA
from tests.io.kafka_fakes import record

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
KEY = Partition("t", 3)
BINARY = st.none() | st.binary(max_size=4)
HEADERS = st.none() | st.lists(
    st.tuples(st.sampled_from(["a", "ü"]), st.none() | st.binary(max_size=2)), max_size=3
)


@given(st.lists(st.tuples(BINARY, BINARY, HEADERS, st.integers(-1, 2**45)), min_size=1, max_size=9))
def test_a_batch_holds_what_the_messages_hold(fields: list[tuple[Any, Any, Any, int]]) -> None:
    messages = [
        record(KEY, offset, key=key, value=value, headers=headers, timestamp=(1, millis))
        for offset, (key, value, headers, millis) in enumerate(fields)
    ]
    for topic in (None, "t"):
        (batch,) = record_batches(messages, topic)
        assert batch.schema == RECORD_SCHEMA
        batch.validate(full=True)
        rows = batch.to_pylist()
        assert [(row["topic"], row["partition"], row["offset"]) for row in rows] == [
            ("t", 3, offset) for offset in range(len(fields))
        ]
        assert [(row["key"], row["value"]) for row in rows] == [field[:2] for field in fields]
        assert [_millis(row["timestamp"]) for row in rows] == [
            None if field[3] == -1 else field[3] for field in fields
        ]
        assert [as_pairs(row["headers"]) for row in rows] == (
            [field[2] for field in fields]
            if any(field[2] for field in fields)
            else [None] * len(rows)
        )


def _millis(time: datetime.datetime | None) -> int | None:
    return None if time is None else (time - EPOCH) // datetime.timedelta(milliseconds=1)


def as_pairs(headers: list[dict[str, Any]] | None) -> list[tuple[str, bytes]] | None:
    return None if headers is None else [(pair["key"], pair["value"]) for pair in headers]


def test_large_records_make_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_record_batch, "BATCH_BYTES", 100)
    sizes = [60, 50, 10, 200, 1, 1]
    messages = [record(KEY, at, value=b"x" * size) for at, size in enumerate(sizes)]
    batches = record_batches(messages, "t")
    found = [[len(row["value"]) for row in batch.to_pylist()] for batch in batches]
    assert found == [[60], [50, 10], [200], [1, 1]]


def test_the_garbage_collector_is_as_it_was_afterwards() -> None:
    messages: list[Message] = [record(KEY, 0)]
    for state in (True, False):
        (gc.enable if state else gc.disable)()
        try:
            record_batches(messages, "t")
            assert gc.isenabled() is state
        finally:
            gc.enable()
