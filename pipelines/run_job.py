"""Runs a job's pipeline, shows it, and writes its summary."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import apache_beam as beam
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult
from rich.console import Console

from pipeline_io.files import FileWriteError
from pipelines.job_pipeline import (
    build,
    check_sources,
)
from pipelines.lookups import check_lookup_texts, check_lookups, describe_lookup
from pipelines.options import FlagError, JobConfig
from pipelines.outcome import SUMMARY_FILE, FinishedRun, tell
from pipelines.progress import shown, total
from pipelines.version import VERSION
from transforms.avro import choose_decoder
from transforms.counters import NAMESPACE, statement_and_count
from transforms.dead_letters import Origin
from transforms.sql.errors import Script
from transforms.sql.explain import explain
from transforms.sql.plan import Plan
from transforms.sql.run import JobText
from transforms.sql.variables import used_values


def run_job(
    script: Script,
    config: JobConfig,
    options: PipelineOptions,
    more_values: Mapping[str, str] | None = None,
) -> None:
    """Compiles and runs a script, or explains it. Raises what `pipelines.command` tells of."""
    values = used_values(script, config.values(**(more_values or {})))
    text = JobText(script, values)
    job, plan = text.compile()
    check_lookup_texts(job, plan)
    decoder = choose_decoder(config.decoder).name
    if config.explain:
        sys.stdout.write(explain(job, plan, decoder, describe_lookup) + "\n")
        return
    check_sources(plan)
    check_lookups(plan)
    make_output_folder(config)
    console = Console()
    job_name = job.settings.get("pipeline.name", Path(script.name).stem)
    started = time.monotonic()
    try:
        pipeline = beam.Pipeline(options=options)
    except ValueError as error:
        # Beam checks its own flags here, --runner first.
        raise FlagError(str(error)) from error
    build(pipeline, text, plan, config, Origin(job_name, VERSION))
    with shown(console):
        result = pipeline.run()
        result.wait_until_finish()
    seconds = time.monotonic() - started
    statements = counts_of(result, plan)
    write_summary(config, script, statements, seconds, decoder)
    run = FinishedRun(config, plan, statements, seconds, decoder, more_values or {})
    tell(console, run)


def counts_of(result: PipelineResult, plan: Plan) -> dict[str, dict[str, int]]:
    """The counts of each statement, from Beam's metrics; a count that never moved is 0."""
    statements: dict[str, dict[str, int]] = {branch.name: {} for branch in plan.branches}
    found = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))
    for counter in found["counters"]:
        statement, count = statement_and_count(counter.key.metric.name)
        if statement in statements:
            value = counter.committed if counter.committed is not None else counter.attempted
            counts = statements[statement]
            counts[count] = counts.get(count, 0) + int(value)
    return {name: {**dict.fromkeys(total({}), 0), **counts} for name, counts in statements.items()}


def write_summary(
    config: JobConfig,
    script: Script,
    statements: Mapping[str, Mapping[str, int]],
    seconds: float,
    decoder: str,
) -> None:
    """summary.json: the counts of all statements together and of each, and how long it took."""
    summary = {
        "job": script.name,
        "version": VERSION,
        "decoder": decoder,
        "seconds": round(seconds, 3),
        **total(statements),
        "statements": statements,
    }
    path = Path(config.output_dir) / SUMMARY_FILE
    try:
        path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        message = f"{path}: {error}; the events are written, their counts are not"
        raise FileWriteError(message) from error


def make_output_folder(config: JobConfig) -> None:
    """Makes --output_dir, so that a run which cannot write stops first. Raises FlagError."""
    folder = Path(config.output_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        message = f"--output_dir={config.output_dir}: {error}; choose a folder that can be written"
        raise FlagError(message) from error
