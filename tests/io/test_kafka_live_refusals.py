"""What a real broker no longer has, or gives to others only, is told before it costs anything."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from confluent_kafka import Consumer

from pipeline_io import kafka_admin
from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import (
    GroupInUseError,
    KafkaAccessError,
    KafkaUnavailable,
    RecordsGoneError,
    UnknownTopicError,
)
from pipeline_io.kafka_source import KafkaSource, Start, StartMode
from pipeline_io.kafka_topics import ReadPlan, commit, new_partitions, plan_read
from tests.io.kafka_live import (
    MakeTopic,
    delete_before,
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


def test_records_that_are_gone_stop_a_committed_start_and_tell_the_way(
    kafka: Any, source: KafkaSource
) -> None:
    source = group_of(source)
    name = source.topics[0]
    produce(kafka.brokers, name, numbers(5))
    commit(source, plan_read(source))
    produce(kafka.brokers, name, numbers(10, 5))
    delete_before(kafka, name, 8)
    with pytest.raises(
        RecordsGoneError, match=f"{name}/0: the records from 5 to 7 are gone"
    ) as told:
        plan_read(source)
    assert "--kafka_start=earliest" in str(told.value)
    earliest = dataclasses.replace(source, start=Start(StartMode.EARLIEST))
    assert values(run(earliest)) == numbers(7, 8)


def test_records_that_go_between_plan_and_read_are_passed_over_from_the_earliest_only(
    kafka: Any, source: KafkaSource, caplog: pytest.LogCaptureFixture
) -> None:
    name = source.topics[0]
    produce(kafka.brokers, name, numbers(10))
    plan = plan_read(source)
    delete_before(kafka, name, 4)
    assert values(run(source, plan)) == numbers(6, 4)
    assert f"{name}/0: the records from 0 to 3 are gone" in caplog.text
    at = dataclasses.replace(source, start=Start(StartMode.TIMESTAMP, timestamp_millis=0))
    with pytest.raises(Exception, match="the records from 0 to 3 are gone"):
        run(at, plan)


def test_a_topic_made_anew_is_not_taken_for_the_old_one(kafka: Any, source: KafkaSource) -> None:
    source = group_of(source)
    produce(kafka.brokers, source.topics[0], numbers(3))
    plan = plan_read(source)
    # The offsets of a deleted topic are deleted as well, but not at once.
    old = tuple(each._replace(topic_id="another", end=2) for each in plan.positions)
    commit(source, ReadPlan(source, old))
    with pytest.raises(RecordsGoneError, match="deleted and made anew"):
        plan_read(source)
    with pytest.raises(RecordsGoneError, match="deleted and made anew"):
        new_partitions(source, old)


def test_a_group_that_others_use_is_refused(kafka: Any, source: KafkaSource) -> None:
    source = group_of(source)
    plan = plan_read(source)
    other = Consumer(
        {
            "bootstrap.servers": kafka.brokers,
            "group.id": source.group,
            "client.id": "another-job",
        }
    )
    other.subscribe([source.topics[0]])
    try:
        for _ in range(300):
            other.poll(0.1)
            if other.assignment():
                break
        with pytest.raises(GroupInUseError, match="in use by another-job"):
            plan_read(source)
        with pytest.raises(GroupInUseError):
            commit(source, plan)
    finally:
        other.close()


def test_an_unknown_topic_is_told_with_its_neighbours(kafka: Any, source: KafkaSource) -> None:
    name = source.topics[0]
    with pytest.raises(UnknownTopicError, match=f"did you mean .*{name}"):
        plan_read(dataclasses.replace(source, topics=(f"{name}x",)))
    with pytest.raises(UnknownTopicError, match="no topic like"):
        plan_read(dataclasses.replace(source, topics=(), pattern="nothing-is-called-so.*"))


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_admin, "START_SECONDS", 3.0)


@pytest.mark.usefixtures("hurry")
def test_a_broker_that_is_not_there_is_told_soon() -> None:
    nowhere = KafkaSource(KafkaCluster("127.0.0.1:1"), ("t",))
    with pytest.raises(KafkaUnavailable, match=r"no answer for 3 s.*Connection refused"):
        plan_read(nowhere)


@pytest.mark.usefixtures("hurry")
def test_an_encrypted_port_that_is_asked_in_the_clear_is_told(kafka: Any) -> None:
    with pytest.raises((KafkaUnavailable, KafkaAccessError), match=r"security\.protocol"):
        plan_read(KafkaSource(KafkaCluster(kafka.tls_brokers), ("t",)))
