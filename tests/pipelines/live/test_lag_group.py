"""A job whose runner keeps the offsets shows its lag by a group of its own."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from kami.cli import main as kami
from tests.pipelines.live.item_job import ItemTopic, item_flags, item_script
from tests.pipelines.live.job_process import JobProcess
from tests.pipelines.recorded import event, item
from tests.stack.servers import BeamJava, Kafka, Prism, Registry
from tests.stack.topics import PubSubTopic, Topics


def lag(brokers: str, group: str) -> int | None:
    """The records that the group has not handled; None while it has no commit."""
    asked = ["lag", "--brokers", brokers, "--group", group, "--output", "json"]
    found = CliRunner().invoke(kami, asked)
    if found.exit_code:
        assert "has no commits and no members" in found.output, found.output
        return None
    return sum(int(json.loads(line)["records"]) for line in found.stdout.splitlines())


def test_kami_lag_shows_what_a_job_on_prism_has_not_handled(
    kafka: Kafka,
    registry: Registry,
    beam_java: BeamJava,
    prism: Prism,
    topic: Topics,
    pubsub_topic: PubSubTopic,
    tmp_path: Path,
) -> None:
    name = topic(name="items")
    group = f"{name}-lag"
    items = ItemTopic(kafka, registry, name)
    values = [items.value(event("c", item(number, name="item"))) for number in range(20)]
    flags = [
        *item_flags(
            tmp_path, item_script(tmp_path, name), kafka.brokers, registry.url, pubsub_topic, name
        ),
        "--follow",
        "--runner=PrismRunner",
        f"--prism_location={prism.binary}",
        "--kafka_reader=java",
        f"--expansion_service={beam_java.expansion_address}",
        "--java_batches",
    ]
    environment = {"PUBSUB_EMULATOR_HOST": pubsub_topic.address}

    refused = JobProcess(
        ["pipelines.sql_job", *flags, f"--lag_group={name}"], tmp_path, environment
    )
    assert refused.ended() == 2
    assert "is the group that" in refused.said

    items.send(*values[:10])
    job = JobProcess(["pipelines.sql_job", *flags, f"--lag_group={group}"], tmp_path, environment)
    try:
        job.wait_until(lambda: lag(kafka.brokers, group) == 0)
        assert len({message.data for message in pubsub_topic.drain()}) == 10
        assert job.stop() == 0, job.said
    finally:
        job.kill()
    items.send(*values[10:17])
    assert lag(kafka.brokers, group) == 7
