"""kami apply: makes the warehouse what the configuration says."""

from __future__ import annotations

import click

from kami.changes import Change, planned
from kami.context import Context
from kami.errors import ConfigurationError
from kami.json_rows import move_json_rows
from kami.warehouse import Warehouse


@click.command("apply")
@click.argument("tables", nargs=-1)
@click.pass_obj
def command(context: Context, tables: tuple[str, ...]) -> None:
    """Creates the tables and god views of TABLES, or of all; touches only what differs."""
    chosen = list(context.for_each_table(tables))
    warehouse = context.warehouse
    found = planned(warehouse, chosen)
    rows = []
    for change in found.changes:
        apply(warehouse, change)
        rows.append({"change": change.what, "name": change.name})
    context.print_rows(rows)
    for note in found.notes:
        click.echo(f"kami: {note}", err=True)
    if not rows and not found.refusals:
        click.echo("kami: nothing differs", err=True)
    if found.refusals:
        message = "\n".join(found.refusals)
        raise ConfigurationError(message)


def apply(warehouse: Warehouse, change: Change) -> None:
    """Does one change."""
    if change.table is not None:
        move_json_rows(warehouse, change.table)
    elif change.is_view:
        dataset, _, view = change.name.partition(".")
        warehouse.create_view(dataset, view, change.sql[0])
    else:
        for statement in change.sql:
            warehouse.run(statement)
