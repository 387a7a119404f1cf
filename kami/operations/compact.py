"""`kami compact`: the log up to a cut becomes a new snapshot, and moves to the archive."""

from __future__ import annotations

import datetime

import click

from kami.compaction import DEFAULT_KEEP, Compactor
from kami.context import Context
from kami.ddl_renames import renamed_columns, renamed_of


@click.command("compact")
@click.argument("tables", nargs=-1)
@click.option("--cut", help="Compact up to this order key instead.")
@click.option(
    "--keep-hours",
    type=click.FloatRange(min=0),
    default=DEFAULT_KEEP / datetime.timedelta(hours=1),
    show_default=True,
    help="Leave what came in within so many hours in the log.",
)
@click.option(
    "--accept-gaps",
    is_flag=True,
    help="Compact though offsets are missing below the cut.",
)
@click.option(
    "--purge-after-days",
    type=click.FloatRange(min=0),
    help="Forget deleted rows after so many days; by default as the configuration says.",
)
@click.pass_obj
def command(
    context: Context,
    tables: tuple[str, ...],
    cut: str | None,
    keep_hours: float,
    accept_gaps: bool,
    purge_after_days: float | None,
) -> None:
    """Compacts the logs of TABLES, or of all tables that have a key.

    The god views stay as they are, through every step. A compaction that was broken off is gone on
    with first. Run it again to compact what came in since.
    """
    purge = None if purge_after_days is None else datetime.timedelta(days=purge_after_days)
    results = []
    for table in context.for_each_table(tables):
        if not tables and not table.key:
            continue
        compactor = Compactor(
            context.warehouse,
            table,
            datetime.datetime.now(datetime.timezone.utc),
            keep=datetime.timedelta(hours=keep_hours),
            cut=cut,
            accept_gaps=accept_gaps,
            purge_after=purge,
            renamed=renamed_of(table, renamed_columns(context.warehouse, table.dataset)),
        )
        results.append(compactor.run()._asdict())
    context.print_rows(results)
