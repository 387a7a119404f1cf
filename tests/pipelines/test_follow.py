"""A row of runs that end: when they start, and how they stop."""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import threading
from typing import Any

import pytest

from pipelines import follow as following
from pipelines.follow import follow, until_stopped


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
