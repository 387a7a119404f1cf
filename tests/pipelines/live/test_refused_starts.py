"""A live job that cannot work is refused at its start: an exit code, and what to do about it."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from pipelines import sql_job
from tests.pipelines.live.item_job import item_flags, item_script
from tests.stack.servers import Kafka, Registry
from tests.stack.topics import PubSubTopic, Topics


class Start:
    """Starts a job over a topic of items in this process, and gives its exit code and message."""

    def __init__(
        self,
        folder: Path,
        kafka: Kafka,
        registry: Registry,
        topic: str,
        pubsub: PubSubTopic,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.topic = topic
        self._folder = folder
        self._flags = (kafka.brokers, registry.url, pubsub)
        self._capsys = capsys

    def __call__(self, *flags: str, topic: str | None = None, **options: str) -> tuple[int, str]:
        script = item_script(self._folder, topic or self.topic, **options)
        given = item_flags(self._folder, script, *self._flags, group=f"of-{self.topic}")
        code = sql_job.main([*given, *flags])
        return code, self._capsys.readouterr().err


@pytest.fixture
def start(
    tmp_path: Path,
    kafka: Kafka,
    registry: Registry,
    topic: Topics,
    pubsub_topic: PubSubTopic,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Start:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub_topic.address)
    return Start(tmp_path, kafka, registry, topic(name="items"), pubsub_topic, capsys)


def test_what_each_refusal_differs_from_is_a_job_that_runs(start: Start) -> None:
    assert start()[0] == 0


def test_a_topic_that_kafka_does_not_have_is_told_with_the_nearest_names(start: Start) -> None:
    wrong = f"{start.topic}x"
    code, said = start(topic=wrong)
    assert code == 1
    assert f"has no topic {wrong!r}" in said
    assert re.search(rf"did you mean .*{start.topic!r}", said)


def test_a_topic_that_pubsub_does_not_have_is_told_with_the_command_that_makes_it(
    start: Start, pubsub_topic: PubSubTopic
) -> None:
    code, said = start("--pubsub_topic=nowhere")
    path = f"projects/{pubsub_topic.project}/topics/nowhere"
    assert code == 1
    assert f"error: the Pub/Sub topic {path} does not exist" in said
    assert f"create it: curl -X PUT http://{pubsub_topic.address}/v1/{path}" in said


def test_a_wrong_password_is_told_without_the_password(
    start: Start, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG_PASSWORD", "hunter2")
    jaas = (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="{kafka.username}" password="env://WRONG_PASSWORD";'
    )
    code, said = start(
        f"--kafka_brokers={kafka.sasl_brokers}",
        properties__security__protocol="SASL_PLAINTEXT",
        properties__sasl__mechanism="PLAIN",
        properties__sasl__jaas__config=jaas,
    )
    assert code == 1
    assert "check the user, the password and sasl.mechanism" in said
    assert "hunter2" not in said


def test_the_right_password_is_taken(
    start: Start, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIGHT_PASSWORD", kafka.password)
    code, said = start(
        f"--kafka_brokers={kafka.sasl_brokers}",
        properties__security__protocol="SASL_PLAINTEXT",
        properties__sasl__mechanism="SCRAM-SHA-512",
        properties__sasl__username=kafka.username,
        properties__sasl__password="env://RIGHT_PASSWORD",  # noqa: S106
    )
    assert code == 0, said


def test_a_group_that_others_use_is_refused(start: Start, kafka: Kafka) -> None:
    group = f"of-{start.topic}"
    other = Consumer(
        {"bootstrap.servers": kafka.brokers, "group.id": group, "client.id": "the-other-job"}
    )
    other.subscribe([start.topic])
    try:
        deadline = time.monotonic() + 60
        while not other.assignment() and time.monotonic() < deadline:
            other.poll(0.1)
        code, said = start()
    finally:
        other.close()
    assert code == 1
    assert f"the group {group!r} is in use by the-other-job" in said
    assert "stop that job, or give this one a group of its own (--kafka_group" in said
    # When it is gone, nothing is in the way.
    assert start()[0] == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--kafka_start=latest"], "with an end at the latest records reads nothing"),
        (["--kafka_start=latest", "--follow"], "loses at each restart what came in between"),
        (["--kafka_start=earlier"], "did you mean 'earliest'?"),
    ],
)
def test_a_start_that_would_lose_records_is_misuse(
    start: Start, flags: list[str], words: str
) -> None:
    code, said = start(*flags)
    assert (code, words in said) == (2, True), said
