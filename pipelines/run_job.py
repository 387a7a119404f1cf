"""Runs a job's pipeline, shows it, and writes its summary."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import apache_beam as beam
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult
from rich.console import Console

from pipelines.job_pipeline import (
    build,
    check_sources,
    dead_letters_path,
    files_written,
)
from pipelines.lookups import check_lookups, describe_lookup
from pipelines.options import JobConfig
from pipelines.progress import shown, summary_table, total
from pipelines.version import VERSION
from transforms.avro import choose_decoder
from transforms.counters import NAMESPACE, statement_and_count
from transforms.dead_letters import Origin
from transforms.sql.errors import Script
from transforms.sql.explain import explain
from transforms.sql.plan import Plan
from transforms.sql.run import JobText
from transforms.sql.variables import used_values

SUMMARY_FILE = "summary.json"
SAMPLE_ROWS = 2


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
    decoder = choose_decoder(config.decoder).name
    if config.explain:
        sys.stdout.write(explain(job, plan, decoder, describe_lookup) + "\n")
        return
    check_sources(plan)
    check_lookups(plan)
    console = Console()
    started = time.monotonic()
    pipeline = beam.Pipeline(options=options)
    build(pipeline, text, plan, config, Origin(Path(script.name).stem, VERSION))
    with shown(console):
        result = pipeline.run()
        result.wait_until_finish()
    seconds = time.monotonic() - started
    statements = counts_of(result, plan)
    write_summary(config, script, statements, seconds, decoder)
    tell(console, config, plan, statements, seconds, decoder)


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
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def tell(
    console: Console,
    config: JobConfig,
    plan: Plan,
    statements: Mapping[str, Mapping[str, int]],
    seconds: float,
    decoder: str,
) -> None:
    """The end of a run for a person: counts, where the output is, and some of it."""
    console.print(summary_table(statements, seconds))
    console.print(f"decoder: {decoder}", highlight=False)
    for sink, path in files_written(plan).items():
        console.print(f"{sink}: {path}", highlight=False, soft_wrap=True)
        for line in _first_lines(path):
            console.print_json(line)
    letters = total(statements)["dead_letters"]
    console.print(
        f"dead letters: {letters:,} in {dead_letters_path(config)}", highlight=False, soft_wrap=True
    )
    console.print(
        f"summary: {Path(config.output_dir) / SUMMARY_FILE}", highlight=False, soft_wrap=True
    )


def _first_lines(path: str) -> list[str]:
    try:
        with Path(path).open(encoding="utf-8") as lines:
            return [line for _, line in zip(range(SAMPLE_ROWS), lines, strict=False)]
    except OSError:
        # A sink elsewhere (gs://) is not shown.
        return []
