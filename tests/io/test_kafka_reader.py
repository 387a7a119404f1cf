"""Reading as Beam drives it: split, deferred, resumed elsewhere, and nothing lost or repeated."""

from __future__ import annotations

import collections
import random
from typing import Any

import pytest
from apache_beam.runners.sdf_utils import RestrictionTrackerView, ThreadsafeRestrictionTracker
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import MAX_TIMESTAMP, MIN_TIMESTAMP
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_io import kafka_reader
from pipeline_io.kafka_partitions import PartitionReader
from pipeline_io.kafka_positions import (
    Partition,
    PartitionRange,
    Positions,
    PositionsTracker,
    shares,
)
from pipeline_io.kafka_reader import ReadForEver, ReadToEnd
from pipeline_io.kafka_source import KafkaSource
from pipeline_io.kafka_times import timestamp_of, watermark_millis
from tests.io.kafka_fakes import FakeConsumer, FakeLog, Finalizer, Watermark, source


@st.composite
def logs(draw: st.DrawFn) -> FakeLog:
    """Partitions of up to two topics, some empty, with gaps, some beginning late."""
    offsets: dict[Partition, list[int]] = {}
    ends: dict[Partition, int] = {}
    firsts: dict[Partition, int] = {}
    for number in range(draw(st.integers(1, 4))):
        key = Partition(draw(st.sampled_from(["t", "u"])), number)
        found = sorted(draw(st.sets(st.integers(0, 30), max_size=15)))
        firsts[key] = draw(st.integers(0, 3))
        offsets[key] = [offset for offset in found if offset >= firsts[key]]
        behind = offsets[key][-1] + 1 if offsets[key] else firsts[key]
        ends[key] = behind + draw(st.integers(0, 3))
    return FakeLog(offsets, ends, firsts)


def rows(values: list[TimestampedValue[Any]]) -> list[tuple[str, int, int, bytes]]:
    return [
        (row["topic"], row["partition"], row["offset"], row["value"])
        for value in values
        for row in value.value.select(["topic", "partition", "offset", "value"]).to_pylist()
    ]


def expected(log: FakeLog, ends: dict[Partition, int]) -> dict[Partition, list[int]]:
    return {
        key: [offset for offset in offsets if offset < ends[key]]
        for key, offsets in log.offsets.items()
    }


def by_partition(found: list[tuple[str, int, int, bytes]]) -> dict[Partition, list[int]]:
    read: dict[Partition, list[int]] = collections.defaultdict(list)
    for topic, number, offset, value in found:
        assert value == f"{topic}/{number}@{offset}".encode()
        read[Partition(topic, number)].append(offset)
    return read


@settings(max_examples=300)
@given(logs(), st.integers(0, 2**32), st.integers(1, 7), st.integers(1, 3))
def test_every_record_is_read_once_and_in_order_wherever_the_runner_splits(
    log: FakeLog, seed: int, batch_size: int, readers: int
) -> None:
    chance = random.Random(seed)
    ends = dict(log.ends)
    parts = shares(log.positions(), readers, f"run-{seed}")
    # Records that come while it reads are of the next run.
    for key in chance.sample(sorted(log.ends), k=chance.randint(0, len(log.ends))):
        log.append(key)

    def make(wanted: KafkaSource) -> PartitionReader:
        return PartitionReader(wanted, lambda _: FakeConsumer(log, chance.randint(0, 99)))

    dofn = ReadToEnd(source(batch_size=batch_size), make)
    dofn.setup()
    found = []
    for part in parts:
        left: Positions | None = part.positions
        while left is not None:
            tracker = PositionsTracker(left, endless=False)
            safe = ThreadsafeRestrictionTracker(tracker)
            left = None
            for value in dofn.process(part, RestrictionTrackerView(safe)):
                found.append(value)
                assert safe.try_split(0.5) is None
                if chance.random() < 0.4 and (split := safe.try_split(0)) is not None:
                    left = split[1]
            safe.check_done()
            if deferred := safe.deferred_status():
                left = deferred[0]
            if left is not None and chance.random() < 0.3:
                # Another worker goes on with it.
                dofn.teardown()
                dofn.setup()
    dofn.teardown()
    read = by_partition(rows(found))
    assert {key: read.get(key, []) for key in log.offsets} == expected(log, ends)


