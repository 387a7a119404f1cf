"""A row of runs that end: when they start, and how they stop."""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
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

    def open_sources(self) -> Any:
        if not self.offsets:
            os.kill(os.getpid(), signal.SIGTERM)
            return [Source(Plan(0))]
        return [Source(Plan(self.offsets.pop(0)))]

    def run_to_end(self, sources: Any) -> Any:
        self.ran.append(sources[0].kafka.offsets)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "POLL_SECONDS", 0.001)


def test_a_run_starts_only_where_there_is_something_to_read() -> None:
    job = Job([0, 0, 5, 0, 3])
    follow(job, job.open_sources())
    assert job.ran == [5, 3]


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
    """A pipeline without an end, that knows whether it was cancelled."""

    def __init__(self, states: list[str]) -> None:
        self.states = states
        self.cancelled = False

    @property
    def state(self) -> str:
        return self.states[0]

    def wait_until_finish(self, duration: int) -> str:
        if len(self.states) > 1:
            self.states.pop(0)
        else:
            os.kill(os.getpid(), signal.SIGINT)
        return self.state

    def cancel(self) -> None:
        self.cancelled = True


def test_a_pipeline_that_ends_is_not_cancelled() -> None:
    result: Any = Result(["RUNNING", "DONE"])
    until_stopped(result)
    assert not result.cancelled


def test_a_signal_cancels_a_pipeline_that_goes_on() -> None:
    result: Any = Result(["RUNNING"])
    until_stopped(result)
    assert result.cancelled
