"""kami query: the rows of a god view."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pyarrow as pa

from kami.context import ConfiguredTable, Context
from kami.errors import UnknownTableError
from kami.result_rows import json_lines
from kami.schema import SourceColumn
from kami.types import warehouse_type
from kami.views import view_of
from kami.warehouse import Warehouse, quoted, table_sql


@click.command("query")
@click.argument("table")
@click.option("--limit", type=click.IntRange(min=0), help="At most so many rows.")
@click.pass_obj
def command(context: Context, table: str, limit: int | None) -> None:
    """Prints the rows of TABLE's god view, such as shop.orders; in the order of its key.

    As JSON, an object a line: decimals as texts with the column's scale, times as ISO texts, bytes
    as base64, JSON as the text it is.
    """
    context.read_only()
    chosen = list(context.for_each_table([table]))
    if len(chosen) > 1:
        names = ", ".join(found.full_name for found in chosen)
        message = f"{table!r} is more than one table: {names}; name one of them"
        raise UnknownTableError(message)
    batches = stream_view(context.warehouse, chosen[0], limit)
    scales = {
        column.name: scale
        for column in chosen[0].table.columns
        for scale in [_scale(column, chosen[0])]
        if scale is not None
    }
    if context.output == "json":
        for batch in batches:
            click.echo(b"".join(json_lines(batch, scales)), nl=False)
    else:
        rows = [row for batch in batches for row in batch.to_pylist()]
        context.print_rows(rows)


def stream_view(
    warehouse: Warehouse, table: ConfiguredTable, limit: int | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of a table's view, in the order of its key.

    Raises:
        UnknownTableError: the view is not there yet.
    """
    name, _ = view_of(table)
    if name not in warehouse.tables(table.dataset):
        message = f"{table.dataset}.{name} is not in {warehouse.place}; run kami apply to make it"
        raise UnknownTableError(message)
    order = ", ".join(quoted(column) for column in table.key) or "_order_key"
    sql = f"SELECT * FROM {table_sql(table.dataset, name)} ORDER BY {order}"  # noqa: S608
    return warehouse.stream(sql if limit is None else f"{sql} LIMIT {limit}")


def _scale(column: SourceColumn, table: ConfiguredTable) -> int | None:
    kind = warehouse_type(column, table.source.dialect)
    return kind.scale if kind.form in ("decimal", "unsigned") else None
