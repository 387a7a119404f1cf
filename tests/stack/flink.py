"""Beam's Flink runner: its job server with a Flink of its own in the same process."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from tests.stack.grpc_answers import answers_grpc
from tests.stack.jdk import java, small_jvm
from tests.stack.maven import Artifact, copy_dependencies, require_maven
from tests.stack.part import Command, Context, Endpoints, Part, Plan

JAVA = 17
HEAP_MEGABYTES = 1024

ARTIFACTS = (
    # The job service of 2.66 and later is not among the small jars; 2.65's works with it.
    Artifact(
        "org.apache.beam",
        "beam-runners-flink-1.19",
        "2.70.0",
        exclusions=("org.apache.beam:beam-runners-java-job-service",),
    ),
    Artifact("org.apache.beam", "beam-runners-java-job-service", "2.65.0", exclusions=("*:*",)),
    Artifact("org.apache.beam", "beam-sdks-java-expansion-service", "2.70.0"),
    Artifact("org.slf4j", "slf4j-simple", "2.0.16"),
)

# What Flink and its serialisers reach into, closed since Java 17.
OPENED = (
    "java.io",
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.math",
    "java.net",
    "java.nio",
    "java.text",
    "java.time",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "java.util.concurrent.locks",
    "sun.nio.ch",
)

# Each job has a Flink of its own in this process, so that no port may be fixed.
# Checkpoints in files: kept in memory they are gone with the process, and their size is limited.
# The state of the SDF grows by 2 KB a checkpoint with this runner (apache/beam issue 27648).
CONFIGURATION = """\
state.backend.type: hashmap
execution.checkpointing.storage: filesystem
state.checkpoint-storage: filesystem
state.checkpoints.dir: file://{checkpoints}
state.checkpoints.num-retained: 3
execution.checkpointing.externalized-checkpoint-retention: RETAIN_ON_CANCELLATION
taskmanager.memory.managed.size: 32m
taskmanager.memory.network.min: 32m
taskmanager.memory.network.max: 32m
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.bind-port: 0
"""
CONFIGURATION_FILE = "flink-conf.yaml"
RESTORE = "execution.savepoint.path"


class Flink(Part):
    """Job server, job manager and task manager in one JVM."""

    name = "flink"
    recipe: ClassVar[str] = "\n".join(map(str, ARTIFACTS))

    def require(self) -> None:
        require_maven()
        java(JAVA)

    def install(self, folder: Path) -> None:
        copy_dependencies(ARTIFACTS, folder / "jars")

    def plan(self, context: Context) -> Plan:
        job_port = context.free_port()
        checkpoints = context.folder / "checkpoints"
        configuration = context.folder / "conf" / CONFIGURATION_FILE
        # Flink unpacks jars into it at each start, and a Flink that is killed leaves them there.
        scratch = context.folder / "scratch"
        for made in (checkpoints, configuration.parent, context.folder / "artifacts", scratch):
            made.mkdir()
        configuration.write_text(CONFIGURATION.format(checkpoints=checkpoints.absolute()))
        arguments = (
            str(java(JAVA)),
            *small_jvm(HEAP_MEGABYTES),
            f"-Djava.io.tmpdir={scratch.absolute()}",
            *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED),
            "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
            "-Dorg.slf4j.simpleLogger.log.org.apache.flink=warn",
            "-Dorg.slf4j.simpleLogger.log.org.apache.flink.runtime.checkpoint=info",
            "-Dorg.slf4j.simpleLogger.log.org.apache.flink.runtime.executiongraph=info",
            "-cp",
            f"{context.installed}/jars/*",
            "org.apache.beam.runners.flink.FlinkJobServerDriver",
            "--flink-master=[local]",
            f"--flink-conf-dir={configuration.parent.absolute()}",
            "--job-host=127.0.0.1",
            f"--job-port={job_port}",
            f"--artifact-port={context.free_port()}",
            f"--expansion-port={context.free_port()}",
            f"--artifacts-dir={context.folder / 'artifacts'}",
        )
        return Plan(
            endpoints={
                "job_endpoint": f"127.0.0.1:{job_port}",
                "configuration": str(configuration.absolute()),
                "checkpoints": str(checkpoints.absolute()),
            },
            processes={"flink": Command(arguments)},
        )

    def check(self, endpoints: Endpoints) -> None:
        answers_grpc(str(endpoints["job_endpoint"]))


def restore_from(configuration: Path, checkpoint: Path | None) -> None:
    """Makes the next job go on from a checkpoint's folder (chk-N), or from nothing.

    The job server reads the file at each submission. `--savepoint_path` of Beam does nothing on
    a Flink inside of the job server.
    """
    kept = [line for line in configuration.read_text().splitlines() if RESTORE not in line]
    if checkpoint is not None:
        kept.append(f"{RESTORE}: file://{checkpoint}")
    configuration.write_text("".join(f"{line}\n" for line in kept))


def newest_checkpoint(checkpoints: Path) -> Path | None:
    """The folder of the newest complete checkpoint; None where there is none yet."""
    complete = [path.parent for path in checkpoints.glob("*/chk-*/_metadata")]
    return max(complete, key=lambda path: path.stat().st_mtime, default=None)


PART = Flink()
