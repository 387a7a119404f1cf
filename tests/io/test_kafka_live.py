"""Reading up to now from a real broker, on the runner of a local run."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest
from confluent_kafka import Producer

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_source import KafkaSource, Start, StartMode, Uncommitted
from pipeline_io.kafka_topics import commit, plan_read
from tests.io.kafka_live import (
    MakeTopic,
    group_of,
    numbers,
    produce,
    run,
    values,
)


@pytest.fixture
def source(kafka: Any, topic: MakeTopic) -> KafkaSource:
    """A topic of one partition."""
    return KafkaSource(KafkaCluster(kafka.brokers), (topic(),))


def test_a_run_reads_up_to_now_and_ends(kafka: Any, source: KafkaSource) -> None:
    produce(kafka.brokers, source.topics[0], numbers(12_000))
    plan = plan_read(source)
    produce(kafka.brokers, source.topics[0], ["later"])
    assert plan.offsets == 12_000
    assert "records up to now: 12,000 at most" in plan.describe()
    batches = run(source, plan)
    offsets = [row["offset"] for batch in batches for row in batch.to_pylist()]
    assert offsets == list(range(12_000))
    assert values(batches) == numbers(12_000)
    assert {batch.num_rows for batch in batches[:2]} == {5_000}


def test_an_empty_topic_ends_at_once(source: KafkaSource) -> None:
    assert run(source) == []


def test_all_that_a_record_has_is_read(kafka: Any, source: KafkaSource) -> None:
    headers: list[tuple[str, Any]] = [("a", b"1"), ("a", b"\xff"), ("none", None)]
    name = source.topics[0]
    producer = Producer({"bootstrap.servers": kafka.brokers, "enable.idempotence": True})
    producer.produce(name, b"v", b"k", timestamp=1_700_000_000_123, headers=headers)
    producer.produce(name, None, b"tombstone")
    producer.produce(name, b"", None)
    producer.flush(30)
    (batch,) = run(source)
    first, second, third = batch.to_pylist()
    assert first["timestamp"].timestamp() == 1_700_000_000.123
    assert first["headers"] == [{"key": key, "value": value} for key, value in headers]
    assert (first["topic"], first["partition"], first["offset"]) == (name, 0, 0)
    assert (first["key"], first["value"]) == (b"k", b"v")
    assert (second["key"], second["value"], second["headers"]) == (b"tombstone", None, None)
    assert (third["key"], third["value"]) == (None, b"")


def test_transactions_that_were_aborted_are_not_read(kafka: Any, source: KafkaSource) -> None:
    producer = Producer({"bootstrap.servers": kafka.brokers, "transactional.id": source.topics[0]})
    producer.init_transactions(30)
    for text, commits in (("a", True), ("b", False), ("c", True), ("d", False)):
        producer.begin_transaction()
        producer.produce(source.topics[0], text.encode())
        (producer.commit_transaction if commits else producer.abort_transaction)(30)
    # The last offsets have no record to be read: the end is reached all the same.
    assert values(run(source)) == ["a", "c"]


def test_an_open_transaction_is_left_for_the_next_run(kafka: Any, source: KafkaSource) -> None:
    source = group_of(source)
    producer = Producer({"bootstrap.servers": kafka.brokers, "transactional.id": source.topics[0]})
    producer.init_transactions(30)
    produce(kafka.brokers, source.topics[0], ["before"])
    producer.begin_transaction()
    producer.produce(source.topics[0], b"open")
    producer.flush(30)
    plan = plan_read(source)
    assert values(run(source, plan)) == ["before"]
    commit(source, plan)
    producer.commit_transaction(30)
    assert values(run(source)) == ["open"]


def test_the_next_run_goes_on_where_the_last_one_committed(kafka: Any, source: KafkaSource) -> None:
    source = group_of(source)
    for first in (0, 100, 200):
        produce(kafka.brokers, source.topics[0], numbers(100, first))
        plan = plan_read(source)
        assert values(run(source, plan)) == numbers(100, first)
        commit(source, plan)
    assert run(source) == []


def test_a_run_that_did_not_commit_is_read_again(kafka: Any, source: KafkaSource) -> None:
    source = group_of(source)
    produce(kafka.brokers, source.topics[0], ["once", "more"])
    assert values(run(source)) == ["once", "more"]
    assert values(run(source)) == ["once", "more"]


@pytest.mark.parametrize(("mode", "read"), [("latest", []), ("earliest", ["old"])])
def test_a_group_without_offsets_starts_as_told(
    kafka: Any, source: KafkaSource, mode: str, read: list[str]
) -> None:
    produce(kafka.brokers, source.topics[0], ["old"])
    start = Start(StartMode.COMMITTED, uncommitted=Uncommitted(mode))
    assert values(run(dataclasses.replace(source, group=f"new-{mode}", start=start))) == read


def test_a_start_by_time_is_the_first_record_of_then_or_later(
    kafka: Any, source: KafkaSource
) -> None:
    for millis in (1_000, 2_000, 3_000):
        produce(kafka.brokers, source.topics[0], [str(millis)], timestamp=millis)
    for start, read in ((1_500, ["2000", "3000"]), (2_000, ["2000", "3000"]), (3_001, [])):
        at = dataclasses.replace(source, start=Start(StartMode.TIMESTAMP, timestamp_millis=start))
        assert values(run(at)) == read


def test_a_start_by_offset(kafka: Any, source: KafkaSource) -> None:
    produce(kafka.brokers, source.topics[0], numbers(5))
    at = dataclasses.replace(source, start=Start(StartMode.OFFSETS, offsets={0: 3}))
    assert values(run(at)) == ["3", "4"]


def test_topics_by_pattern_and_partitions_each_in_order(kafka: Any, topic: MakeTopic) -> None:
    names = [topic(partitions=3), topic(partitions=1)]
    topic()
    producer = Producer({"bootstrap.servers": kafka.brokers, "enable.idempotence": True})
    for number, name in itertools.product(range(900), names):
        partition = number % 3 if name == names[0] else 0
        producer.produce(name, str(number).encode(), partition=partition)
    producer.flush(30)
    source = KafkaSource(
        KafkaCluster(kafka.brokers), pattern="|".join(names), batch_size=100, readers=2
    )
    plan = plan_read(source)
    assert len(plan.positions) == 4
    read: dict[tuple[str, int], list[int]] = {}
    for batch in run(source, plan):
        for row in batch.to_pylist():
            read.setdefault((row["topic"], row["partition"]), []).append(int(row["value"]))
    assert read == {
        **{(names[0], part): list(range(part, 900, 3)) for part in range(3)},
        (names[1], 0): list(range(900)),
    }
