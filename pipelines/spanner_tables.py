"""The tables of Spanner that an SQL job writes to."""

from __future__ import annotations

import dataclasses

import pyarrow as pa

from pipeline_io.database_sink_table import SinkColumn
from pipeline_io.spanner_config import SpannerConfig
from pipeline_io.spanner_row_table import SpannerTable
from pipelines.database_tables import delete_on_of, sink_column, sink_columns
from transforms.sql.connectors_changes import DELETE_ON, ORDER_KEY
from transforms.sql.connectors_jdbc import DELETED
from transforms.sql.errors import SqlError
from transforms.sql.tables import Column, Table, column_type
from transforms.sql.types import Kind

# NUMERIC has 29 digits before the point and 9 behind it.
_NUMERIC_SCALE = 9
_NUMERIC_WHOLE = 29


def spanner_table(sink: Table) -> SpannerTable:
    """The table of Spanner that a table is. Asks nobody. Raises SqlError, SqlErrors."""
    options = sink.options
    if not sink.primary_key:
        message = (
            "the connector 'spanner' tells rows apart by the table's primary key: declare PRIMARY "
            "KEY (...) NOT ENFORCED"
        )
        raise SqlError(message, sink.node.this)
    delete_on = delete_on_of(sink)
    order, deleted = options.get(ORDER_KEY), options.get(DELETED)
    if order is not None and str(order) in sink.primary_key:
        message = f"{ORDER_KEY!r} names {order!r}, a column of the key; name another one"
        raise SqlError(message, sink.option_node(ORDER_KEY))
    if deleted is not None and delete_on is None:
        message = f"{DELETED!r} marks deleted rows, and {DELETE_ON!r} is 'never'; leave out one"
        raise SqlError(message, sink.option_node(DELETED))
    try:
        config = SpannerConfig(
            str(options["project"]),
            str(options["instance"]),
            str(options["database"]),
            retry_seconds=float(options["sink.retry-timeout"]),
        )
        return SpannerTable(
            config,
            str(options["table"]),
            sink_columns(sink, _column),
            key=sink.primary_key,
            delete_on=delete_on,
            order_key_column=None if order is None else str(order),
            deleted_column=None if deleted is None else str(deleted),
            max_rows=int(options["sink.buffer-flush.max-rows"]),
        )
    except ValueError as error:
        raise SqlError(str(error), sink.node.this) from error


def _column(column: Column, *, is_json: bool) -> SinkColumn:
    of = column_type(column)
    element = of.element if of.kind is Kind.ARRAY and not is_json else None
    one = element or of
    if one.kind is Kind.TIME:
        message = f"{column.name!r} is a {of}, and Spanner has no TIME; CAST it to STRING"
        raise SqlError(message)
    if one.kind is Kind.DECIMAL:
        precision, scale = one.precision or 0, one.scale or 0
        if scale > _NUMERIC_SCALE or precision - scale > _NUMERIC_WHOLE:
            message = (
                f"{column.name!r} is a {of}, and Spanner's NUMERIC has {_NUMERIC_WHOLE} digits "
                f"before the point and {_NUMERIC_SCALE} behind it; CAST it to one of these, or to "
                "STRING"
            )
            raise SqlError(message)
    if element is None:
        return sink_column(column, is_json=is_json)
    made = sink_column(dataclasses.replace(column, type=element), is_json=False)
    return dataclasses.replace(made, type=pa.list_(made.type))
