"""What a person sees of a local run: progress while it goes on, and its summary at the end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipelines import logs
from transforms.counters import COUNTS, TALLY

REFRESH_SECONDS = 0.25
"""Often enough to look alive, rare enough to cost nothing."""

StatementCounts = Mapping[str, Mapping[str, int]]


class _Progress:
    """Renders the tally of this process each time that rich asks."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def __rich__(self) -> Text:
        counts = total(TALLY.snapshot())
        seconds = time.monotonic() - self.started
        rate = counts["records"] / seconds if seconds else 0
        text = (
            f"{counts['records']:,} records   {counts['events']:,} events   "
            f"{counts['dead_letters']:,} dead letters   {rate:,.0f} records/s   {seconds:.0f} s"
        )
        return Text(text)


@contextlib.contextmanager
def shown(console: Console) -> Iterator[None]:
    """Shows progress for as long as it is entered; nothing where there is no terminal, or where
    logs are for no person."""
    TALLY.clear()
    if logs.is_json() or not console.is_terminal:
        yield
        return
    with Live(_Progress(), console=console, refresh_per_second=1 / REFRESH_SECONDS, transient=True):
        yield


def total(statements: StatementCounts) -> dict[str, int]:
    """The counts of all statements together."""
    return {name: sum(counts.get(name, 0) for counts in statements.values()) for name in COUNTS}


def summary_table(statements: StatementCounts) -> Table:
    """One row a statement, with a total where there are several; fits 80 columns."""
    # Only a looked up key with several rows multiplies records: most jobs have none.
    shown_counts = [name for name in COUNTS if name != "multiplied" or total(statements)[name]]
    table = Table()
    table.add_column("statement", overflow="fold")
    for name in shown_counts:
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    rows = dict(statements)
    if len(rows) > 1:
        rows["all"] = total(statements)
    for name, counts in rows.items():
        table.add_row(name, *(f"{counts.get(count, 0):,}" for count in shown_counts))
    return table
