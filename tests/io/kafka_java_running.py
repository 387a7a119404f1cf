"""Runs the job of kafka_java_job in a process of its own, and a pool of Python workers."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from tests.io.kafka_java_job import noted
from tests.stack.asking import listens
from tests.stack.part import NotReady
from tests.stack.ports import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 240
"""A first record took 70 s on a machine with ten times more to do than it has cores."""


def produce(brokers: str, topic: str, partitions: int, numbers: range) -> None:
    """Writes a record for each number, in turn to each partition."""
    producer = Producer(
        {
            "bootstrap.servers": brokers,
            "linger.ms": 5,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    for number in numbers:
        producer.produce(topic, b"x" * 200, str(number).encode(), partition=number % partitions)
        if number % 1_000 == 0:
            producer.poll(0)
    producer.flush()


@dataclasses.dataclass
class Job:
    """A job and what it has seen, over all its processes.

    Args:
        given: what kafka_java_job is told.
        flags: of Beam.
        folder: where it notes what it has seen.
    """

    given: dict[str, Any]
    flags: list[str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def submit(self) -> None:
        (self.folder / "noted").mkdir(exist_ok=True)
        given = json.dumps({**self.given, "folder": str(self.folder / "noted")})
        with (self.folder / "job.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.io.kafka_java_job", given, *self.flags],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def seen(self) -> list[tuple[int, int]]:
        """Partition and offset of each record, repeats included."""
        return [(partition, offset) for _, partition, offset, _ in noted(self.folder / "noted")]

    def wait_for(self, records: int) -> None:
        """Returns when so many different records were seen."""
        until(lambda: len(set(self.seen())) >= records, f"{records} records", self.report)

    def report(self) -> str:
        log = (self.folder / "job.log").read_text(errors="replace")[-3_000:]
        return f"{len(set(self.seen()))} records were seen; the job's log ends with:\n{log}"


def until(holds: Callable[[], bool], what: str, report: Callable[[], str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            message = f"{what} did not come within {START_SECONDS} s: {report()}"
            raise TimeoutError(message)
        time.sleep(0.3)


@dataclasses.dataclass
class WorkerPool:
    """Beam's pool of Python workers, each a process of its own."""

    address: str
    process: subprocess.Popen[bytes]

    def workers(self) -> list[int]:
        listed = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], check=False, capture_output=True, text=True
        )
        return [int(pid) for pid in listed.stdout.split()]

    def kill_workers(self) -> int:
        """Ends the workers by SIGKILL, not the pool; gives their number."""
        pids = self.workers()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return len(pids)


@contextlib.contextmanager
def worker_pool(folder: Path) -> Iterator[WorkerPool]:
    port = free_port()
    module = "apache_beam.runners.worker.worker_pool_main"
    # The pool starts each worker as `python`, whichever that is.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (folder / "pool.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, f"--service_port={port}"],
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": path},
        )
    address = f"localhost:{port}"

    def answers() -> bool:
        with contextlib.suppress(NotReady):
            listens(address)
            return True
        return False

    try:
        until(answers, "the worker pool", lambda: (folder / "pool.log").read_text())
        yield WorkerPool(address, process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
