"""Keeps a log of every change of a database, a table each, from Debezium's topics.

    python -m pipelines.change_log --source_name=shop --source=recording:DIR \\
        --warehouse=duckdb:warehouse.duckdb

Rows go to {source_name}.{table}_change_log with the event kept whole: key, before and after as JSON
in one form whatever the connector's settings are, the order key, the event id. Live:

    python -m pipelines.change_log --source_name=shop --source=kafka --kafka_brokers=HOST:9092 \\
        --schema_registry=http://HOST:8081 --kafka_group=shop-log --topics='shop(\\..*)?' \\
        --warehouse=duckdb:warehouse.duckdb --follow
"""

from __future__ import annotations

import dataclasses
import re
import sys
import time
import uuid
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult
from rich.console import Console

from pipeline_io.kafka_fusion import steps_outside
from pipelines import logs
from pipelines.change_log_beam import WriteLogByBeam
from pipelines.change_log_once import check_writing
from pipelines.change_log_options import ChangeLogConfig, ChangeLogOptions
from pipelines.change_log_run import LogTarget
from pipelines.change_log_sources import first_look, kafka_source, open_source
from pipelines.change_log_step import RUNS, OnlyTopics, WriteChangeLog
from pipelines.change_log_summary import counts_of, tell, write_summary
from pipelines.command import run_command
from pipelines.dead_letter_sinks import check_place, write_dead_letters
from pipelines.flink_jar import check_jar_goes_on, job_jar_path, told_of_jar, write_job_jar
from pipelines.follow import follow, until_stopped
from pipelines.garbage import few_collections
from pipelines.java_reader import java_transforms
from pipelines.lag_group import ask_for_lag_group, check_lag_group, commit_step
from pipelines.metrics_told import told_metrics
from pipelines.options import FlagError
from pipelines.output_folder import prepare_output
from pipelines.progress import shown
from pipelines.runner_flags import KafkaReader, RunnerOptions
from pipelines.runners import Kind, Runner, choose_runner, prepare_options
from pipelines.sources import Source, commit_all
from pipelines.suspects import watchdog_of
from pipelines.version import VERSION
from pipelines.watchdog import watched
from transforms.avro import choose_decoder
from transforms.change_log_servers import Sighting, in_order, names_of
from transforms.dead_letters import Origin

JOB = "change_log"


@dataclasses.dataclass(frozen=True)
class LogJob:
    """A checked change log, ready to run."""

    config: ChangeLogConfig
    options: PipelineOptions
    runner: Runner
    target: LogTarget
    token: str

    def open_sources(self, *, goes_on: bool = False) -> list[Source]:
        java = None
        if self.config.recording is None and self.runner.kafka_reader is KafkaReader.JAVA:
            cluster = kafka_source(self.config, streams=True, goes_on=goes_on).cluster
            java = java_transforms(self.options, self.runner, cluster)
        streams = self.runner.streams
        return [open_source(self.config, streams=streams, java=java, goes_on=goes_on)]

    def start(self, sources: list[Source]) -> PipelineResult:
        """Builds the pipeline and starts it; on some runners this returns when it has ended."""
        return self.built(sources).run()

    def built(self, sources: list[Source]) -> beam.Pipeline:
        """The pipeline, not started. Raises FlagError for one that would lose records."""
        try:
            pipeline = beam.Pipeline(options=self.options)
        except ValueError as error:
            raise FlagError(str(error)) from error
        (source,) = sources
        records = pipeline | "Read" >> source.read
        if commits := commit_step(self.config.job.lag_group, source.read):
            _ = records | "Commit lag" >> beam.ParDo(commits)
        if self.config.recording is not None and (self.config.topics or self.config.pattern):
            chosen = OnlyTopics(self.config.topics, self.config.pattern)
            records = records | "Topics" >> beam.ParDo(chosen)
        origin = Origin(JOB, VERSION)
        if self.target.writes_rows:
            step = WriteChangeLog(self.target, source.schemas, origin, self.token)
            letters = records | "Write change log" >> beam.ParDo(step)
        else:
            service = self.options.view_as(RunnerOptions).expansion_service
            letters = records | "Write change log" >> WriteLogByBeam(
                self.target, source.schemas, origin, service
            )
        job = self.config.job
        place, ends = job.dead_letter_place, not job.follow
        write_dead_letters((letters,), place, job.refused_letters, self.runner, ends=ends)
        is_endless = source.kafka is not None and not source.kafka.source.bounded
        if is_endless and (outside := steps_outside(pipeline)):
            message = (
                f"--runner={self.runner.kind.value} would commit offsets before {outside[0]} has "
                "the data, and lose it when the job is killed; take --kafka_reader=java"
            )
            raise FlagError(message)
        return pipeline

    def run_to_end(self, sources: list[Source]) -> PipelineResult:
        """Runs until all has been read, then commits it: the warehouse has the rows."""
        result = self.start(sources)
        result.wait_until_finish()
        commit_all(sources)
        return result


