"""Beam's Java transforms (KafkaIO, SQL): expansion service and Java worker pool in one process.

Beam ships them in one large jar that it fetches when it needs it. Here they are made of the small
jars on Maven, together with transforms of the project's own
(templates/java/src).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import ClassVar

from tests.stack.command import run
from tests.stack.grpc_answers import answers_grpc
from tests.stack.jdk import java, javac, small_jvm
from tests.stack.maven import Artifact, copy_dependencies, require_maven
from tests.stack.part import Command, Context, Endpoints, Part, Plan

JAVA = 17
HEAP_MEGABYTES = 768
SOURCES = Path(__file__).parents[2] / "templates" / "java" / "src"
BEAM = "2.71.0"
"""The newest whose small jars are on Maven Central; Python's Beam 2.77 takes its expansions."""

ARTIFACTS = (
    Artifact("org.apache.beam", "beam-sdks-java-expansion-service", BEAM),
    Artifact("org.apache.beam", "beam-sdks-java-harness", BEAM),
    Artifact("org.apache.beam", "beam-sdks-java-extensions-sql", BEAM),
    # Confluent's artifacts are in a repository of their own, and serve schemas alone.
    Artifact("org.apache.beam", "beam-sdks-java-io-kafka", BEAM, exclusions=("io.confluent:*",)),
    Artifact("org.apache.beam", "beam-sdks-java-io-google-cloud-platform", BEAM),
    Artifact("org.apache.kafka", "kafka-clients", "3.9.1"),
    Artifact("com.github.jbellis", "jamm", "0.4.0"),
    Artifact("org.slf4j", "slf4j-simple", "2.0.16"),
)

REGISTRARS = ("kamiflow.SqlRegistrar", "kamiflow.KafkaBatches$Registrar")
SERVICE_FILE = "META-INF/services/org.apache.beam.sdk.expansion.ExternalTransformRegistrar"

_CHANNELS = "org.apache.beam.vendor.grpc.v1p69p0.io.grpc.internal.ManagedChannelOrphanWrapper"
# Records leave the Java worker after this time at the latest, and not only with their bundle,
# which KafkaIO holds open for as long as it polls.
DATA_BUFFER_TIME_LIMIT = "--experiments=data_buffer_time_limit_ms=100"
WORKER_OPTIONS = (
    DATA_BUFFER_TIME_LIMIT,
    # Beam leaves the channel open that asks for a worker's provisions, and logs it as an error.
    f'--sdkHarnessLogLevelOverrides={{"{_CHANNELS}":"OFF"}}',
)


def _sources() -> list[Path]:
    return sorted(SOURCES.rglob("*.java"))


def _recipe() -> str:
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(path.name.encode() + path.read_bytes())
    return "\n".join([*map(str, ARTIFACTS), *REGISTRARS, digest.hexdigest()])


class BeamJava(Part):
    """One JVM that expands Java transforms and runs them."""

    name = "beam_java"
    recipe: ClassVar[str] = _recipe()

    def require(self) -> None:
        require_maven()
        java(JAVA)
        javac(JAVA)

    def install(self, folder: Path) -> None:
        jars, classes = folder / "jars", folder / "classes"
        copy_dependencies(ARTIFACTS, jars)
        service = classes / SERVICE_FILE
        service.parent.mkdir(parents=True)
        service.write_text("".join(f"{name}\n" for name in REGISTRARS))
        run(
            [
                javac(JAVA),
                "-nowarn",
                "-proc:none",
                f"--release={JAVA}",
                f"--class-path={jars}/*",
                "-d",
                classes,
                *_sources(),
            ]
        )

    def plan(self, context: Context) -> Plan:
        port = context.free_port()
        # Beam stages the class path where it is told of no files, and zips it for minutes.
        staged = context.folder / "staged.txt"
        staged.write_text("The workers have the class path already.\n")
        arguments = (
            str(java(JAVA)),
            *small_jvm(HEAP_MEGABYTES),
            # Beam's caches weigh objects by it.
            f"-javaagent:{_jamm(context.installed)}",
            "--add-opens=java.base/java.lang=ALL-UNNAMED",
            "--add-opens=java.base/java.nio=ALL-UNNAMED",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
            "-Dorg.slf4j.simpleLogger.log.org.apache.kafka=warn",
            "-cp",
            os.pathsep.join((f"{context.installed}/classes", f"{context.installed}/jars/*")),
            "kamiflow.ExpansionAndWorkers",
            str(port),
            str(staged),
            *WORKER_OPTIONS,
        )
        address = f"127.0.0.1:{port}"
        return Plan(
            endpoints={"expansion_address": address, "worker_address": address},
            processes={"beam_java": Command(arguments)},
        )

    def check(self, endpoints: Endpoints) -> None:
        answers_grpc(str(endpoints["expansion_address"]))


def _jamm(installed: Path) -> Path:
    (jar,) = (installed / "jars").glob("jamm-*.jar")
    return jar


PART = BeamJava()
