"""`kami history`: the versions of a table's rows, and the table as it was."""

from __future__ import annotations

import click

from kami.context import Context
from kami.ddl_renames import renamed_columns, renamed_of
from kami.errors import UnknownTableError
from kami.history import create_history, position_of, stream_as_of, versions_sql
from kami.result_rows import json_lines
from kami.types import warehouse_type


@click.command("history")
@click.argument("table")
@click.option(
    "--as-of",
    "position",
    metavar="TIME|POSITION",
    help="Print the table as it was: at a time (UTC where it names no zone), order key, GTID or "
    "lsn.",
)
@click.option("--create-only", is_flag=True, help="Make the view T_history and print nothing.")
@click.pass_obj
def command(context: Context, table: str, position: str | None, create_only: bool) -> None:
    """Prints the versions of the rows of TABLE, oldest first.

    A version is valid from _valid_from until before _valid_to, _op made it (c, u, r) and _ended_by
    ended it (u, d, t; nothing yet). Makes the view T_history, for queries of your own.
    """
    chosen = list(context.for_each_table([table]))
    if len(chosen) > 1:
        names = ", ".join(found.full_name for found in chosen)
        message = f"{table!r} is more than one table: {names}; name one of them"
        raise UnknownTableError(message)
    (found,) = chosen
    renamed = renamed_of(found, renamed_columns(context.warehouse, found.dataset))
    create_history(context.warehouse, found, renamed)
    if create_only:
        return
    if position is None:
        batches = context.warehouse.stream(versions_sql(found))
    else:
        at = position_of(context.warehouse, found, position)
        batches = stream_as_of(context.warehouse, found, at)
    if context.output == "json":
        scales = {
            column.name: of.scale
            for column in found.table.columns
            for of in [warehouse_type(column, found.source.dialect)]
            if of.scale is not None and of.form in ("decimal", "unsigned")
        }
        for batch in batches:
            click.echo(b"".join(json_lines(batch, scales)), nl=False)
    else:
        context.print_rows([row for batch in batches for row in batch.to_pylist()])
