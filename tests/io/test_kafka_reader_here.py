"""A read without an end on the runner of this process: until it is told to stop."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from pipeline_io.kafka_followed import followed_run, forget_run
from pipeline_io.kafka_partitions import PartitionReader
from pipeline_io.kafka_positions import Partition, shares
from pipeline_io.kafka_reader import ReadUntilStopped
from pipeline_io.kafka_source import KafkaSource
from pipelines.follow_here import without_metrics
from tests.io.kafka_fakes import FakeConsumer, FakeLog, source

KEY = Partition("t", 0)
RUN = "read-here"
LOG = FakeLog({KEY: []}, {KEY: 0})
DELIVERED: list[bytes] = []
BUNDLES: list[int] = []


def make_reader(of: KafkaSource) -> PartitionReader:
    """Made where the runner has unpickled the DoFn: by the module's own log."""
    return PartitionReader(of, lambda config: FakeConsumer(LOG))


class Deliver(beam.DoFn):
    """A sink that has delivered when a bundle ends."""

    def __init__(self) -> None:
        self.held: list[bytes] = []

    def start_bundle(self) -> None:
        self.held = []

    def process(self, element: Any) -> None:
        self.held += element.column("value").to_pylist()

    def finish_bundle(self) -> None:
        BUNDLES.append(len(self.held))
        DELIVERED.extend(self.held)


@contextlib.contextmanager
def started() -> Iterator[threading.Thread]:
    LOG.offsets[KEY], LOG.ends[KEY] = [], 0
    DELIVERED.clear()
    BUNDLES.clear()
    wanted = source(bounded=False, discovery_seconds=None)
    pipeline = beam.Pipeline(runner=FnApiRunner())
    _ = (
        pipeline
        | beam.Create(shares(LOG.positions(endless=True), 1, RUN), reshuffle=False)
        | beam.ParDo(ReadUntilStopped(wanted, 0.01, make_reader))
        | beam.ParDo(Deliver())
    )
    thread = threading.Thread(target=pipeline.run, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        followed_run(RUN).stop()
        thread.join(30)
        forget_run(RUN)


@pytest.fixture
def running() -> Iterator[threading.Thread]:
    with started() as thread:
        yield thread


def wait_for(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_comes_is_delivered_while_the_pipeline_runs_and_once(
    running: threading.Thread,
) -> None:
    wanted = []
    for number in range(3):
        offset = LOG.append(KEY)
        wanted.append(f"t/0@{offset}".encode())
        wait_for(lambda: len(DELIVERED) > number)  # noqa: B023  (called before the next turn)
    assert wanted == DELIVERED
    assert running.is_alive()
    assert followed_run(RUN).quiet_seconds() < 30
    LOG.append(KEY)
    wait_for(lambda: len(DELIVERED) == 4)
    followed_run(RUN).stop()
    running.join(30)
    assert not running.is_alive()
    assert len(DELIVERED) == 4
    assert max(BUNDLES) <= 4


def generators() -> int:
    return sum(isinstance(one, types.GeneratorType) for one in gc.get_objects())


def test_a_runner_that_goes_on_keeps_nothing_of_its_bundles() -> None:
    with without_metrics(), started() as running:
        wait_for(lambda: len(BUNDLES) > 20)
        before = generators()
        bundles = len(BUNDLES)
        wait_for(lambda: len(BUNDLES) > bundles + 200)
        assert running.is_alive()
        # Without it there is one more for each metric's bundle.
        assert generators() - before < 50


def test_a_topic_without_a_record_can_be_stopped(running: threading.Thread) -> None:
    wait_for(lambda: len(BUNDLES) > 2)
    assert running.is_alive()
    followed_run(RUN).stop()
    running.join(30)
    assert (running.is_alive(), DELIVERED) == (False, [])
