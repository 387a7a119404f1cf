"""At the end of a topic: how long a batch fills, and when a bundle ends."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from apache_beam.runners.sdf_utils import RestrictionTrackerView, ThreadsafeRestrictionTracker

from pipeline_io import kafka_partitions, kafka_reader
from pipeline_io.kafka_partitions import LINGER_SECONDS, Fetched
from pipeline_io.kafka_positions import Partition, Positions, PositionsTracker, shares
from pipeline_io.kafka_reader import ReadForEver
from tests.io.kafka_fakes import FakeConsumer, FakeLog, Finalizer, Watermark, reader_of, source
from transforms.records import RECORD_SCHEMA

KEY = Partition("t", 0)
BATCH = 4


class Trickling:
    """A reader whose partition always has some more records, and never tells of its end."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def read(self, positions: Positions, limit: int, wait_seconds: float) -> list[Fetched]:
        (at,) = positions
        columns = [pa.nulls(self.rows, field.type) for field in RECORD_SCHEMA]
        batch = pa.RecordBatch.from_arrays(columns, schema=RECORD_SCHEMA)
        return [Fetched(batch, (at._replace(start=at.start + self.rows),))]

    def is_at_end(self, at: Any) -> bool:
        return False

    def is_time_to_discover(self) -> bool:
        return False

    def close(self) -> None:
        pass


def batches_of_a_bundle(rows: int) -> int:
    made: Any = lambda _: Trickling(rows)  # noqa: E731  (a reader that is none)
    dofn = ReadForEver(source(bounded=False, batch_size=BATCH), made)
    dofn.setup()
    (part,) = shares(FakeLog({KEY: []}, {KEY: 0}).positions(endless=True), 1, f"live-{rows}")
    tracker = ThreadsafeRestrictionTracker(PositionsTracker(part.positions, endless=True))
    view = RestrictionTrackerView(tracker)
    found = list(dofn.process(part, Finalizer(), view, Watermark()))
    dofn.teardown()
    return len(found)


def test_a_bundle_of_small_batches_ends_soon_and_one_of_full_batches_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka_reader, "LIVE_BUNDLE_SECONDS", 0.0)
    monkeypatch.setattr(kafka_reader, "BUNDLE_SECONDS", 0.3)
    assert batches_of_a_bundle(BATCH - 1) == 1
    assert batches_of_a_bundle(BATCH) > 1


def test_small_batches_share_a_bundle_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_reader, "LIVE_BUNDLE_SECONDS", 0.2)
    monkeypatch.setattr(kafka_reader, "BUNDLE_SECONDS", 30.0)
    assert batches_of_a_bundle(1) > 1


class Clock:
    """In place of the module time."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Noting(FakeConsumer):
    """Notes how long it was to wait."""

    waited: list[float]

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Any]:
        self.waited.append(timeout)
        return super().consume(num_messages, timeout)


@pytest.mark.parametrize(
    ("handled", "lingered"), [(0.0, 0.0), (0.01, 0.005), (5.0, LINGER_SECONDS)]
)
def test_a_batch_fills_for_half_as_long_as_the_last_one_took(
    monkeypatch: pytest.MonkeyPatch, handled: float, lingered: float
) -> None:
    clock = Clock()
    monkeypatch.setattr(kafka_partitions, "time", clock)
    log = FakeLog({KEY: [0, 1, 2]}, {KEY: 3})
    consumer = Noting(log)
    consumer.waited = []
    reader = reader_of(consumer)
    clock.now += handled
    (fetched, *_) = reader.read(log.positions(), 10, 0.5)
    assert fetched.batch is not None
    assert fetched.batch.num_rows == 3
    assert consumer.waited == [0.5, pytest.approx(lingered)]
