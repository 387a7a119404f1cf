"""`kami materialise`: the god views as tables."""

from __future__ import annotations

import datetime

import click

from kami.context import Context
from kami.ddl_renames import renamed_columns, renamed_of
from kami.materialise import DEFAULT_MARGIN, Materialiser


@click.command("materialise")
@click.argument("tables", nargs=-1)
@click.option("--full", is_flag=True, help="Rebuild the tables whole, whatever changed.")
@click.option(
    "--margin-minutes",
    type=click.FloatRange(min=0),
    default=DEFAULT_MARGIN / datetime.timedelta(minutes=1),
    show_default=True,
    help="How long a written row may take to become readable.",
)
@click.pass_obj
def command(context: Context, tables: tuple[str, ...], full: bool, margin_minutes: float) -> None:
    """Brings T_materialised of TABLES, or of all tables that have a key, up to date.

    Only where the log moved, and only the keys that changed where that suffices.
    """
    results = []
    for table in context.for_each_table(tables):
        if not tables and not table.key:
            continue
        materialiser = Materialiser(
            context.warehouse,
            table,
            datetime.datetime.now(datetime.timezone.utc),
            full=full,
            margin=datetime.timedelta(minutes=margin_minutes),
            renamed=renamed_of(table, renamed_columns(context.warehouse, table.dataset)),
        )
        results.append(materialiser.run()._asdict())
    context.print_rows(results)