@settings(max_examples=100)
@given(logs(), st.integers(0, 2**32))
def test_following_reads_what_is_there_and_what_comes(log: FakeLog, seed: int) -> None:
    chance = random.Random(seed)
    consumer = FakeConsumer(log, seed)
    dofn = ReadForEver(
        source(batch_size=5, bounded=False),
        lambda wanted: PartitionReader(wanted, lambda _: consumer),
    )
    dofn.setup()
    (part,) = shares(log.positions(endless=True), 1, f"run-{seed}")
    left = part.positions
    found: list[TimestampedValue[Any]] = []
    for _ in range(6):
        safe = ThreadsafeRestrictionTracker(PositionsTracker(left, endless=True))
        finalizer, watermark = Finalizer(), Watermark()
        found += dofn.process(part, finalizer, RestrictionTrackerView(safe), watermark)
        safe.check_done()
        # Prism fails a job whose bundle asked for nothing and is made final all the same.
        assert len(finalizer.callbacks) == 1
        deferred = safe.deferred_status()
        assert deferred is not None
        left = deferred[0]
        for key in chance.sample(sorted(log.ends), k=chance.randint(0, len(log.ends))):
            log.append(key)
    assert consumer.assignments == 1
    safe = ThreadsafeRestrictionTracker(PositionsTracker(left, endless=True))
    found += dofn.process(part, Finalizer(), RestrictionTrackerView(safe), Watermark())
    dofn.teardown()
    read = by_partition(rows(found))
    assert {key: read.get(key, []) for key in log.offsets} == expected(log, log.ends)


def test_a_split_before_anything_was_claimed_gives_all_of_it_away() -> None:
    log = FakeLog({Partition("t", 0): [0, 1, 2]}, {Partition("t", 0): 3})
    dofn = ReadToEnd(
        source(batch_size=2), lambda wanted: PartitionReader(wanted, lambda _: FakeConsumer(log))
    )
    dofn.setup()
    (part,) = shares(log.positions(), 1, "run")
    safe = ThreadsafeRestrictionTracker(PositionsTracker(part.positions, endless=False))
    split = safe.try_split(0)
    assert split is not None
    assert split[1] == part.positions
    assert list(dofn.process(part, RestrictionTrackerView(safe))) == []
    safe.check_done()
    # What was fetched and not claimed is fetched again.
    safe = ThreadsafeRestrictionTracker(PositionsTracker(split[1], endless=False))
    found = list(dofn.process(part, RestrictionTrackerView(safe)))
    dofn.teardown()
    assert by_partition(rows(found)) == {Partition("t", 0): [0, 1, 2]}


def test_a_bundle_ends_after_its_time_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_reader, "BOUNDED_BUNDLE_SECONDS", 0.0)
    log = FakeLog({Partition("t", 0): [0]}, {Partition("t", 0): 1})
    dofn = ReadToEnd(source(), lambda wanted: PartitionReader(wanted, lambda _: FakeConsumer(log)))
    dofn.setup()
    (part,) = shares(log.positions(), 1, "run")
    safe = ThreadsafeRestrictionTracker(PositionsTracker(part.positions, endless=False))
    assert list(dofn.process(part, RestrictionTrackerView(safe))) == []
    dofn.teardown()
    deferred = safe.deferred_status()
    assert deferred is not None
    assert deferred[0] == part.positions


def at(millis: int | None, number: int = 0) -> PartitionRange:
    return PartitionRange("t", number, 0, None, "", millis)


def test_the_watermark_waits_for_the_slowest_partition() -> None:
    assert watermark_millis((at(500), at(300, 1)), set(), 1_000) == 300


def test_the_watermark_waits_for_a_partition_that_has_told_nothing_yet() -> None:
    assert watermark_millis((at(500), at(None, 1)), set(), 1_000) is None


def test_a_partition_read_to_its_end_holds_the_watermark_no_longer() -> None:
    quiet = at(None, 1)
    assert watermark_millis((at(500), quiet), {quiet.key}, 1_000) == 500
    assert watermark_millis((quiet,), {quiet.key}, 1_000) == 1_000


def test_a_record_from_the_future_does_not_make_all_that_follows_late() -> None:
    assert watermark_millis((at(99_000_000),), set(), 1_000) == 1_000


@pytest.mark.parametrize("millis", [-(2**63), -1, 0, 2**63 - 1])
def test_a_timestamp_that_beam_does_not_know_is_brought_into_its_range(millis: int) -> None:
    found = timestamp_of(millis)
    assert MIN_TIMESTAMP < found < MAX_TIMESTAMP
