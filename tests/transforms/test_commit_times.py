"""When changes were committed, by what Debezium says of their source."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from transforms.avro import DecodedGroup
from transforms.commit_times import commit_times, tell_commits
from transforms.records import RECORD_SCHEMA

AT = 1_700_000_000_000


def group(positions: list[int], **columns: Any) -> DecodedGroup:
    return DecodedGroup(7, np.array(positions, np.int64), pa.record_batch(columns))


def records(timestamps: list[int]) -> pa.RecordBatch:
    rows = [
        {"topic": "t", "partition": 0, "offset": number, "timestamp": at}
        for number, at in enumerate(timestamps)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=RECORD_SCHEMA)


class Noted:
    """A reading that keeps what it is told."""

    def __init__(self) -> None:
        self.found: list[tuple[Any, Any]] = []

    def read(self, records: pa.RecordBatch) -> None:
        raise AssertionError

    def committed(self, committed_ms: pa.Array[Any], timestamps: pa.Array[Any]) -> None:
        pairs = zip(committed_ms.to_pylist(), timestamps.cast(pa.int64()).to_pylist(), strict=True)
        self.found += pairs


def test_each_commit_goes_with_the_time_of_its_own_record() -> None:
    noted = Noted()
    groups = [
        group([3, 0], source=[{"ts_ms": AT + 3}, {"ts_ms": AT}]),
        group([1], source=pa.array([{"ts_ms": None}], pa.struct([("ts_ms", pa.int64())]))),
    ]
    tell_commits(noted, records([AT + 10, AT + 11, AT + 12, AT + 13]), groups)
    assert noted.found == [(AT + 3, AT + 13), (AT, AT + 10), (None, AT + 11)]


def test_a_batch_of_one_schema_is_told_as_a_whole() -> None:
    noted = Noted()
    source = [{"ts_ms": AT + number} for number in range(3)]
    tell_commits(noted, records([AT + 5, AT + 6, AT + 7]), [group([0, 1, 2], source=source)])
    assert noted.found == [(AT, AT + 5), (AT + 1, AT + 6), (AT + 2, AT + 7)]


def test_records_that_say_nothing_of_a_commit_are_passed_over() -> None:
    groups = [
        group([0], source=["web"]),
        group([1], id=[1]),
        group([2], source=[{"table": "items"}]),
        group([3], source=[{"ts_ms": "soon"}]),
    ]
    assert list(commit_times(groups)) == []


def test_an_instant_is_taken_in_milliseconds_whatever_its_unit() -> None:
    at = datetime.datetime.fromtimestamp(AT / 1000, datetime.timezone.utc)
    struct = pa.array([{"ts_ms": at}], pa.struct([("ts_ms", pa.timestamp("us", "UTC"))]))
    ((_, times),) = commit_times([group([0], source=struct)])
    assert times.to_pylist() == [AT]
