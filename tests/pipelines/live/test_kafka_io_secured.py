"""A job whose Kafka is read by KafkaIO logs in with the options of its tables."""

from __future__ import annotations

import json
from pathlib import Path

from tests.pipelines.live.item_job import ItemTopic, item_flags, item_script
from tests.pipelines.live.job_process import JobProcess
from tests.pipelines.recorded import event, item
from tests.stack.servers import BeamJava, Kafka, Prism, Registry
from tests.stack.topics import PubSubTopic, Topics


def test_a_job_on_prism_reads_over_sasl_and_tls_and_tells_of_a_wrong_password(
    kafka: Kafka,
    registry: Registry,
    beam_java: BeamJava,
    prism: Prism,
    topic: Topics,
    pubsub_topic: PubSubTopic,
    tmp_path: Path,
) -> None:
    name = topic(name="items")
    items = ItemTopic(kafka, registry, name)
    items.send(items.value(event("c", item(1, name="first"))))
    script = item_script(
        tmp_path,
        name,
        properties__security__protocol="SASL_SSL",
        properties__sasl__mechanism="SCRAM-SHA-256",
        properties__sasl__username=kafka.username,
        properties__sasl__password="env://ITEMS_PASSWORD",  # noqa: S106  (a reference)
        properties__ssl__truststore__location=kafka.ca,
    )
    flags = [
        *item_flags(tmp_path, script, kafka.sasl_tls_brokers, registry.url, pubsub_topic, name),
        "--follow",
        "--runner=PrismRunner",
        f"--prism_location={prism.binary}",
        "--kafka_reader=java",
        f"--expansion_service={beam_java.expansion_address}",
        "--java_batches",
    ]

    def started(password: str) -> JobProcess:
        environment = {"PUBSUB_EMULATOR_HOST": pubsub_topic.address, "ITEMS_PASSWORD": password}
        return JobProcess(["pipelines.sql_job", *flags], tmp_path, environment)

    refused = started("hunter2")
    assert refused.ended() == 1
    assert "check the user, the password and sasl.mechanism" in refused.said
    assert "Traceback" not in refused.said
    assert "hunter2" not in refused.said

    job = started(kafka.password)
    seen: list[str] = []

    def has(wanted: str) -> bool:
        seen.extend(json.loads(message.data)["name"] for message in pubsub_topic.pull(10, 0.5))
        return wanted in seen

    try:
        job.wait_until(lambda: has("first"))
        items.send(items.value(event("c", item(2, name="second"))))
        job.wait_until(lambda: has("second"))
        assert job.stop() == 0, job.said
    finally:
        job.kill()
    assert kafka.password not in job.said
