"""A row of runs that end: when they start, and how they stop."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from pipeline_io import kafka_admin
from pipeline_io.kafka_admin import KafkaAdmin, admin_of
from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaAccessError
from pipelines import follow as following
from pipelines.follow import follow, until_stopped

CLUSTER = KafkaCluster("127.0.0.1:1")


@dataclasses.dataclass(frozen=True)
class Plan:
    offsets: int


@dataclasses.dataclass(frozen=True)
class Table:
    name: str = "transfers"


@dataclasses.dataclass(frozen=True)
class Source:
    kafka: Plan
    table: Table = Table()


class Job:
    """Finds the offsets of a script, one a poll; asks to be stopped where they end."""

    def __init__(self, offsets: list[int]) -> None:
        self.offsets = offsets
        self.ran: list[int] = []

    def open_sources(self, *, goes_on: bool = False) -> Any:
        if not self.offsets:
            os.kill(os.getpid(), signal.SIGTERM)
            return [Source(Plan(0))]
        return [Source(Plan(self.offsets.pop(0)))]

    def run_to_end(self, sources: Any) -> Any:
        self.ran.append(sources[0].kafka.offsets)


@pytest.fixture(autouse=True)
def committed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What was committed without a run, in polls that take no time."""
    found: list[int] = []
    monkeypatch.setattr(following, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(
        following, "commit_all", lambda sources: found.append(sources[0].kafka.offsets)
    )
    return found


def test_a_run_starts_only_where_there_is_something_to_read() -> None:
    job = Job([0, 0, 5, 0, 3])
    follow(job, job.open_sources())
    assert job.ran == [5, 3]


def test_a_start_with_nothing_to_read_is_committed_as_where_to_go_on(committed: list[int]) -> None:
    job = Job([0, 5])
    follow(job, job.open_sources())
    assert (committed, job.ran) == ([0], [5])


def test_the_handlers_of_signals_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    job = Job([1])
    follow(job, job.open_sources())
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_long_silence_is_told_once_with_what_to_look_at(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(following, "QUIET_SECONDS", 0.0)
    caplog.set_level(logging.WARNING)
    job = Job([0, 0, 0])
    follow(job, job.open_sources())
    (record,) = caplog.records
    assert "no new records of transfers" in record.getMessage()
    assert "connector" in record.getMessage()


def test_what_a_run_raises_ends_the_row() -> None:
    class Failing(Job):
        def run_to_end(self, sources: Any) -> Any:
            message = "the sink is gone"
            raise RuntimeError(message)

    job = Failing([1])
    with pytest.raises(RuntimeError, match="the sink is gone"):
        follow(job, job.open_sources())


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[Silent]:
    """The client library's clients that were made."""
    made: list[Silent] = []

    def make(config: object) -> Silent:
        made.append(Silent())
        return made[-1]

    monkeypatch.setattr(kafka_admin, "AdminClient", make)
    return made


class Asking(Job):
    """Asks the cluster with each poll."""

    def __init__(self, offsets: list[int]) -> None:
        super().__init__(offsets)
        self.asked: list[KafkaAdmin] = []

    def open_sources(self, *, goes_on: bool = False) -> Any:
        if goes_on:
            with admin_of(CLUSTER) as admin:
                self.asked.append(admin)
        return super().open_sources(goes_on=goes_on)


def test_all_polls_ask_a_cluster_through_one_client(clients: list[Silent]) -> None:
    job = Asking([1, 0, 2, 0, 3])
    follow(job, job.open_sources())
    assert job.ran == [1, 2, 3]
    assert len(job.asked) == 5
    assert (len(set(job.asked)), len(clients)) == (1, 1)


class Silent(contextlib.AbstractContextManager["Silent"]):
    """A client that has nothing to tell."""

    def __exit__(self, *_: object) -> None:
        pass

    def poll(self, timeout: float) -> None:
        pass


class Refused(Job):
    """The brokers refuse a few polls, by these errors."""

    def __init__(self, offsets: list[int], *errors: Exception) -> None:
        super().__init__(offsets)
        self.errors = list(errors)

    def open_sources(self, *, goes_on: bool = False) -> Any:
        if goes_on and self.errors:
            raise self.errors.pop(0)
        return super().open_sources(goes_on=goes_on)


def test_a_refused_login_is_tried_once_more_with_the_password_of_now() -> None:
    refused = KafkaAccessError("check the password")
    job = Refused([1, 2], refused)
    follow(job, job.open_sources())
    assert job.ran == [1, 2]
    job = Refused([1, 2], refused, refused)
    with pytest.raises(KafkaAccessError, match="check the password"):
        follow(job, job.open_sources())


class Result:
    """A pipeline that ends, fails, or goes on until it is cancelled."""

    def __init__(self, error: Exception | None = None, *, ends: bool = True) -> None:
        self.error = error
        self.cancelled = threading.Event()
        self.ends = ends

    def wait_until_finish(self) -> None:
        if self.error is not None:
            raise self.error
        if not self.ends:
            os.kill(os.getpid(), signal.SIGINT)
            assert self.cancelled.wait(10)

    def cancel(self) -> None:
        self.cancelled.set()


def test_a_pipeline_that_ends_is_not_cancelled() -> None:
    result: Any = Result()
    until_stopped(result)
    assert not result.cancelled.is_set()


def test_a_pipeline_that_fails_is_told_where_it_was_started() -> None:
    result: Any = Result(RuntimeError("a worker is gone"))
    with pytest.raises(RuntimeError, match="a worker is gone"):
        until_stopped(result)


def test_a_signal_cancels_a_pipeline_that_goes_on() -> None:
    result: Any = Result(ends=False)
    until_stopped(result)
    assert result.cancelled.is_set()


_NEVER_ENDING = """
import os, signal, threading, time, types
from pipelines import follow

follow.END_SECONDS = 0.3
told = threading.Event()
result = types.SimpleNamespace(wait_until_finish=told.wait, cancel=told.set)
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
if KEPT:
    threading.Thread(target=lambda: time.sleep(300), name="bundle-1").start()
follow.until_stopped(result)
print("the main thread has ended", flush=True)
"""


@pytest.mark.parametrize("kept", [False, True])
def test_a_process_that_a_runner_keeps_after_the_job_was_cancelled_is_ended(kept: bool) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _NEVER_ENDING.replace("KEPT", str(kept))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout == "the main thread has ended\n"
    assert ended.returncode == int(kept), ended.stderr
    assert ("the threads bundle-1 go on; it is ended by force" in ended.stderr) is kept
