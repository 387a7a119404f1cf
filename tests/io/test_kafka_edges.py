"""A look at the ends of topics, and at where one kind of records follows another."""

from __future__ import annotations

import bisect

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline_io.kafka_edges import Edges
from pipeline_io.kafka_partitions import PartitionReader
from pipeline_io.kafka_positions import Partition
from pipeline_io.kafka_source import KafkaSource
from tests.io.kafka_fakes import FakeConsumer, FakeLog, reader_of, source

P, Q = Partition("t", 0), Partition("t", 1)


def looked(log: FakeLog, starts: dict[Partition, list[int]]) -> list[tuple[Partition, int, int]]:
    """(partition, offset, kind) of the records that are looked at; a kind begins at each start."""
    consumers: list[FakeConsumer] = []

    def make(_: KafkaSource) -> PartitionReader:
        consumers.append(FakeConsumer(log))
        return reader_of(consumers[0])

    def look(batch: pa.RecordBatch) -> tuple[Partition, int, int]:
        assert batch.num_rows == 1
        row = batch.select(["topic", "partition", "offset"]).to_pylist()[0]
        key = Partition(row["topic"], row["partition"])
        return key, row["offset"], bisect.bisect_right(starts[key], row["offset"])

    edges = Edges(source(), look, lambda found: found[2], make)
    found = edges.look_at([each for each in log.positions() if not each.is_done])
    assert all(consumer.closed for consumer in consumers)
    return found


def test_the_first_and_last_record_of_each_partition_are_looked_at() -> None:
    log = FakeLog(
        {P: list(range(50)), Q: [7], Partition("t", 2): []},
        {P: 50, Q: 8, Partition("t", 2): 0},
        {Q: 7},
    )
    found = looked(log, {P: [0], Q: [0]})
    assert sorted({each[:2] for each in found}) == [(P, 0), (P, 49), (Q, 7)]


def test_offsets_without_records_are_passed_over() -> None:
    log = FakeLog({P: [5, 6, 30]}, {P: 40}, {P: 2})
    assert sorted(looked(log, {P: [0]})) == [(P, 5, 1), (P, 30, 1)]


@given(st.sets(st.integers(1, 199), max_size=5), st.sets(st.integers(0, 199), max_size=60))
def test_every_kind_between_the_ends_is_met(starts: set[int], gaps: set[int]) -> None:
    offsets = sorted(set(range(200)) - gaps | {0, 199})
    log = FakeLog({P: offsets}, {P: 200})
    ordered = [0, *sorted(starts)]
    kinds = {bisect.bisect_right(ordered, offset) for offset in offsets}
    found = looked(log, {P: ordered})
    assert {kind for _, _, kind in found} == kinds
    first = {
        kind: min(o for o in offsets if bisect.bisect_right(ordered, o) == kind) for kind in kinds
    }
    for kind in kinds - {min(kinds)}:
        assert first[kind] in {offset for _, offset, found_kind in found if found_kind == kind}
