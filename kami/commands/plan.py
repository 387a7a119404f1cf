"""kami plan: what `kami apply` would change, and what a query of each view would read."""

from __future__ import annotations

import click

from kami.changes import Change, planned
from kami.context import Context
from kami.errors import ConfigurationError

TIB = 1 << 40


@click.command("plan")
@click.argument("tables", nargs=-1)
@click.option("--diff/--no-diff", default=True, show_default=True, help="With the statements.")
@click.pass_obj
def command(context: Context, tables: tuple[str, ...], diff: bool) -> None:
    """Shows what apply would change of TABLES, or of all, and changes nothing.

    For each view that differs: the bytes that reading all of it would cost by a dry run, and their
    price (`price_per_tib`). A DuckDB file counts no bytes.
    """
    context.may_be_missing()
    chosen = list(context.for_each_table(tables))
    found = planned(context.warehouse, chosen)
    rows = [_row(context, change, diff and context.output == "json") for change in found.changes]
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


def _row(context: Context, change: Change, with_diff: bool) -> dict[str, object]:
    count = context.warehouse.dry_run_bytes(change.sql[0]) if change.is_view else None
    price = None if count is None else round(count / TIB * context.config.price_per_tib, 6)
    row: dict[str, object] = {
        "change": change.what,
        "name": change.name,
        "bytes": count,
        "price_usd": price,
    }
    return {**row, "diff": change.diff} if with_diff else row
