"""The change log as a jar on a Flink cluster: what was committed is in BigQuery after a kill."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from kami.bigquery_warehouse import EMULATOR
from kami.warehouse import open_warehouse
from pipeline_io.bigquery_config import STORAGE_EMULATOR_VARIABLE
from tests.deploy.deployment import CHECKPOINTING_MILLIS, RECOVERY_SECONDS, new_cluster
from tests.pipelines.live.bank import TRANSFERS, Bank
from tests.stack.flink_cluster import TASK_MANAGER
from tests.stack.servers import BigQuery, FlinkHome, Kafka, Registry

# A cluster of its own, and an emulator that stores some rows a second.
pytestmark = pytest.mark.slow

Place = tuple[str, int, int]
"""Topic, partition, offset."""


@pytest.fixture
def project(bigquery: BigQuery, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project of its own on the emulator."""
    monkeypatch.setenv(EMULATOR, f"http://{bigquery.rest_address}")
    monkeypatch.setenv(STORAGE_EMULATOR_VARIABLE, bigquery.storage_address)
    return f"kamiflow-{uuid.uuid4().hex[:8]}"


def test_no_change_is_missing_in_the_log_after_the_kill_of_a_task_manager(
    flink_home: FlinkHome,
    bank: Bank,
    kafka: Kafka,
    registry: Registry,
    bigquery: BigQuery,
    project: str,
    run_mark: Path,
    tmp_path: Path,
) -> None:
    bank.run(20)
    environment = {
        EMULATOR: f"http://{bigquery.rest_address}",
        STORAGE_EMULATOR_VARIABLE: bigquery.storage_address,
    }
    arguments = [
        "pipelines.change_log",
        "--source=kafka",
        f"--kafka_brokers={kafka.brokers}",
        f"--schema_registry={registry.url}",
        f"--kafka_group={bank.everything().group}",
        f"--topics={TRANSFERS}",
        "--source_name=shop",
        f"--warehouse=bigquery:{project}",
        f"--dead_letters={tmp_path / 'dead_letters.jsonl'}",
        f"--checkpointing_interval={CHECKPOINTING_MILLIS}",
    ]
    with new_cluster(flink_home, environment, tmp_path, run_mark) as cluster:
        cluster.start_job(cluster.make_jar(arguments, environment))
        cluster.wait_until_it_works()
        wait_for(project, changes(kafka))
        starts = cluster.processes.starts(TASK_MANAGER)
        cluster.processes.kill(TASK_MANAGER)
        bank.run(20)
        cluster.wait_until(
            lambda: cluster.processes.starts(TASK_MANAGER) > starts, RECOVERY_SECONDS, "no restart"
        )
        wait_for(project, changes(kafka))
    assert not (tmp_path / "dead_letters.jsonl").exists()


def wait_for(project: str, wanted: set[Place]) -> None:
    """Returns when all of these are stored, and nothing else is."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    while (found := stored(project)) != wanted and time.monotonic() < deadline:
        time.sleep(1)
    assert found == wanted


def stored(project: str) -> set[Place]:
    """What is in all logs."""
    found: set[Place] = set()
    with open_warehouse(f"bigquery:{project}") as warehouse:
        for name in warehouse.tables("shop"):
            if name.endswith("_change_log"):
                statement = f"SELECT _topic, _topic_partition, _offset FROM shop.`{name}`"  # noqa: S608
                rows = warehouse.query(statement).to_pylist()
                found.update(
                    (row["_topic"], row["_topic_partition"], row["_offset"]) for row in rows
                )
    return found


def changes(kafka: Kafka) -> set[Place]:
    """Where the records with a value are, which are all but the tombstones."""
    consumer = Consumer({"bootstrap.servers": kafka.brokers, "group.id": uuid.uuid4().hex})
    found: set[Place] = set()
    partition = TopicPartition(TRANSFERS, 0)
    try:
        end = consumer.get_watermark_offsets(partition)[1]
        consumer.assign([TopicPartition(TRANSFERS, 0, 0)])
        offset = -1
        while offset < end - 1:
            message = consumer.poll(10)
            assert message is not None and message.error() is None
            offset = message.offset() or 0
            if message.value() is not None:
                found.add((TRANSFERS, 0, offset))
    finally:
        consumer.close()
    return found
