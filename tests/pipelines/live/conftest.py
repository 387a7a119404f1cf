"""Fixtures of the tests that run a live job as a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipelines.live.bank import Bank, Mark
from tests.pipelines.live.job_process import JobProcess
from tests.pipelines.live.received import Received
from tests.pipelines.live.runner_flags import RunnerFlags
from tests.stack.servers import Kafka, Registry
from tests.stack.topics import PubSubTopic

StartJob = Callable[..., JobProcess]


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
