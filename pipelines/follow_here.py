"""A job that goes on as one pipeline on DirectRunner, which runs it in this process.

Its bundles follow on one another until the readers are told to stop; each is made final, so that
offsets are committed as on a runner that streams. This needs all steps behind the readers in the
readers' own bundles: what DirectRunner keeps between two bundles it hands on at the end alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.runners.portability.fn_api_runner import fn_runner

from pipeline_io.kafka_followed import followed_run, forget_run
from pipeline_io.kafka_groups import finish_run
from pipeline_io.kafka_reader import ReadTopics
from pipelines.follow import WAIT_SECONDS, Background, QuietTopics, stop_requests
from pipelines.options import is_local
from pipelines.sources import Source

_CONSOLIDATE = "consolidate_monitoring_infos"


def runs_here(options: PipelineOptions) -> bool:
    """Whether the runner's one worker is in this process, where its readers can be told to stop."""
    flags = options.view_as(DirectOptions)
    return (
        is_local(options)
        and flags.direct_running_mode == "in_memory"
        and flags.direct_num_workers in (None, 1)
    )


def follow_here(pipeline: beam.Pipeline, sources: Sequence[Source]) -> None:
    """Runs the pipeline until Ctrl-C or SIGTERM, then commits all that was read.

    Raises what the pipeline raises; KafkaError: the last offsets could not be committed.
    """
    reads = [source.read for source in sources if isinstance(source.read, ReadTopics)]
    runs = [followed_run(read.run) for read in reads]
    quiet = QuietTopics([source.table.name for source in sources])
    with _forgotten(reads), without_metrics(), stop_requests() as stopped:
        running = Background(pipeline.run, "run-pipeline")
        while not running.ended.wait(WAIT_SECONDS):
            if stopped.is_set():
                for each in runs:
                    each.stop()
            else:
                quiet.look(min(each.quiet_seconds() for each in runs))
        running.raise_error()
        for read in reads:
            if read.source.group is not None:
                finish_run(read.run)


@contextmanager
def without_metrics() -> Iterator[None]:
    """Lets DirectRunner keep no metrics: nobody reads those of a run that goes on.

    It keeps what each bundle has told in a generator within that of the bundle before, which are
    all looked at when the run has ended: 20 KB a bundle, for as long as the job runs.
    """
    names = vars(fn_runner)
    before = names[_CONSOLIDATE]
    names[_CONSOLIDATE] = lambda infos: ()
    try:
        yield
    finally:
        names[_CONSOLIDATE] = before


@contextmanager
def _forgotten(reads: Sequence[ReadTopics]) -> Iterator[None]:
    try:
        yield
    finally:
        for read in reads:
            forget_run(read.run)
