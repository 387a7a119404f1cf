"""Runs a job's pipeline, shows it, and writes its summary."""

from __future__ import annotations

import dataclasses
import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult
from rich.console import Console

from pipeline_io.kafka_fusion import steps_outside
from pipeline_io.keysets import KeysReference
from pipelines import logs
from pipelines.bigquery_tables import check_evolution_flag, left_out_of
from pipelines.dead_letter_sinks import check_place
from pipelines.encryption_options import check_keys
from pipelines.flink_jar import check_jar_goes_on, job_jar_path, told_of_jar, write_job_jar
from pipelines.flink_jar_secrets import check_jar_secrets
from pipelines.follow import FLINK_GOES_ON, follow, until_stopped
from pipelines.follow_here import follow_here, runs_here
from pipelines.garbage import few_collections
from pipelines.job_pipeline import build
from pipelines.lag_group import ask_for_lag_group, check_lag_group
from pipelines.lookups import check_lookup_texts, check_lookups, describe_lookup
from pipelines.metrics_told import told_metrics
from pipelines.options import FlagError, JobConfig, check_script_flags
from pipelines.outcome import FinishedRun, tell
from pipelines.output_folder import prepare_output
from pipelines.progress import shown
from pipelines.pubsub_tables import check_pubsub_flags, close_subscriptions, reads_pubsub
from pipelines.runner_flags import KafkaReader, RunnerOptions
from pipelines.runners import Kind, Runner, choose_runner, prepare_options
from pipelines.sinks import check_sink_texts, check_sinks, files_written
from pipelines.sources import (
    Source,
    check_subscriptions,
    commit_all,
    ended_text,
    open_sources,
    reads_kafka,
    reads_kafka_alone,
    topics_of,
)
from pipelines.summary import counts_of, refused_of, write_summary
from pipelines.suspects import watchdog_of
from pipelines.version import VERSION
from pipelines.watchdog import watched
from pipelines.windowed import check_windows, windows_of
from transforms.avro import choose_decoder
from transforms.dead_letters import Origin
from transforms.sql.beam_sql_explain import beam_sql_lines
from transforms.sql.beam_sql_job import MixedJobText, MixedPlan
from transforms.sql.errors import Script
from transforms.sql.explain import explain
from transforms.sql.job import Job
from transforms.sql.stand_ins import StandIns
from transforms.sql.variables import used_values

LOGGER = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class LiveJob:
    """A checked job, ready to run."""

    text: MixedJobText
    job: Job
    plan: MixedPlan
    config: JobConfig
    options: PipelineOptions
    runner: Runner
    origin: Origin

    def open_sources(self, *, goes_on: bool = False) -> list[Source]:
        return open_sources(
            self.job, self.plan, self.config, self.options, self.runner, goes_on=goes_on
        )

    def start(self, sources: list[Source]) -> PipelineResult:
        """Builds the pipeline and starts it; on some runners this returns when it has ended."""
        return self.built(sources).run()

    def built(self, sources: list[Source]) -> beam.Pipeline:
        """The pipeline, ready to run. Raises FlagError: the runner would lose records."""
        pipeline = self.piped(sources)
        commits_itself = any(each.commits_itself for each in sources)
        if commits_itself and (outside := steps_outside(pipeline)):
            message = (
                f"--runner={self.runner.kind.value} would commit what it has read before "
                f"{outside[0]} has the data, and lose it when the job is killed; read Kafka with "
                "--kafka_reader=java, and subscriptions on DirectRunner or Dataflow"
            )
            raise FlagError(message)
        return pipeline

    def piped(self, sources: list[Source]) -> beam.Pipeline:
        """The pipeline, whatever becomes of what it commits."""
        try:
            pipeline = beam.Pipeline(options=self.options)
        except ValueError as error:
            # Beam checks its own flags here, --runner first.
            raise FlagError(str(error)) from error
        build(
            pipeline,
            self.text,
            self.plan,
            sources,
            self.config,
            self.runner,
            self.origin,
            self.options.view_as(RunnerOptions).expansion_service,
        )
        return pipeline

    def follow(self, sources: list[Source]) -> None:
        """Goes on in this process until it is told to stop. Raises what a run raises.

        As one pipeline where that is safe; else as a row of runs that end, whose events are later.
        """
        if not self.runner.streams:
            follow(self, sources)
            return
        pipeline = self.piped(sources)
        outside = steps_outside(pipeline)
        if not outside:
            follow_here(pipeline, sources)
            return
        LOGGER.warning(
            "the job goes on as a row of short runs, and events are a second or two late: %s runs "
            "outside of the reader's bundles",
            outside[0],
        )
        in_runs = dataclasses.replace(self, runner=dataclasses.replace(self.runner, streams=False))
        follow(in_runs, in_runs.open_sources())

    def run_to_end(self, sources: list[Source]) -> PipelineResult:
        """Runs until all has been read, then commits it: the sinks have the data."""
        result = self.start(sources)
        result.wait_until_finish()
        if not windows_of(self.plan):
            commit_all(sources)
        return result


