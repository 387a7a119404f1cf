"""A server that is away when a live job starts: it is waited for a while, then named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pipelines.live.item_job import item_flags, item_script
from tests.pipelines.live.job_process import JobProcess
from tests.stack.servers import Kafka, PubSub, Registry
from tests.stack.topics import Topics, fresh_pubsub_topic

NOBODY = "127.0.0.1:1"
"""A port that nothing listens on."""


@pytest.fixture(scope="module")
def jobs(
    kafka: Kafka, registry: Registry, pubsub: PubSub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, JobProcess]]:
    """A job for each server that is away, all at once: each of them waits."""
    folder = tmp_path_factory.mktemp("away")
    topics = Topics(kafka)
    started: dict[str, JobProcess] = {}
    with fresh_pubsub_topic(pubsub) as published:
        name = topics(name="items")
        flags = item_flags(
            folder, item_script(folder, name), kafka.brokers, registry.url, published
        )
        for server, flag, emulator in (
            ("pubsub", "--kafka_group=pubsub", NOBODY),
            ("kafka", f"--kafka_brokers={NOBODY}", published.address),
            ("registry", f"--schema_registry=http://{NOBODY}", published.address),
        ):
            environment = {"PUBSUB_EMULATOR_HOST": emulator}
            arguments = ["pipelines.sql_job", *flags, flag]
            started[server] = JobProcess(arguments, folder, environment)
        yield started
        for job in started.values():
            job.kill()
    topics.close()


def test_a_broker_that_is_away_is_named_with_the_next_step(jobs: dict[str, JobProcess]) -> None:
    job = jobs["kafka"]
    assert job.ended() == 1
    assert f"error: Kafka at {NOBODY}: no answer for" in job.said
    assert "check that the brokers are up and can be reached from here" in job.said


def test_a_registry_that_is_away_is_named_with_the_next_step(jobs: dict[str, JobProcess]) -> None:
    job = jobs["registry"]
    assert job.ended() == 1
    assert "schema registry: waiting for" in job.said
    assert f"error: schema registry http://{NOBODY}: no answer" in job.said
    assert "check that it runs and can be reached from here" in job.said


def test_a_pubsub_that_is_away_is_named_with_the_next_step(jobs: dict[str, JobProcess]) -> None:
    job = jobs["pubsub"]
    assert job.ended() == 1
    assert f"the emulator at {NOBODY} took no messages for 30 s" in job.said
    assert f"start it: gcloud beta emulators pubsub start --host-port={NOBODY}" in job.said
