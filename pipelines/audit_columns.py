"""Polls tables by their update time, for databases whose log nobody can read.

    python -m pipelines.audit_columns --source_name=shop --tables=orders,customers \\
        --database=postgresql+psycopg://reader@db/shop --database_password=env://SHOP_PASSWORD \\
        --state=sqlite:///state.db --output=duckdb:warehouse.duckdb --follow

Changes are Debezium's change events, in topics of Kafka, messages of Pub/Sub, or right in the
change log of a warehouse, of which kami makes the god view. Deleted rows are found by sweeps.

Exit codes: 0 well, 1 it stopped, 2 a flag is wrong.
"""

from __future__ import annotations

import dataclasses
import sys
import time
import uuid
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from rich.console import Console

from kami.errors import ConfigurationError
from pipelines import logs
from pipelines.audit_checks import (
    check_writing,
    described,
    prepared_runner,
    tasks_of,
    told_of_output,
)
from pipelines.audit_options import AuditConfig, AuditOptions
from pipelines.audit_session import SESSIONS, AuditPlace, AuditSession
from pipelines.audit_steps import PollShards, ShardTask, WriteChanges
from pipelines.audit_summary import Counts, added, changes, counts_of, tell, write_summary
from pipelines.change_log_step import RUNS
from pipelines.command import run_command
from pipelines.dead_letter_sinks import check_place, write_dead_letters
from pipelines.follow import stop_requests
from pipelines.options import FlagError
from pipelines.output_folder import prepare_output
from pipelines.runners import Kind, Runner
from pipelines.version import VERSION
from transforms.dead_letters import Origin

JOB = "audit_columns"


@dataclasses.dataclass
class AuditRun:
    """A checked run. token: names it in this process and its workers."""

    config: AuditConfig
    options: PipelineOptions
    runner: Runner
    place: AuditPlace
    session: AuditSession
    tasks: Sequence[ShardTask]
    token: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex)
    counts: Counts = dataclasses.field(default_factory=dict)
    rounds: int = 0

    def round(self) -> int:
        """Polls once; the number of changes, which are durable and known to be. Raises what a run
        raises: then all of the round comes again."""
        round_token = uuid.uuid4().hex
        try:
            pipeline = beam.Pipeline(options=self.options)
        except ValueError as error:
            raise FlagError(str(error)) from error
        origin = Origin(JOB, VERSION)
        letters = (
            pipeline
            | "Shards" >> beam.Create(self.tasks)
            | "Spread" >> beam.Reshuffle()
            | "Poll" >> beam.ParDo(PollShards(self.place, self.token, round_token))
            | "Write changes" >> beam.ParDo(WriteChanges(self.config.output, origin, self.token))
        )
        job = self.config.job
        place, ends = job.dead_letter_place, not self.config.follow
        write_dead_letters((letters,), place, job.refused_letters, self.runner, ends=ends)
        result = pipeline.run()
        result.wait_until_finish()
        self.session.state.commit(round_token)
        counts = counts_of(result)
        self.counts = added(self.counts, counts)
        self.rounds += 1
        return changes(counts)

    def follow(self) -> None:
        """Polls at the interval until it is told to stop."""
        with stop_requests() as stopped:
            while not stopped.is_set():
                begun = time.monotonic()
                self.round()
                left = self.config.interval_seconds - (time.monotonic() - begun)
                stopped.wait(max(left, 0.0))


def run(options: PipelineOptions) -> None:
    try:
        config = AuditConfig.from_options(options)
    except ConfigurationError as error:
        raise FlagError(str(error)) from error
    place = AuditPlace.of(config)
    runner = prepared_runner(config, options)
    config = dataclasses.replace(config, job=prepare_output(config.job, options, runner))
    check_place(config.job.dead_letter_place)
    console, started = Console(), time.monotonic()
    session = place.open()
    try:
        tables = described(session, config.requests)
        for line in told_of_output(config, place, tables):
            logs.say(console, line)
        check_writing(config, place, tables)
        audit = AuditRun(config, options, runner, place, session, tasks_of(tables))
        if runner.kind is Kind.LOCAL:
            SESSIONS.share(audit.token, session)
        try:
            if config.follow:
                audit.follow()
            else:
                audit.round()
        finally:
            SESSIONS.drop(audit.token)
            RUNS.drop(audit.token)
        bound = session.bound()
    finally:
        session.close()
    seconds = time.monotonic() - started
    write_summary(config, audit.counts, bound, audit.rounds, seconds)
    tell(console, config, audit.counts, bound, audit.rounds, seconds)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the pipeline for a command line; the exit code is 0 only if it went well."""
    return run_command(__doc__, AuditOptions, run, sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
