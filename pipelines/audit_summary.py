"""What a run of polls counted: for a person, and as summary.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from apache_beam.metrics.metric import MetricsFilter
from apache_beam.runners.runner import PipelineResult
from rich.console import Console
from rich.table import Table

from pipeline_io.audit_bound import shown
from pipeline_io.audit_tables import Bound
from pipelines.audit_options import AuditConfig
from pipelines.audit_steps import DEAD_LETTERS, EVERYTHING, OPS
from pipelines.logs import print_lines
from pipelines.summary_file import keep_summary, summary_path
from pipelines.version import VERSION
from transforms.counters import NAMESPACE, statement_and_count
from transforms.dead_letters import time_text
from transforms.sql.run import utc_now

Counts = dict[str, dict[str, int]]
"""By table, and by op; EVERYTHING has the dead letters of all."""


def counts_of(result: PipelineResult) -> Counts:
    """The counts of a round that ended, from Beam's metrics."""
    counts: Counts = {}
    for counter in result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]:
        table, name = statement_and_count(counter.key.metric.name)
        if name not in (*OPS, DEAD_LETTERS):
            continue
        value = counter.committed if counter.committed is not None else counter.attempted
        of_table = counts.setdefault(table, {})
        of_table[name] = of_table.get(name, 0) + int(value)
    return counts


def added(totals: Mapping[str, Mapping[str, int]], counts: Counts) -> Counts:
    """Both together."""
    return {
        table: dict(Counter(totals.get(table, {})) + Counter(counts.get(table, {})))
        for table in {**totals, **counts}
    }


def changes(counts: Counts) -> int:
    """The events of all tables."""
    return sum(of.get(op, 0) for table, of in counts.items() if table != EVERYTHING for op in OPS)


def bound_text(bound: Bound) -> str:
    """Up to when tables were read, and what held it back."""
    behind = (bound.now_us - bound.us) / 1_000_000
    return f"read up to {shown(bound.us)}, {behind:,.1f} s behind the clock: {bound.why}"


def write_summary(
    config: AuditConfig, counts: Counts, bound: Bound | None, rounds: int, seconds: float
) -> None:
    """summary.json. Raises FileWriteError."""
    summary = {
        "job": "audit_columns",
        "version": VERSION,
        "source_name": config.source_name,
        "output": config.output.place,
        "seconds": round(seconds, 3),
        "rounds": rounds,
        "changes": changes(counts),
        "dead_letters": counts.get(EVERYTHING, {}).get(DEAD_LETTERS, 0),
        "read_up_to": None if bound is None else shown(bound.us),
        "held_back_by": None if bound is None else bound.why,
        "finished_at": time_text(utc_now()),
        "tables": {
            table: {op: of.get(op, 0) for op in OPS}
            for table, of in sorted(counts.items())
            if table != EVERYTHING
        },
    }
    keep_summary(config.job.output_dir, summary, "the changes")


def tell(
    console: Console,
    config: AuditConfig,
    counts: Counts,
    bound: Bound | None,
    rounds: int,
    seconds: float,
) -> None:
    """Prints changes by table and op, the bound, and where everything is."""
    table = Table()
    table.add_column("table", overflow="fold")
    for name in ("read", "created", "updated", "deleted"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, of_table in sorted(counts.items()):
        if name != EVERYTHING:
            table.add_row(name, *(f"{of_table.get(op, 0):,}" for op in OPS))
    console.print(table)
    letters = counts.get(EVERYTHING, {}).get(DEAD_LETTERS, 0)
    polls = f"{rounds:,} poll{'s' * (rounds != 1)}"
    lines = [
        f"{changes(counts):,} changes in {polls}, {seconds:.1f} s; {letters:,} dead letters",
        *([bound_text(bound)] if bound is not None else []),
        f"output: {config.output.place}",
        f"summary: {summary_path(config.job.output_dir)}",
    ]
    if letters:
        lines.append(f"dead letters: {config.job.dead_letter_place}, with their reasons")
    print_lines(console, lines)
