"""kami lag shows how far a job is that commits for its lag alone."""

from __future__ import annotations

import json
from collections.abc import Iterator

import confluent_kafka
import pytest
from click.testing import CliRunner

from kami.cli import main as kami
from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_lag_commits import CommitLag, GroupCommits, lag_commits_of
from pipeline_io.kafka_positions import Partition
from tests.io.kafka_live import numbers, produce
from tests.io.test_kafka_lag_commits import records
from tests.stack.databases import fresh_name
from tests.stack.servers import Kafka
from tests.stack.topics import Topics


@pytest.fixture
def member(kafka: Kafka, topic: Topics) -> Iterator[tuple[str, str]]:
    """A topic, and a group with a member that reads it."""
    name, group = topic(), fresh_name("group")
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.brokers, "group.id": group})
    consumer.subscribe([name])
    while not consumer.assignment():
        consumer.poll(0.1)
    yield name, group
    consumer.close()


def lag(brokers: str, group: str) -> int:
    asked = ["lag", "--brokers", brokers, "--group", group, "--output", "json"]
    found = CliRunner().invoke(kami, asked)
    assert found.exit_code == 0, found.output
    return sum(json.loads(line)["records"] for line in found.output.splitlines())


def test_the_lag_of_a_group_is_what_is_not_handled_yet(kafka: Kafka, topic: Topics) -> None:
    name, group = topic(), fresh_name("group")
    produce(kafka.brokers, name, numbers(10))
    properties = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": kafka.username,
        "sasl.password": "env://LAG_PASSWORD",
    }
    cluster = KafkaCluster(kafka.sasl_brokers, properties)
    step = CommitLag(cluster, group)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAG_PASSWORD", kafka.password)
        step.setup()
        step.start_bundle()
        step.process(records((name, 0, 0), (name, 0, 3)))
        step.finish_bundle()
        assert lag_commits_of(cluster, group).settle()
    assert lag(kafka.brokers, group) == 6
    step.start_bundle()
    step.process(records((name, 0, 9)))
    step.finish_bundle()
    step.teardown()
    assert lag(kafka.brokers, group) == 0


def test_a_group_that_somebody_reads_by_is_not_committed_for(
    kafka: Kafka, member: tuple[str, str]
) -> None:
    name, group = member
    produce(kafka.brokers, name, numbers(2))
    assert GroupCommits(KafkaCluster(kafka.brokers), group)({Partition(name, 0): 1})