def run_job(
    script: Script,
    config: JobConfig,
    options: PipelineOptions,
    more_values: Mapping[str, str] | None = None,
) -> None:
    """Compiles and runs a script, or explains it. Raises what `pipelines.command` tells of."""
    try:
        _run_job(script, config, options, more_values)
    finally:
        close_subscriptions()


def _run_job(
    script: Script,
    config: JobConfig,
    options: PipelineOptions,
    more_values: Mapping[str, str] | None,
) -> None:
    check_script_flags(script, config)
    values = used_values(script, config.values(**(more_values or {})))
    jar = job_jar_path(options)
    if jar:
        check_jar_secrets(values, options)
    files = config.output_dir if config.sinks_are_files else None
    stand_ins = StandIns(config.recording, files)
    text = MixedJobText(
        script, values, stand_ins=stand_ins, open_keys=KeysReference, engine=config.sql_engine
    )
    job, plan = text.compile()
    check_lookup_texts(job, plan)
    check_sink_texts(job, plan)
    check_evolution_flag(plan, config)
    live = reads_kafka(plan) or reads_pubsub(plan)
    check_pubsub_flags(plan, config, options)
    if live:
        runner = prepare_options(options, follow=config.follow, writes_jar=True)
    else:
        runner = choose_runner(options)
    if config.follow and not live:
        message = (
            "--follow goes on with topics of Kafka and subscriptions of Pub/Sub, and this job "
            "reads none; leave it out"
        )
        raise FlagError(message)
    check_jar_goes_on(jar, live=live)
    check_windows(plan, config, runner)
    topics = topics_of(job, plan, config, runner)
    check_subscriptions(job, plan, runner)
    check_lag_group(config.lag_group, topics.values(), runner)
    decoder = choose_decoder(config.decoder).name
    if config.explain:
        sys.stdout.write(explain(job, plan, decoder, describe_lookup) + "\n")
        for branch in plan.beam_sql:
            sys.stdout.write("\n".join([f"insert {branch.name}", *beam_sql_lines(branch), ""]))
        by_java = runner.kafka_reader is KafkaReader.JAVA
        for name, topic in topics.items():
            sys.stdout.write(f"{name} reads {topic.describe(runner_keeps=by_java)}\n")
        return
    config = prepare_output(config, options, runner, files_written(plan))
    job_name = job.settings.get("pipeline.name", Path(script.name).stem)
    logs.name_job(job_name)
    # On DirectRunner a read without an end is tried first, whose steps may not allow it.
    here = config.follow and runs_here(options) and reads_kafka_alone(plan)
    tried = dataclasses.replace(runner, streams=runner.streams or here)
    ready = LiveJob(text, job, plan, config, options, tried, Origin(job_name, VERSION))
    sources = ready.open_sources()
    ask_for_lag_group(config.lag_group, (source.read for source in sources))
    check_lookups(plan)
    check_sinks(plan, config.schema_evolution)
    check_keys(job.session.keys)
    check_place(config.dead_letter_place)
    console = Console()
    for source in sources:
        if source.told:
            logs.say(console, source.told)
    if jar:
        write_job_jar(ready.built(sources), options, jar, job_name)
        logs.say(console, told_of_jar(jar))
        return
    started = time.monotonic()
    if config.follow:
        with few_collections(), shown(console):
            if runner.streams:
                result = ready.start(sources)
                with watched(watchdog_of(result, options, sources)):
                    until_stopped(result, FLINK_GOES_ON if runner.kind is Kind.FLINK else None)
            else:
                ready.follow(sources)
        return
    with few_collections(), shown(console):
        result = ready.run_to_end(sources)
    seconds = time.monotonic() - started
    statements = counts_of(result, plan)
    refused = refused_of(result)
    metrics = told_metrics(result)
    write_summary(config, script, statements, refused, seconds, decoder, metrics)
    run = FinishedRun(config, plan, statements, seconds, decoder, more_values or {})
    tell(console, run)
    if refused:
        console.print(f"{refused:,} of the events were refused by their sink: dead letters as well")
    if left_out := left_out_of(result):
        console.print(f"{left_out:,} values were left out: BigQuery's tables lack their columns")
    if live:
        console.print(ended_text(sources), highlight=False)
