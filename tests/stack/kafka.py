"""Kafka in KRaft mode: one broker that is its own controller, open and with authentication.

Four ways in: `brokers` (no authentication), `sasl_brokers` (PLAIN, SCRAM and OAUTHBEARER with
unsigned tokens), `tls_brokers` (TLS, a client certificate if the client has one) and
`sasl_tls_brokers`. Who comes without authentication may do all, as the user kamiflow may; the user
stranger logs in and may do nothing.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.stack.command import run
from tests.stack.jdk import java, small_jvm
from tests.stack.maven import Artifact, copy_dependencies, require_maven
from tests.stack.part import Command, Context, Endpoints, NotReady, Part, Plan

VERSION = "4.1.2"
JAVA = 17
TRUSTSTORE_PASSWORD = "truststore"  # noqa: S105  (of a file with a public certificate)
USERS = {"kamiflow": "kamiflow-password", "stranger": "stranger-password"}

ARTIFACTS = (
    Artifact("org.apache.kafka", "kafka_2.13", VERSION),
    Artifact("org.apache.kafka", "kafka-tools", VERSION),
    Artifact("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.1"),
    Artifact("org.apache.logging.log4j", "log4j-core", "2.25.1"),
)

# The port of each listener stands in the configuration under its name.
LISTENERS = {
    "PLAINTEXT": "PLAINTEXT",
    "SASL": "SASL_PLAINTEXT",
    "TLS": "SSL",
    "SASLTLS": "SASL_SSL",
    "CONTROLLER": "PLAINTEXT",
}

LOG4J = """\
rootLogger.level = WARN
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{2}: %m%n
logger.server.name = kafka.server
logger.server.level = INFO
logger.debezium.name = io.debezium
logger.debezium.level = INFO
"""

_JAAS = "org.apache.kafka.common.security"


def logging_options(folder: Path) -> tuple[str, ...]:
    """Options for a Java program of Kafka to log to its output; without them it logs nothing."""
    file = folder / "log4j2.properties"
    file.write_text(LOG4J)
    return (f"-Dlog4j2.configurationFile={file}",)


class Kafka(Part):
    """The broker."""

    name = "kafka"
    recipe = f"{' '.join(map(str, ARTIFACTS))} formatted 1"

    def require(self) -> None:
        java(JAVA)
        require_maven()

    def install(self, folder: Path) -> None:
        # Loaded where it is used: every run of pytest and every command loads the list of parts.
        from tests.stack.certificates import write_certificates

        copy_dependencies(ARTIFACTS, folder / "jars")
        write_certificates(folder / "tls", TRUSTSTORE_PASSWORD)
        # Formatting takes a Java of its own; a start copies what it wrote.
        config = folder / "format.properties"
        # The ports must differ, and are not written.
        ports = {name: number for number, name in enumerate(LISTENERS, start=1)}
        config.write_text(_properties(folder, folder / "formatted", ports))
        scram = [
            argument
            for name, password in USERS.items()
            for algorithm in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for argument in ("--add-scram", f"{algorithm}=[name={name},password={password}]")
        ]
        cluster = ("--cluster-id", "a2FtaWZsb3ctc3RhY2sxMQ")
        tool = _java(folder, "kafka.tools.StorageTool")
        run([*tool, "format", *cluster, "--config", config, *scram])

    def plan(self, context: Context) -> Plan:
        data = context.folder / "data"
        shutil.copytree(context.installed / "formatted", data)
        ports = {name: context.free_port() for name in LISTENERS}
        config = context.folder / "server.properties"
        config.write_text(_properties(context.installed, data, ports))
        logs = logging_options(context.folder)
        tls = context.installed / "tls"
        return Plan(
            endpoints={
                "brokers": f"127.0.0.1:{ports['PLAINTEXT']}",
                "sasl_brokers": f"127.0.0.1:{ports['SASL']}",
                "tls_brokers": f"127.0.0.1:{ports['TLS']}",
                "sasl_tls_brokers": f"127.0.0.1:{ports['SASLTLS']}",
                "username": "kamiflow",
                "password": USERS["kamiflow"],
                "stranger_username": "stranger",
                "stranger_password": USERS["stranger"],
                "ca": str(tls / "ca.pem"),
                "stranger_ca": str(tls / "stranger.pem"),
                "client_certificate": str(tls / "client.pem"),
                "truststore": str(tls / "truststore.p12"),
                "truststore_password": TRUSTSTORE_PASSWORD,
            },
            processes={
                "kafka": Command((*_java(context.installed, *logs, "kafka.Kafka"), str(config)))
            },
        )

    def check(self, endpoints: Endpoints) -> None:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        # What it would say of a broker that is not there yet is no news.
        config: dict[str, Any] = {"bootstrap.servers": endpoints["brokers"], "log_level": 0}
        try:
            with AdminClient(config) as client:
                # The controller answers this one; the list of topics the broker has at any time.
                client.describe_cluster(request_timeout=2).result(timeout=3)
        except (KafkaException, TimeoutError) as error:
            message = f"{endpoints['brokers']} does not describe its cluster: {error}"
            raise NotReady(message) from error


def _java(installed: Path, *arguments: str) -> tuple[str, ...]:
    return (str(java(JAVA)), *small_jvm(384), "-cp", f"{installed / 'jars'}/*", *arguments)


def _properties(installed: Path, data: Path, ports: dict[str, int]) -> str:
    users = " ".join(f'user_{name}="{password}"' for name, password in USERS.items())
    listeners = [f"{name}://127.0.0.1:{port}" for name, port in ports.items()]
    advertised = [listener for listener in listeners if not listener.startswith("CONTROLLER:")]
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{ports['CONTROLLER']}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": ",".join(listeners),
        "advertised.listeners": ",".join(advertised),
        "listener.security.protocol.map": ",".join(map(":".join, LISTENERS.items())),
        "log.dirs": str(data),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(installed / "tls" / "server.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(installed / "tls" / "ca.pem"),
        "ssl.client.auth": "requested",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS;User:kamiflow;User:CN=client",
        "num.partitions": "1",
        "offsets.topic.replication.factor": "1",
        # Each partition is a set of files to open; one broker needs no 50.
        "offsets.topic.num.partitions": "3",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "3",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        # Each join of a group costs 3 s otherwise.
        "group.initial.rebalance.delay.ms": "0",
        # A broker that was killed may come back only when the old one counts as dead.
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "500",
        "num.network.threads": "2",
        "num.io.threads": "2",
        "log.cleaner.dedupe.buffer.size": "4194304",
        # Times of test records lie years back; retention must not delete them.
        "log.retention.ms": "-1",
    }
    for listener in ("sasl", "sasltls"):
        prefix = f"listener.name.{listener}"
        properties |= {
            f"{prefix}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
            f"{prefix}.plain.sasl.jaas.config": f"{_JAAS}.plain.PlainLoginModule required {users};",
            f"{prefix}.scram-sha-256.sasl.jaas.config": f"{_JAAS}.scram.ScramLoginModule required;",
            f"{prefix}.scram-sha-512.sasl.jaas.config": f"{_JAAS}.scram.ScramLoginModule required;",
            f"{prefix}.oauthbearer.sasl.jaas.config": (
                f"{_JAAS}.oauthbearer.OAuthBearerLoginModule required "
                'unsecuredLoginStringClaim_sub="broker";'
            ),
        }
    return "".join(f"{name}={value}\n" for name, value in properties.items())


PART = Kafka()
