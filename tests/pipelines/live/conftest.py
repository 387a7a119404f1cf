"""Fixtures of the tests that run a live job as a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipelines.live.bank import Bank, Mark, opened_bank
from tests.pipelines.live.job_process import JobProcess
from tests.pipelines.live.received import Received
from tests.pipelines.live.runner_flags import RunnerFlags
from tests.stack.servers import Connect, Kafka, MySql, Postgres, Registry
from tests.stack.session import Session
from tests.stack.topics import PubSubTopic

StartJob = Callable[..., JobProcess]


@pytest.fixture(scope="session")
def bank(
    stack_session: Session, kafka: Kafka, connect: Connect, mysql: MySql, postgres: Postgres
) -> Iterator[Bank]:
    """A bank in which much has happened, the same for all tests."""
    with opened_bank(kafka, connect, mysql, postgres) as opened:
        opened.run(50)
        opened.transfers.add_sanction_hit()
        opened.run(100)
        yield opened
        stack_session.repair()


@pytest.fixture
def received(pubsub_topic: PubSubTopic) -> Received:
    """What arrives at a topic of this test."""
    return Received(pubsub_topic)


@pytest.fixture
def start_aml(
    bank: Bank, kafka: Kafka, registry: Registry, pubsub_topic: PubSubTopic, tmp_path: Path
) -> Iterator[StartJob]:
    """`start_aml(mark, runner, *flags)` starts the AML job for a group; it is gone afterwards."""
    started: list[JobProcess] = []

    def start(
        mark: Mark,
        *flags: str,
        runner: RunnerFlags | None = None,
        lookups: str = "postgresql",
    ) -> JobProcess:
        arguments = [
            "pipelines.aml",
            f"--kafka_brokers={kafka.brokers}",
            f"--schema_registry={registry.url}",
            f"--kafka_group={mark.group}",
            f"--lookup_url={bank.lookups[lookups].url}",
            f"--pubsub_project={pubsub_topic.project}",
            f"--pubsub_topic={pubsub_topic.name}",
            f"--output_dir={tmp_path}",
            *(runner.flags if runner else ()),
            *flags,
        ]
        environment = {"PUBSUB_EMULATOR_HOST": pubsub_topic.address}
        started.append(JobProcess(arguments, tmp_path, environment))
        return started[-1]

    yield start
    for job in started:
        job.kill()
