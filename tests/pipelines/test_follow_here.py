"""A job that goes on as one pipeline in this process: how it stops, and what it leaves behind."""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline_io import kafka_followed
from pipeline_io.kafka_followed import followed_run
from pipeline_io.kafka_positions import PartitionRange
from pipeline_io.kafka_reader import ReadTopics
from pipeline_io.kafka_topics import ReadPlan
from pipelines import follow, follow_here, run_job
from pipelines.options import LOCAL_RUNNER
from pipelines.run_job import LiveJob
from pipelines.runners import DEFAULTS, Kind
from tests.io.kafka_fakes import source


@dataclasses.dataclass(frozen=True)
class Table:
    name: str = "transfers"


@dataclasses.dataclass(frozen=True)
class Source:
    read: ReadTopics
    table: Table = Table()


class Pipeline:
    """Runs until its reads are stopped, as DirectRunner does."""

    def __init__(self, sources: list[Any], *, stopped_by: int | None = signal.SIGTERM) -> None:
        self.runs = [each.read.run for each in sources]
        self.stopped_by = stopped_by
        self.ended = False

    def run(self) -> None:
        if self.stopped_by is not None:
            os.kill(os.getpid(), self.stopped_by)
        deadline = time.monotonic() + 30
        while not all(followed_run(run).is_stopped for run in self.runs):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        self.ended = True


def sources(count: int = 1, *, group: str | None = "g") -> list[Any]:
    found = []
    for _ in range(count):
        wanted = source(bounded=False, group=group)
        plan = ReadPlan(wanted, (PartitionRange("t", 0, 0),))
        found.append(Source(ReadTopics(wanted, plan, in_this_process=True)))
    return found


@pytest.fixture(autouse=True)
def finished(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose last offsets were committed."""
    found: list[str] = []
    monkeypatch.setattr(follow_here, "finish_run", found.append)
    monkeypatch.setattr(follow_here, "WAIT_SECONDS", 0.01)
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_reads_and_what_they_read_is_committed(
    finished: list[str], number: int
) -> None:
    given = sources(2)
    pipeline: Any = Pipeline(given, stopped_by=number)
    follow_here.follow_here(pipeline, given)
    assert pipeline.ended
    assert finished == pipeline.runs
    assert not set(pipeline.runs) & set(kafka_followed._RUNS)  # noqa: SLF001


def test_a_read_without_a_group_commits_nothing(finished: list[str]) -> None:
    given = sources(group=None)
    pipeline: Any = Pipeline(given)
    follow_here.follow_here(pipeline, given)
    assert finished == []


def test_what_the_pipeline_raises_is_raised_and_nothing_is_committed(finished: list[str]) -> None:
    class Failing(Pipeline):
        def run(self) -> None:
            message = "the sink is gone"
            raise RuntimeError(message)

    given = sources()
    pipeline: Any = Failing(given)
    with pytest.raises(RuntimeError, match="the sink is gone"):
        follow_here.follow_here(pipeline, given)
    assert finished == []


def test_a_long_silence_is_told_once_and_again_after_records(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(follow, "QUIET_SECONDS", 0.2)
    caplog.set_level(logging.WARNING)
    given = sources()

    class Twice(Pipeline):
        def run(self) -> None:
            time.sleep(0.5)
            followed_run(self.runs[0]).note_records()
            time.sleep(0.5)
            super().run()

    pipeline: Any = Twice(given)
    follow_here.follow_here(pipeline, given)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert all("no new records of transfers" in text for text in told)


@pytest.mark.parametrize(
    ("flags", "here"),
    [
        ((f"--runner={LOCAL_RUNNER}",), True),
        ((f"--runner={LOCAL_RUNNER}", "--direct_num_workers=2"), False),
        ((f"--runner={LOCAL_RUNNER}", "--direct_running_mode=multi_processing"), False),
        (("--runner=PrismRunner",), False),
    ],
)
def test_only_a_runner_with_its_one_worker_in_this_process_is_told_to_stop(
    flags: tuple[str, ...], here: bool
) -> None:
    assert follow_here.runs_here(PipelineOptions(list(flags))) is here


def fused(pipeline: beam.Pipeline, reads: list[Any]) -> None:
    for number, each in enumerate(reads):
        _ = pipeline | f"Read{number}" >> each.read | f"Sink{number}" >> beam.Map(print)


def flattened(pipeline: beam.Pipeline, reads: list[Any]) -> None:
    rows = [pipeline | f"Read{number}" >> each.read for number, each in enumerate(reads)]
    _ = rows | beam.Flatten() | "Sink" >> beam.Map(print)


@pytest.mark.parametrize(
    ("shape", "streams", "as_one"),
    [(fused, True, True), (flattened, True, False), (fused, False, False)],
)
def test_a_job_goes_on_as_one_pipeline_where_each_commit_says_that_the_sinks_have_the_data(
    shape: Callable[[beam.Pipeline, list[Any]], None],
    streams: bool,
    as_one: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = sources(2)

    class Job(LiveJob):
        def open_sources(self, *, goes_on: bool = False) -> Any:
            assert not self.runner.streams
            return given

        def piped(self, sources: Any) -> beam.Pipeline:
            pipeline = beam.Pipeline()
            shape(pipeline, sources)
            return pipeline

    ran: list[tuple[str, bool]] = []
    monkeypatch.setattr(run_job, "follow_here", lambda *_: ran.append(("one", True)))
    monkeypatch.setattr(
        run_job, "follow", lambda job, _: ran.append(("row", not job.runner.streams))
    )
    any_: Any = None
    runner = dataclasses.replace(DEFAULTS[Kind.LOCAL], streams=streams)
    job = Job(any_, any_, any_, any_, any_, runner, any_)
    job.follow(given)
    assert ran == [("one" if as_one else "row", True)]
