"""A user's password is rotated on a real broker under clients that go on."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import confluent_kafka
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_groups import OffsetCommits
from pipeline_io.kafka_partitions import PartitionReader
from pipeline_io.kafka_source import KafkaSource
from pipeline_io.kafka_topics import plan_read
from pipeline_io.kafka_write_config import TopicSink
from pipeline_io.kafka_write_producer import TopicProducer
from tests.io.kafka_live import MakeTopic, numbers, produce


def set_password(kafka: Any, user: str, password: str) -> None:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
    made = UserScramCredentialUpsertion(user, info, password.encode())
    with AdminClient({"bootstrap.servers": kafka.brokers}) as admin:
        for answer in admin.alter_user_scram_credentials([made]).values():
            answer.result(10)


def test_a_reader_a_writer_and_commits_go_on_with_the_new_password(
    kafka: Any, topic: MakeTopic, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    # The broker's only other users are those of the stack, whose passwords other tests need.
    set_password(kafka, kafka.username, "first")
    try:
        properties = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256"}
        cluster = KafkaCluster(kafka.sasl_brokers, properties, kafka.username, f"file://{file}")
        name = topic()
        endless = dataclasses.replace(
            KafkaSource(cluster, (name,), group="rotated"), bounded=False, stall_seconds=60
        )
        positions = plan_read(endless).positions
        reader = PartitionReader(endless)
        producer = TopicProducer(TopicSink(cluster, name), None)
        commits = OffsetCommits(cluster, "rotated")
        read: list[str] = []

        def go_on(count: int) -> None:
            nonlocal positions
            until = time.monotonic() + 60
            while len(read) < count and time.monotonic() < until:
                for fetched in reader.read(positions, 100, 0.5):
                    positions = fetched.positions
                    if fetched.batch is not None:
                        read.extend(row["value"].decode() for row in fetched.batch.to_pylist())

        producer.send([(b"0", None, None), (b"1", None, None)], 0, 2)
        assert producer.confirm() == []
        go_on(2)
        set_password(kafka, kafka.username, "second")
        file.write_text("second\n")
        # Sessions go on with the password that they showed: a restart ends them.
        with kafka.stopped():
            pass
        producer.send([(b"2", None, None)], 0, 1)
        assert producer.confirm() == []
        produce(kafka.brokers, name, numbers(1, 3))
        go_on(4)
        commits.note(positions)
        until = time.monotonic() + 60
        while _committed(kafka, name) != 4 and time.monotonic() < until:
            commits.confirm(positions)
            time.sleep(1)
        assert _committed(kafka, name) == 4
        reader.close()
        producer.close()
        assert read == numbers(4)
    finally:
        set_password(kafka, kafka.username, kafka.password)


def _committed(kafka: Any, topic: str) -> int:
    config = {"bootstrap.servers": kafka.brokers, "group.id": "rotated"}
    consumer = confluent_kafka.Consumer(config)
    try:
        (found,) = consumer.committed([confluent_kafka.TopicPartition(topic, 0)], timeout=30)
        return int(found.offset)
    finally:
        consumer.close()
