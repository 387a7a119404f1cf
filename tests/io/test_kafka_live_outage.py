"""The broker goes away while it is read: waited for, told, and given up in the end."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pipeline_io import kafka_health
from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaUnavailable
from pipeline_io.kafka_partitions import PartitionReader
from pipeline_io.kafka_source import KafkaSource
from pipeline_io.kafka_topics import plan_read
from tests.io.kafka_live import MakeTopic, numbers, produce


@pytest.fixture
def source(kafka: Any, topic: MakeTopic) -> KafkaSource:
    return KafkaSource(KafkaCluster(kafka.brokers), (topic(),), batch_size=100)


def test_a_broker_that_is_killed_and_comes_back_loses_and_repeats_nothing(
    kafka: Any, source: KafkaSource, caplog: pytest.LogCaptureFixture, monkeypatch: Any
) -> None:
    monkeypatch.setattr(kafka_health, "WARN_SECONDS", 2.0)
    produce(kafka.brokers, source.topics[0], numbers(1_000))
    endless = dataclasses.replace(source, bounded=False)
    positions = plan_read(endless).positions
    reader = PartitionReader(endless)
    read: list[str] = []

    def go_on(times: int) -> None:
        nonlocal positions
        for _ in range(times):
            for fetched in reader.read(positions, 100, 0.5):
                positions = fetched.positions
                if fetched.batch is not None:
                    read.extend(row["value"].decode() for row in fetched.batch.to_pylist())

    go_on(2)
    assert read
    kafka.kill()
    # The rest that was fetched, and then nothing.
    go_on(30)
    kafka.start()
    produce(kafka.brokers, source.topics[0], numbers(1_000, 1_000))
    for _ in range(120):
        if len(read) >= 2_000:
            break
        go_on(1)
    reader.close()
    assert read == numbers(2_000)
    assert "Connection refused" in caplog.text or "disconnected" in caplog.text.lower()


def test_a_broker_that_stays_away_ends_the_read_with_the_reason(
    kafka: Any, source: KafkaSource
) -> None:
    produce(kafka.brokers, source.topics[0], numbers(10))
    positions = plan_read(source).positions
    with kafka.stopped():
        reader = PartitionReader(dataclasses.replace(source, stall_seconds=3.0))
        with pytest.raises(KafkaUnavailable, match=r"no record for 3 s .*check that the brokers"):
            for _ in range(60):
                reader.read(positions, 100, 0.5)
        reader.close()
