"""The image of Kafka Connect: templates/connect/Dockerfile and pom.xml, and that it works.

Its jars are those that the tests of everything else run with: tests/stack/connect.py.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from confluent_kafka import Consumer, TopicPartition

from tests.stack import connect as stack_connect
from tests.stack.databases import Database
from tests.stack.maven import PLUGIN
from tests.stack.servers import Kafka, Registry
from tests.templates.connect_pods import DOCKERFILE, Place, Worker, entry_point, kami
from tests.templates.container_view import pod_of
from tests.templates.docker_build import Build
from tests.templates.dockerfile import FOLDER, copied, stages_of
from tests.templates.manifests import rendered

POM = FOLDER / "connect" / "pom.xml"
# Of the image alone: a worker of the tests logs lines that people read, and shows no metrics.
OWN = {"log4j-layout-template-json", "jmx_prometheus_javaagent"}


def coordinates(profile: str) -> set[tuple[str, str, str]]:
    """What a profile brings: (group, name, version)."""
    text = POM.read_text(encoding="utf-8")
    values = dict(re.findall(r"<([\w.]+\.version)>([^<]+)<", text))
    (part,) = re.findall(rf"<id>{profile}</id>.*?</profile>", text, re.DOTALL)
    dependencies = re.findall(
        r"<groupId>([^<]+)</groupId><artifactId>([^<]+)</artifactId>"
        r"<version>\$\{([^}]+)\}</version>",
        part,
    )
    assert len(dependencies) == part.count("<dependency>")
    return {(group, name, values[version]) for group, name, version in dependencies}


def test_what_maven_brings_is_what_the_tests_run_with() -> None:
    for profile, artifacts in (
        ("worker", stack_connect.WORKER),
        ("debezium", stack_connect.PLUGINS),
    ):
        tested = {(one.group, one.name, one.version) for one in artifacts}
        brought = coordinates(profile)
        assert {one for one in brought if one[1] not in OWN} == tested
    versions = {version for group, _, version in coordinates("worker") if "log4j" in group}
    assert len(versions) == 1
    assert f"<version>{PLUGIN.rpartition(':')[2]}</version>" in POM.read_text(encoding="utf-8")


def test_the_converter_is_the_one_that_the_tests_run_with() -> None:
    (avro,) = [stage for stage in stages_of(DOCKERFILE) if stage.name == "avro"]
    (line,) = avro.of("RUN")
    assert f" {stack_connect.CONVERTER} " in line
    (jars,) = re.findall(r"for jar in ([\w\s-]+);", line)
    assert tuple(jars.split()) == stack_connect.CONVERTER_JARS


def test_what_is_started_lies_where_the_image_has_it() -> None:
    words = entry_point()
    targets = {copy.target: copy for copy in copied(stages_of(DOCKERFILE)[-1])}
    (agent,) = [word for word in words if word.startswith("-javaagent:")]
    assert agent.removeprefix("-javaagent:").startswith("/opt/connect/agent/")
    assert words[words.index("-cp") + 1] == "/opt/connect/worker/*"
    assert {"/opt/connect/agent", "/opt/connect/worker"} <= set(targets)
    worker = (FOLDER / "connect" / "base" / "worker.properties").read_text(encoding="utf-8")
    (plugins,) = re.findall(r"^plugin\.path=(.*)$", worker, re.MULTILINE)
    assert [one for one in targets if one.startswith(f"{plugins}/")]
    for copy in targets.values():
        assert copy.origin in {"jars", "avro"}


def test_each_rule_of_metrics_names_a_series_by_what_its_pattern_finds() -> None:
    text = (FOLDER / "connect" / "base" / "metrics.yaml").read_text(encoding="utf-8")
    for rule in yaml.safe_load(text)["rules"]:
        groups = re.compile(rule["pattern"]).groups
        used = re.findall(r"\$(\d)", f"{rule['name']} {rule['labels'] if 'labels' in rule else ''}")
        assert {int(number) for number in used} == set(range(1, groups + 1)), rule["pattern"]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's /opt/connect, made by the Dockerfile's own lines."""
    folder = tmp_path_factory.mktemp("image")
    return Build(DOCKERFILE, folder, {}).run().at("/opt/connect")


