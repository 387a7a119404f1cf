"""Which ways of writing a change log a runner can keep the promise of, checked at the start."""

from __future__ import annotations

import shutil

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions

from pipelines.change_log_options import BigQueryMethod, ChangeLogConfig
from pipelines.options import FlagError
from pipelines.runner_flags import KafkaReader, RunnerOptions
from pipelines.runners import Kind, Runner


def check_writing(config: ChangeLogConfig, runner: Runner, options: PipelineOptions) -> None:
    """Refuses what would not work, or not be what it is called. Raises FlagError."""
    if config.bigquery_method is BigQueryMethod.BEAM:
        _check_beam(config, runner, options)
    elif config.exactly_once:
        _check_native_once(runner, options)


def _check_beam(config: ChangeLogConfig, runner: Runner, options: PipelineOptions) -> None:
    name = runner.kind.value
    if config.exactly_once and (lack := _lack(config, runner)):
        message = (
            f"--exactly_once with --bigquery_method=beam: {lack}; read Kafka on DataflowRunner "
            "with --follow, or take --bigquery_method=native on DirectRunner"
        )
        raise FlagError(message)
    if config.job.follow and not runner.streams:
        message = (
            f"--bigquery_method=beam with --follow on {name}: it would start Java anew for each "
            "look at the topics; leave out --bigquery_method, or take another --runner"
        )
        raise FlagError(message)
    if config.job.follow and runner.kafka_reader is KafkaReader.NATIVE:
        message = (
            f"--bigquery_method=beam with --kafka_reader=native on {name}: offsets would be "
            "committed before Java has written the rows; take --kafka_reader=java"
        )
        raise FlagError(message)
    if not options.view_as(RunnerOptions).expansion_service and shutil.which("java") is None:
        message = (
            "--bigquery_method=beam needs Java: there is no `java` on the PATH, and no "
            "--expansion_service=HOST:PORT; give one, or leave out --bigquery_method"
        )
        raise FlagError(message)


def _lack(config: ChangeLogConfig, runner: Runner) -> str | None:
    """Why Beam's sink cannot keep the promise; None where it can."""
    if runner.kind is Kind.FLINK:
        return "on FlinkRunner it stores no row, as far as it was tried"
    if runner.kind is not Kind.DATAFLOW:
        return f"{runner.kind.value} keeps no state over a restart, which would write rows again"
    if config.recording is not None:
        return "a recording is read from its start by each run"
    return None


def _check_native_once(runner: Runner, options: PipelineOptions) -> None:
    if runner.kind is not Kind.LOCAL:
        instead = (
            "; take --bigquery_method=beam, or leave out --runner"
            if runner.kind is Kind.DATAFLOW
            else "; leave out --runner"
        )
        message = (
            f"--exactly_once on {runner.kind.value}: the native method compares records with the "
            f"log, which only one writer can, and there several write at a time{instead}"
        )
        raise FlagError(message)
    workers = options.view_as(DirectOptions).direct_num_workers
    if workers != 1:
        message = (
            f"--direct_num_workers={workers} with --exactly_once: the native method compares "
            "records with the log, which only one writer can; leave it out"
        )
        raise FlagError(message)