def run(options: PipelineOptions) -> None:
    config = ChangeLogConfig.from_options(options)
    live = config.recording is None
    jar = job_jar_path(options)
    check_jar_goes_on(jar, live=live)
    if live:
        runner = prepare_options(options, follow=config.job.follow, writes_jar=True)
    else:
        runner = choose_runner(options)
    check_runner(config, runner)
    kafka = [kafka_source(config, streams=runner.streams, goes_on=False)] if live else []
    check_lag_group(config.job.lag_group, kafka, runner)
    check_writing(config, runner, options)
    config = dataclasses.replace(config, job=prepare_output(config.job, options, runner))
    check_place(config.job.dead_letter_place)
    found = first_look(config)
    source_name = config.source_name or default_name(found)
    target = LogTarget(
        config.warehouse,
        source_name,
        config.database,
        config.job.decoder,
        config.bigquery_method,
        config.exactly_once,
        config.fields,
    )
    job = LogJob(config, options, runner, target, uuid.uuid4().hex)
    sources = job.open_sources()
    ask_for_lag_group(config.job.lag_group, (source.read for source in sources))
    console = Console()
    for source in sources:
        if source.told:
            logs.say(console, source.told)
    started = time.monotonic()
    log = RUNS.get(job.token, target, sources[0].schemas)
    try:
        log.register(in_order(found))
        if jar:
            write_job_jar(job.built(sources), options, jar, source_name)
            logs.say(console, told_of_jar(jar))
            return
        with few_collections(), shown(console):
            if config.job.follow and runner.streams:
                result = job.start(sources)
                with watched(watchdog_of(result, options, sources)):
                    until_stopped(result)
                return
            if config.job.follow:
                follow(job, sources)
                return
            result = job.run_to_end(sources)
    finally:
        log.close()
        RUNS.drop(job.token)
    seconds = time.monotonic() - started
    counts = counts_of(result)
    decoder = choose_decoder(config.job.decoder).name
    write_summary(config, source_name, counts, seconds, decoder, told_metrics(result))
    tell(console, config, source_name, counts, seconds)


def check_runner(config: ChangeLogConfig, runner: Runner) -> None:
    """Raises FlagError for a runner on which several processes would write one file."""
    if config.warehouse.startswith("duckdb:") and runner.kind not in (Kind.LOCAL, Kind.PRISM):
        message = (
            f"--warehouse={config.warehouse} is a file of this machine, and {runner.kind.value} "
            "writes from several; leave out --runner, or write to bigquery:PROJECT"
        )
        raise FlagError(message)


def default_name(found: Sequence[Sighting]) -> str:
    """The connector's topic prefix, as a dataset can be called. Raises FlagError."""
    names = names_of(found)
    if len(names) != 1:
        told = f"the records are of {len(names)} connectors: {', '.join(names) or 'none yet'}"
        message = f"--source_name is missing, and {told}; give one, and choose by --topics"
        raise FlagError(message)
    name = re.sub(r"[^A-Za-z0-9_]", "_", names[0])
    return name if not name[:1].isdigit() else f"_{name}"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the pipeline for a command line; the exit code is 0 only if it went well."""
    return run_command(__doc__, ChangeLogOptions, run, sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