@pytest.fixture
def place(
    image: Path, tmp_path: Path, kafka: Kafka, registry: Registry, mysql_database: Database
) -> Place:
    """The overlay for production, with a login; its database is an empty one of the test."""
    database = mysql_database
    name = database.name.replace("_", "-")
    database.execute(
        "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(10))",
        "CREATE TABLE accounts (id INT PRIMARY KEY)",
        "CREATE TABLE debezium_signals "
        "(id VARCHAR(42) PRIMARY KEY, type VARCHAR(32) NOT NULL, data VARCHAR(2048))",
        "INSERT INTO orders VALUES (1, 'a'), (2, 'b')",
    )
    return Place(
        documents=rendered(FOLDER / "connect" / "prod"),
        image=image,
        folder=tmp_path,
        variables={
            "DATABASE": name,
            "KAFKA_BROKERS": kafka.text("sasl_brokers"),
            "KAFKA_SECURITY": "SASL_PLAINTEXT",
            "KAFKA_USER": kafka.text("username"),
            "REPLICATION_FACTOR": "1",
            "SCHEMA_REGISTRY": registry.url,
        },
        secrets={
            "DATABASE_PASSWORD": database.password,
            "KAFKA_PASSWORD": kafka.text("password"),
        },
        texts={
            "host: shop-db": f"host: {database.host}\n    port: {database.port}",
            "user: debezium": f"user: {database.user}",
            "database: shop": f"database: {database.name}",
            "    tls: required\n": "",
            "name: shop\n": f"name: {name}\n",
            "name: shop.shop.": f"name: {name}.{database.name}.",
            "name: shop.": f"name: {name}.",
            "topic: shop.": f"topic: {name}.",
            "heartbeat.shop": f"heartbeat.{name}",
            "replication_factor: 3": "replication_factor: 1",
            "min.insync.replicas: 2": "min.insync.replicas: 1",
        },
    )


@contextlib.contextmanager
def running(place: Place, count: int) -> Iterator[list[Worker]]:
    """Workers of one cluster, ready."""
    pod = pod_of(place.documents, "Deployment/connect-shop")
    started = [Worker(place, pod, number) for number in range(count)]
    try:
        for worker in started:
            worker.wait()
        yield started
    finally:
        for worker in started:
            worker.end()


# It brings 500 MB, and starts two workers.
@pytest.mark.slow
def test_what_the_manifests_say_captures_a_database_and_survives_the_loss_of_a_worker(
    place: Place, kafka: Kafka, mysql_database: Database
) -> None:
    database = mysql_database
    apply = pod_of(place.documents, "Job/connect-apply-shop")
    topics = kami(place, apply, "topics", "")
    assert topics.returncode == 0, topics.stderr
    assert len(topics.stdout.splitlines()) == 11
    with running(place, 2) as (first, second):
        connectors = kami(place, apply, "connectors", first.url)
        assert connectors.returncode == 0, connectors.stderr
        health = pod_of(place.documents, "CronJob/connect-health-shop")
        assert kami(place, health, "kami", second.url).returncode == 0
        # Whoever made them, the topics are as the file says.
        assert kami(place, apply, "topics", "").stderr == "kami: nothing to do\n"
        name = place.variables["DATABASE"]
        owner = working(first, name)
        loser, heir = (first, second) if owner in first.url else (second, first)
        series = loser.metrics()
        for expected in (
            f'kafka_connect_connector_status{{connector="{name}",status="running"}}',
            f'kafka_connect_task_status{{connector="{name}",status="running",task="0"}}',
            f'kafka_connect_connector_tasks{{connector="{name}",status="running"}}',
            f'debezium_connected{{kind="mysql",server="{name}"}}',
        ):
            assert series.get(expected) == 1.0, sorted(series)
        seen = series[
            f'debezium_total_number_of_events_seen{{context="snapshot",kind="mysql",server="{name}"}}'
        ]
        assert seen == 2
        assert not [one for one in series if "_objectname" in one]
        # A table more, as docs/connect_kubernetes.md has it.
        database.execute(
            "CREATE TABLE refunds (id INT PRIMARY KEY)", "INSERT INTO refunds VALUES (7)"
        )
        more = dataclasses.replace(
            place, texts={**place.texts, "tables: [orders, ": "tables: [refunds, orders, "}
        )
        added = kami(more, apply, "connectors", second.url)
        assert added.returncode == 0, added.stderr
        until_there(kafka, f"{name}.{database.name}.refunds")
        loser.kill()
        taken_over(heir, name)
        lines = heir.lines()
        assert {line["database"] for line in lines} == {name}
        assert {"severity", "message", "logger"} <= lines[0].keys()


def working(worker: Worker, name: str) -> str:
    """The address of the worker with the connector's task; empty where it does not run."""
    response = httpx.get(f"{worker.url}/connectors/{name}/status", timeout=60)
    if response.status_code != httpx.codes.OK:
        return "none"
    tasks = response.json()["tasks"]
    return str(tasks[0]["worker_id"]) if tasks and tasks[0]["state"] == "RUNNING" else "none"


def until_there(kafka: Kafka, topic: str) -> None:
    """Waits until a topic has a record."""
    consumer = Consumer({"bootstrap.servers": kafka.brokers, "group.id": "nobody"})
    begun = time.monotonic()
    try:
        while True:
            found = consumer.list_topics(topic, timeout=30).topics[topic].partitions
            ends = [
                consumer.get_watermark_offsets(TopicPartition(topic, one), timeout=30)[1]
                for one in found
            ]
            if sum(ends):
                return
            assert time.monotonic() < begun + 120, f"nothing came to {topic}"
            time.sleep(0.5)
    finally:
        consumer.close()


def taken_over(heir: Worker, name: str) -> None:
    """Waits until the worker has the connector's task."""
    begun = time.monotonic()
    while working(heir, name) not in heir.url:
        assert time.monotonic() < begun + 90, heir.log.read_text()[-5000:]
        time.sleep(0.5)
