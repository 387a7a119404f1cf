"""What a change log's run counted: for a person, and as summary.json."""

from __future__ import annotations

from collections.abc import Mapping

from apache_beam.metrics.metric import MetricsFilter
from apache_beam.runners.runner import PipelineResult
from rich.console import Console
from rich.table import Table

from pipelines.change_log_options import ChangeLogConfig
from pipelines.change_log_step import COUNTS, EVERYTHING
from pipelines.logs import print_lines
from pipelines.metrics_told import Value
from pipelines.summary_file import keep_summary, summary_path
from pipelines.version import VERSION
from transforms.counters import NAMESPACE, statement_and_count

Counts = Mapping[str, Mapping[str, int]]
"""By table, and by what was counted; EVERYTHING has the counts of the whole run."""


def counts_of(result: PipelineResult) -> dict[str, dict[str, int]]:
    """The counts of a run that ended, from Beam's metrics; a count that never moved is 0."""
    counts: dict[str, dict[str, int]] = {EVERYTHING: dict.fromkeys(COUNTS, 0)}
    for counter in result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]:
        table, name = statement_and_count(counter.key.metric.name)
        value = counter.committed if counter.committed is not None else counter.attempted
        of_table = counts.setdefault(table, {})
        of_table[name] = of_table.get(name, 0) + int(value)
    return counts


def tables_of(counts: Counts) -> dict[str, int]:
    """Rows by table, in the order of their names."""
    return {name: counts[name].get("rows", 0) for name in sorted(counts) if name != EVERYTHING}


def write_summary(
    config: ChangeLogConfig,
    source_name: str,
    counts: Counts,
    seconds: float,
    decoder: str,
    metrics: Mapping[str, Mapping[str, Value]],
) -> None:
    """summary.json. Raises FileWriteError."""
    summary = {
        "job": "change_log",
        "version": VERSION,
        "source_name": source_name,
        "warehouse": config.warehouse,
        "decoder": decoder,
        "seconds": round(seconds, 3),
        **counts[EVERYTHING],
        "tables": tables_of(counts),
        "metrics": metrics,
    }
    keep_summary(config.job.output_dir, summary, "the rows")


def tell(
    console: Console, config: ChangeLogConfig, source_name: str, counts: Counts, seconds: float
) -> None:
    """Prints rows a table, the counts, and where everything is."""
    table = Table()
    table.add_column("table", overflow="fold")
    table.add_column("log rows", justify="right", no_wrap=True)
    for name, rows in tables_of(counts).items():
        table.add_row(f"{source_name}.{name}_change_log", f"{rows:,}")
    console.print(table)
    found = counts[EVERYTHING]
    lines = [
        f"{found['records']:,} records in {seconds:.1f} s: {found['rows']:,} log rows, "
        f"{found['tombstones']:,} tombstones, {found['skipped']:,} skipped, "
        f"{found['dead_letters']:,} dead letters",
        f"warehouse: {config.warehouse}",
        f"summary: {summary_path(config.job.output_dir)}",
    ]
    if found["dead_letters"]:
        place = config.job.dead_letter_place
        lines.append(f"dead letters: {place} and {source_name}._dead_letters, with their reasons")
    print_lines(console, lines)
