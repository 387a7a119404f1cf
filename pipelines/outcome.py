"""What a person is told when a job has run: counts, where the output is, and some of it."""

from __future__ import annotations

import dataclasses
import itertools
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console

from pipelines.logs import print_lines
from pipelines.options import JobConfig
from pipelines.progress import StatementCounts, summary_table, total
from pipelines.sinks import files_written
from pipelines.summary_file import summary_path
from transforms.sql.plan import Plan

MOST_SAMPLES = 3
"""Rows shown of one file, at most."""


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """A job that ran: its counts by statement, and the values that its pipeline gave the script."""

    config: JobConfig
    plan: Plan
    statements: StatementCounts
    seconds: float
    decoder: str
    given_values: Mapping[str, str]


def tell(console: Console, run: FinishedRun) -> None:
    """Prints the counts, the files with a row of each source, and where to go next."""
    counts = total(run.statements)
    for sink, path in files_written(run.plan).items():
        console.print(f"{sink}: {path}", highlight=False, soft_wrap=True)
        for line in _lines_at(path, first_rows(run.plan, run.statements, sink)):
            console.print_json(line)
    console.print(summary_table(run.statements))
    lines = [
        f"{counts['records']:,} records in {run.seconds:.1f} s, decoder {run.decoder}",
        f"summary: {summary_path(run.config.output_dir)}",
    ]
    letters = counts["dead_letters"]
    lines.append(f"dead letters: {letters:,} in {run.config.dead_letter_place}")
    if letters:
        lines[-1] += ", each with its reason"
    lines += ["", "Where to go next:"]
    lines += [f"  {line}" for line in next_steps(run)]
    print_lines(console, lines)


def next_steps(run: FinishedRun) -> Iterator[str]:
    """What to try after this run, a line each."""
    yield "the same command with --explain: the plan, with the queries that a database gets"
    flags = [
        f"--variable {shlex.quote(f'{name}={_short(value)}')}"
        for name, value in run.given_values.items()
        if value
    ]
    if run.config.recording is not None:
        flags.insert(0, f"--recording {shlex.quote(_short(run.config.recording))}")
    flags += [f"--{flag}={shlex.quote(value)}" for flag, value in run.config.live.items()]
    values = " ".join(flags)
    command = f"python -m pipelines.sql_job --job my.sql {values}".rstrip()
    yield f"a job of your own, such as an edited copy of pipelines/aml.sql: {command}"
    yield "the language, the connectors and the functions: docs/sql_jobs.md"


def _short(value: str) -> str:
    """A path below the working directory as one relative to it; nothing that may hold a password,
    as a database's address does."""
    if "@" in value or "password" in value.lower():
        return "..."
    return value.removeprefix(f"{Path.cwd()}{os.sep}")


def first_rows(plan: Plan, statements: StatementCounts, sink: str) -> list[int]:
    """Which lines of a sink's file are the first of each source, counted from 0."""
    rows, line = [], 0
    for source in plan.sources():
        branches = [branch for branch in plan.reading(source) if branch.sink.name == sink]
        events = sum(statements[branch.name].get("events", 0) for branch in branches)
        if events:
            rows.append(line)
        line += events
    return rows[:MOST_SAMPLES]


def _lines_at(path: str, numbers: list[int]) -> list[str]:
    if not numbers:
        return []
    try:
        with Path(path).open(encoding="utf-8") as lines:
            found = enumerate(itertools.islice(lines, numbers[-1] + 1))
            return [line for number, line in found if number in numbers]
    except OSError:
        # A sink elsewhere (gs://) is not shown.
        return []
