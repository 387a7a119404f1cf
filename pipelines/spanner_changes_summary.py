"""What a reading of a change stream counted: for a person, and as summary.json."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from pipeline_io.spanner_stream_records import text_of
from pipelines.logs import print_lines
from pipelines.spanner_changes_options import JOB
from pipelines.spanner_changes_run import Reading
from pipelines.summary_file import keep_summary, summary_path
from pipelines.version import VERSION
from transforms.dead_letters import time_text
from transforms.sql.run import utc_now

_KINDS = ("INSERT", "UPDATE", "DELETE")


def lag_text(reading: Reading) -> str:
    """How far it is, in one line."""
    watermark = reading.partitions.watermark_us
    upto = "its end" if watermark is None else text_of(watermark)
    return (
        f"{reading.changes:,} changes, read up to {upto}, {reading.lag_seconds:,.1f} s behind; "
        f"{reading.partitions.unfinished} partitions"
    )


def write_summary(reading: Reading, seconds: float) -> None:
    """summary.json. Raises FileWriteError."""
    config = reading.config
    watermark = reading.partitions.watermark_us
    summary = {
        "job": JOB,
        "version": VERSION,
        "source_name": config.source_name,
        "change_stream": reading.stream.name,
        "output": config.output.place,
        "seconds": round(seconds, 3),
        "changes": reading.changes,
        "dead_letters": reading.dead_letters,
        "read_up_to": None if watermark is None else text_of(watermark),
        "lag_seconds": round(reading.lag_seconds, 3),
        "partitions": reading.partitions.unfinished,
        "finished_at": time_text(utc_now()),
        "tables": {
            table: {kind.lower(): of_table[kind] for kind in _KINDS}
            for table, of_table in sorted(reading.counts.items())
        },
    }
    keep_summary(config.job.output_dir, summary, "the changes")


def tell(console: Console, reading: Reading, seconds: float) -> None:
    """Prints changes by table, how far the stream was read, and where everything is."""
    table = Table()
    table.add_column("table", overflow="fold")
    for name in ("created", "updated", "deleted"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, of_table in sorted(reading.counts.items()):
        table.add_row(name, *(f"{of_table[kind]:,}" for kind in _KINDS))
    console.print(table)
    config = reading.config
    lines = [
        lag_text(reading),
        f"{seconds:.1f} s; {reading.dead_letters:,} dead letters",
        f"output: {config.output.place}",
        f"summary: {summary_path(config.job.output_dir)}",
    ]
    if reading.dead_letters:
        lines.append(f"dead letters: {config.job.dead_letter_place}, with their reasons")
    print_lines(console, lines)
