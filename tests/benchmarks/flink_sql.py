"""Flink SQL for comparison: a JVM of its own with a MiniCluster that runs script after script.

The driver in Java (java/kamiflow/bench/FlinkSql.java) takes commands by its standard input, so that
jobs find a JVM that is warm. It has Java's own compilers: with the one of the stack's servers it
needs twice the CPU.
"""

from __future__ import annotations

import hashlib
import os
import queue
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from tests.benchmarks.live_jobs import STOP_SECONDS, JobFailed, RunningJob
from tests.benchmarks.live_processes import Usage, usage_of
from tests.stack.command import run
from tests.stack.flink import OPENED
from tests.stack.installing import install
from tests.stack.jdk import java, javac
from tests.stack.maven import Artifact, copy_dependencies, require_maven
from tests.stack.part import Context, Endpoints, Part, Plan
from tests.stack.stack import silent

JAVA = 17
FLINK = "2.3.0"
HEAP_MEGABYTES = 2048
NAME = "flink-sql (java)"
"""Of the process, in what is told."""

FASTEST = ("-XX:+UseSerialGC",)
"""On two cores Flink SQL needs a sixth less CPU so than with G1, Java's own choice there."""

START_SECONDS = 120.0
SETTINGS = {
    "table.local-time-zone": "UTC",
    "execution.checkpointing.interval": "10s",
    # A job that fails says why at once.
    "restart-strategy.type": "none",
    "heartbeat.timeout": "10min",
}

_SOURCE = Path(__file__).parent / "java" / "kamiflow" / "bench" / "FlinkSql.java"
_CONNECTORS = "org.apache.flink"
ARTIFACTS = (
    *(
        Artifact(_CONNECTORS, name, FLINK)
        for name in (
            "flink-clients",
            "flink-table-planner_2.12",
            "flink-table-runtime",
            "flink-table-api-java-bridge",
            "flink-json",
            "flink-sql-avro-confluent-registry",
        )
    ),
    Artifact(_CONNECTORS, "flink-sql-connector-kafka", "5.0.0-2.2"),
    Artifact(_CONNECTORS, "flink-connector-jdbc-core", "4.0.0-2.0"),
    Artifact(_CONNECTORS, "flink-connector-jdbc-postgres", "4.0.0-2.0"),
    Artifact("org.postgresql", "postgresql", "42.7.14"),
    Artifact("org.slf4j", "slf4j-simple", "1.7.36"),
)


class FlinkSqlPart(Part):
    """The jars and the driver. Never a server of the stack: who measures starts it."""

    name = "flink_sql"
    recipe: ClassVar[str] = "\n".join(
        (*map(str, ARTIFACTS), hashlib.sha256(_SOURCE.read_bytes()).hexdigest())
    )

    def require(self) -> None:
        require_maven()
        java(JAVA)
        javac(JAVA)

    def install(self, folder: Path) -> None:
        copy_dependencies(ARTIFACTS, folder / "jars")
        (folder / "classes").mkdir()
        run(
            [
                *(javac(JAVA), "-nowarn", "-proc:none", f"--release={JAVA}"),
                *(f"--class-path={folder / 'jars'}/*", "-d", folder / "classes", _SOURCE),
            ]
        )

    def plan(self, context: Context) -> Plan:
        return Plan({})

    def check(self, endpoints: Endpoints) -> None:
        return


PART = FlinkSqlPart()


class FlinkSql:
    """The driver's process. One job at a time.

    Args:
        folder: where the part is installed.
        log: gets what Flink says.
        settings: of Flink, beside SETTINGS.
    """

    def __init__(self, folder: Path, log: Path, settings: Mapping[str, str]) -> None:
        self._log = log
        arguments = (
            str(java(JAVA)),
            f"-Xmx{HEAP_MEGABYTES}m",
            *FASTEST,
            *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED),
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.log.org.apache.flink.metrics=error",
            "-cp",
            os.pathsep.join((f"{folder / 'classes'}", f"{folder / 'jars'}/*")),
            "kamiflow.bench.FlinkSql",
            *(f"{name}={value}" for name, value in {**SETTINGS, **settings}.items()),
        )
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            )
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self.answer(START_SECONDS)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            if line.startswith(b"= "):
                self._answers.put(line[2:].decode(errors="replace").strip())
        self._answers.put("failed the JVM has ended")

    def ask(self, *words: str) -> None:
        """Gives a command; `answer` has what comes of it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("\t".join(words).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            message = f"Flink SQL has ended: {self.said()}"
            raise JobFailed(message) from error

    def answer(self, patience_seconds: float) -> list[str]:
        """The words of the next answer. Raises JobFailed: it failed, or time is up."""
        try:
            words = self._answers.get(timeout=patience_seconds).split()
        except queue.Empty:
            message = f"Flink SQL has not answered for {patience_seconds:.0f} s: {self.said()}"
            raise JobFailed(message) from None
        if words[0] == "failed":
            message = f"Flink SQL: {' '.join(words[1:])}: {self.said()}"
            raise JobFailed(message)
        return words

    def has_answer(self) -> bool:
        return not self._answers.empty()

    def used(self) -> Usage:
        """By the whole JVM, since its start."""
        return usage_of(self._process.pid)

    def said(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(["", *lines[-15:]])

    def close(self) -> None:
        """Ends the JVM."""
        with suppress(JobFailed):
            self.ask("quit")
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class FlinkSqlJob(RunningJob):
    """A script under way in the driver.

    Args:
        ends: whether its sources have an end.
    """

    def __init__(self, driver: FlinkSql, script: Path, *, ends: bool) -> None:
        self._driver = driver
        self._before = driver.used()
        self._is_over = False
        self._follows = not ends
        driver.ask("start" if self._follows else "run", str(script))
        if self._follows:
            driver.answer(START_SECONDS)

    def has_ended(self) -> bool:
        return self._is_over or self._driver.has_answer()

    def said(self) -> str:
        return self._driver.said()

    def end(self, *, by_itself: bool, patience_seconds: float = STOP_SECONDS) -> dict[str, Usage]:
        if not by_itself:
            self._driver.ask("cancel")
        self._is_over = True
        self._driver.answer(patience_seconds)
        return {NAME: self._driver.used().since(self._before)}

    def kill(self) -> None:
        if not self._is_over and self._follows:
            self._is_over = True
            with suppress(JobFailed):
                self._driver.ask("cancel")
                self._driver.answer(STOP_SECONDS)


@contextmanager
def flink_sql(log: Path, settings: Mapping[str, str] | None = None) -> Iterator[FlinkSql]:
    """A driver that runs within the block, installed at its first use. Raises StackError."""
    driver = FlinkSql(install(PART, silent), log, settings or {})
    try:
        yield driver
    finally:
        driver.close()
