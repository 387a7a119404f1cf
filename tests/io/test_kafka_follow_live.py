"""Following topics on Prism: nothing is lost when the job is killed, new partitions are read."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.io.kafka_live import numbers, produce

JOB = Path(__file__).parent / "kafka_follow_job.py"
PATIENCE_SECONDS = 120


class Job:
    """A job in a process of its own that appends what it reads to a file."""

    def __init__(self, kafka: Any, prism: Any, topic: str, out: Path) -> None:
        self.out = out
        self.process = subprocess.Popen(
            [sys.executable, str(JOB), kafka.brokers, str(prism.binary), topic, str(out)],
            stdout=subprocess.DEVNULL,
            stderr=out.with_suffix(".log").open("a"),
            start_new_session=True,
        )

    def wait_for(self, reached: Callable[[list[str]], bool]) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not reached(read(self.out)):
            if self.process.poll() is not None or time.monotonic() > until:
                pytest.fail(self.out.with_suffix(".log").read_text()[-4_000:])
            time.sleep(0.2)

    def kill(self) -> None:
        """As kill -9 does it: the job, its workers and Prism."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def read(out: Path) -> list[str]:
    return out.read_text().splitlines() if out.exists() else []


@pytest.fixture
def start(kafka: Any, prism: Any, tmp_path: Path) -> Iterator[Callable[[str], Job]]:
    jobs: list[Job] = []

    def make(topic: str) -> Job:
        jobs.append(Job(kafka, prism, topic, tmp_path / "read.txt"))
        return jobs[-1]

    yield make
    for job in jobs:
        job.kill()


def test_a_killed_job_loses_nothing(kafka: Any, topic: Any, start: Callable[[str], Job]) -> None:
    name = topic()
    produce(kafka.brokers, name, numbers(30_000))
    job = start(name)
    job.wait_for(lambda _: committed(kafka, name) == 30_000)
    produce(kafka.brokers, name, numbers(30_000, 30_000))
    job.wait_for(lambda lines: len(lines) > 30_000)
    job.kill()
    before, first = len(read(job.out)), committed(kafka, name)
    # Whatever was committed had been written.
    assert sorted(map(int, read(job.out)))[:first] == list(range(first))
    produce(kafka.brokers, name, numbers(1_000, 60_000))
    job = start(name)
    job.wait_for(lambda lines: len(set(lines)) == 61_000)
    assert sorted(map(int, set(read(job.out)))) == list(range(61_000))
    assert len(read(job.out)) == before + 61_000 - first


def committed(kafka: Any, topic: str) -> int:
    """What the job has committed; below 0 for nothing."""
    consumer = Consumer({"bootstrap.servers": kafka.brokers, "group.id": f"group-{topic}"})
    try:
        (found,) = consumer.committed([TopicPartition(topic, 0)], timeout=10)
    except KafkaException:  # The group's coordinator is being chosen.
        return -1
    finally:
        consumer.close()
    return found.offset


def test_new_partitions_are_read(kafka: Any, topic: Any, start: Callable[[str], Job]) -> None:
    name = topic()
    produce(kafka.brokers, name, ["old"], partition=0)
    job = start(name)
    job.wait_for(lambda lines: "old" in lines)
    topic.add_partitions(name, 2)
    time.sleep(1)
    produce(kafka.brokers, name, ["new"], partition=1)
    job.wait_for(lambda lines: "new" in lines)
    assert Counter(read(job.out)) == {"old": 1, "new": 1}
