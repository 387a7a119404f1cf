"""kami plan: what `kami apply` would change, and what a query of each view would read."""

from __future__ import annotations

import click

from kami.bytes_read import bytes_read
from kami.changes import Change, planned
from kami.context import Context
from kami.errors import ConfigurationError

TIB = 1 << 40


@click.command("plan")
@click.argument("tables", nargs=-1)
@click.option("--diff/--no-diff", default=True, show_default=True, help="With the statements.")
@click.option(
    "--bytes",
    "counts",
    is_flag=True,
    help="Of a DuckDB file, count the bytes too: of every column that is read, the whole length.",
)
@click.pass_obj
def command(context: Context, tables: tuple[str, ...], diff: bool, counts: bool) -> None:
    """Shows what apply would change of TABLES, or of all, and changes nothing.

    For each view that differs: the bytes that BigQuery would read for all of it, and their price
    (`price_per_tib`). BigQuery tells them by a dry run; of a DuckDB file `--bytes` counts them.
    """
    context.may_be_missing()
    chosen = list(context.for_each_table(tables))
    found = planned(context.warehouse, chosen)
    with_diff = diff and context.output == "json"
    rows = [
        _row(context, change, _bytes(context, change, counts), with_diff)
        for change in found.changes
    ]
    context.print_rows(rows)
    if diff and context.output == "table":
        for change in found.changes:
            click.echo(f"\n-- {change.what}: {change.name}\n{change.diff}")
    for note in found.notes:
        click.echo(f"kami: {note}", err=True)
    if found.refusals:
        message = "\n".join(found.refusals)
        raise ConfigurationError(message)
    if not rows:
        click.echo("kami: nothing differs", err=True)


def _bytes(context: Context, change: Change, counts: bool) -> int | None:
    """What BigQuery would read for all of a view; None where that is not known."""
    if not change.is_view:
        return None
    told = context.warehouse.dry_run_bytes(change.sql[0])
    # Counting takes about as long as the query: not unless it is asked for.
    return bytes_read(context.warehouse, change.sql[0]) if told is None and counts else told


def _row(context: Context, change: Change, count: int | None, with_diff: bool) -> dict[str, object]:
    price = None if count is None else round(count / TIB * context.config.price_per_tib, 6)
    row: dict[str, object] = {
        "change": change.what,
        "name": change.name,
        "bytes": count,
        "price_usd": price,
    }
    return {**row, "diff": change.diff} if with_diff else row
