"""What was handled is committed for its lag, never backwards, and never in a bundle's way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.metrics.metric import MetricsFilter
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_io import kafka_lag_commits
from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_lag_commits import (
    NAMESPACE,
    CommitLag,
    GroupCommits,
    LagCommits,
    Offsets,
    offsets_behind,
)
from pipeline_io.kafka_positions import Partition
from pipeline_io.record_schema import RECORD_SCHEMA

PARTITIONS = st.sampled_from([Partition("a", 0), Partition("a", 1), Partition("b", 0)])
BUNDLES = st.lists(st.dictionaries(PARTITIONS, st.integers(0, 50), max_size=3), max_size=20)


def records(*places: tuple[str, int, int]) -> pa.RecordBatch:
    rows = [
        {"topic": topic, "partition": number, "offset": offset, "headers": []}
        for topic, number, offset in places
    ]
    return pa.RecordBatch.from_pylist(rows, schema=RECORD_SCHEMA)


class Broker:
    """Keeps what is committed; refuses while `why` is not None."""

    def __init__(self) -> None:
        self.commits: list[Offsets] = []
        self.why: str | None = None
        self.asked = threading.Event()

    def __call__(self, offsets: Offsets) -> str | None:
        if self.why is None:
            self.commits.append(dict(offsets))
        self.asked.set()
        return self.why


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 99))))
def test_the_offset_behind_the_last_record_of_each_partition_is_found(
    places: list[tuple[str, int, int]],
) -> None:
    expected: dict[Partition, int] = {}
    for topic, number, offset in places:
        key = Partition(topic, number)
        expected[key] = max(expected.get(key, 0), offset + 1)
    assert offsets_behind(records(*places)) == expected


@settings(max_examples=50)
@given(BUNDLES)
def test_commits_never_go_back_and_end_at_what_was_handled(bundles: list[Offsets]) -> None:
    broker = Broker()
    commits = LagCommits(broker, "the group", every_seconds=0)
    for offsets in bundles:
        assert commits.handled(offsets) == 0
    assert commits.settle(30)
    last: dict[Partition, int] = {}
    for offsets in broker.commits:
        for key, offset in offsets.items():
            assert offset > last.get(key, -1)
            last[key] = offset
    expected: dict[Partition, int] = {}
    for offsets in bundles:
        for key, offset in offsets.items():
            expected[key] = max(offset, expected.get(key, offset))
    assert last == expected


def test_what_comes_soon_after_a_commit_waits_for_the_next_one() -> None:
    broker = Broker()
    commits = LagCommits(broker, "the group", every_seconds=3600)
    commits.handled({Partition("a", 0): 1})
    assert broker.asked.wait(30)
    for offset in range(2, 50):
        commits.handled({Partition("a", 0): offset})
    assert commits.settle(30)
    assert broker.commits == [{Partition("a", 0): 1}, {Partition("a", 0): 49}]


def test_a_refused_commit_is_counted_told_once_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker = Broker()
    broker.why = "the broker is away"
    commits = LagCommits(broker, "the group", every_seconds=0.01)
    failures = commits.handled({Partition("a", 0): 1})
    while failures < 3:
        failures += commits.handled({})
    broker.why = None
    assert commits.settle(30)
    assert broker.commits == [{Partition("a", 0): 1}]
    told = [one.getMessage() for one in caplog.records if "the broker is away" in one.getMessage()]
    assert len(told) == 1
    assert "The job itself goes on" in told[0]


def test_a_password_that_cannot_be_read_is_a_reason_and_no_error() -> None:
    properties = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "reader",
        "sasl.password": "env://NOT_SET_ANYWHERE",
    }
    commit = GroupCommits(KafkaCluster("localhost:1", properties), "lag")
    assert "NOT_SET_ANYWHERE is not set" in str(commit({Partition("a", 0): 1}))


class Sink(beam.DoFn):
    """Writes at the end of a bundle; fails where a record has the offset 13."""

    def start_bundle(self) -> None:
        self.offsets: list[int | None] = []

    def process(self, element: pa.RecordBatch) -> None:
        self.offsets += element.column("offset").to_pylist()

    def finish_bundle(self) -> Iterator[Any]:
        if 13 in self.offsets:
            message = "the sink is away"
            raise ConnectionError(message)
        return iter(())


def run(broker: Broker, batch: pa.RecordBatch, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A pipeline as those of jobs: a sink, what becomes of its refusals, and the commits."""
    commits = LagCommits(broker, "the group", every_seconds=0)
    monkeypatch.setattr(kafka_lag_commits, "lag_commits_of", lambda *_: commits)
    sink: Any = Sink
    pipeline = beam.Pipeline()
    read = pipeline | beam.Create([batch], reshuffle=False)
    _ = read | "Commit lag" >> beam.ParDo(CommitLag(KafkaCluster("localhost:1"), "lag"))
    _ = read | "Write" >> beam.ParDo(sink()) | "Refused" >> beam.Map(print)
    result = pipeline.run()
    result.wait_until_finish()
    commits.settle(30)
    return result


def test_a_bundle_is_committed_when_its_sink_has_written_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = Broker()
    result = run(broker, records(("a", 0, 11), ("a", 0, 12), ("b", 1, 7)), monkeypatch)
    assert broker.commits == [{Partition("a", 0): 13, Partition("b", 1): 8}]
    assert not result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]


def test_a_bundle_whose_sink_has_failed_is_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker()
    with pytest.raises(Exception, match="the sink is away"):
        run(broker, records(("a", 0, 12), ("a", 0, 13)), monkeypatch)
    assert not broker.commits
