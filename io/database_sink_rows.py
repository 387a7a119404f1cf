"""Rows of a sink as a table takes them: which are deletes, and the newest of each key."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_io.database_sink_table import DatabaseTable, SinkColumn, SinkTableError

# Their stubs know less than they do.
_ARROW: Any = pa
_COMPUTE: Any = pc
_TYPES: Any = pa.types

DELETES = "__deletes"
"""The column, beside those that are stored, that says whether the row deletes."""
PLACE = "__place"
"""And the row's number among all that were handed over."""

# 0001-01-01 to 9999-12-31, what Python's datetimes hold, in microseconds.
_FIRST_MICROSECOND = -62_135_596_800_000_000
_LAST_MICROSECOND = 253_402_300_799_999_999


class RefusedRow(NamedTuple):
    """Why a row is not stored: its number, a word to count by, a sentence."""

    place: int
    error_class: str
    message: str


def stored_rows(
    payload: pa.StructArray, attributes: pa.StructArray, table: DatabaseTable, first_place: int
) -> Any:
    """The rows of a batch as a pyarrow Table: the table's stored columns, DELETES and PLACE.

    payload: a struct of the columns. attributes: those of the change events, with `op` and
    `order_key`. Raises SinkTableError: a column is missing, or is of a type with other values.
    """
    given = dict(zip((field.name for field in payload.type), payload.flatten(), strict=True))
    events = dict(zip((field.name for field in attributes.type), attributes.flatten(), strict=True))
    columns = {}
    for column in table.stored_columns():
        values = given.get(column.name)
        if values is None and column.name == table.order_key_column:
            values = events["order_key"]
        if values is None:
            message = f"rows for {table} lack the column {column.name!r}"
            raise SinkTableError(message)
        columns[column.name] = _as_declared(values, column)
    count = len(payload)
    columns[DELETES] = _deletes(table, given, events, count)
    columns[PLACE] = pa.array(np.arange(first_place, first_place + count), pa.int64())
    return _ARROW.table(columns)


def _as_declared(values: Any, column: SinkColumn) -> Any:
    if values.type == column.type:
        return values
    return _COMPUTE.cast(values, column.type, safe=not _TYPES.is_time(values.type))


def _deletes(
    table: DatabaseTable, given: dict[str, Any], events: dict[str, Any], count: int
) -> Any:
    on = table.delete_on
    if not table.deletes or on is None:
        return pa.array(np.zeros(count, np.bool_))
    said = events["op"] if on.column is None else _COMPUTE.cast(given[on.column], pa.string())
    return _COMPUTE.fill_null(_COMPUTE.equal(said, on.value), False)


def unfit_rows(rows: Any, table: DatabaseTable, *, takes_no_nan: bool) -> list[RefusedRow]:
    """The rows that no database takes: times that drivers cannot hold, a key or an order that is
    NULL, and where the database has no NaN (or makes NULL of it), those numbers."""
    refused: dict[int, RefusedRow] = {}

    def refuse(where: Any, error_class: str, message: str) -> None:
        for place in rows[PLACE].filter(_COMPUTE.fill_null(where, False)).to_pylist():
            refused.setdefault(place, RefusedRow(place, error_class, message))

    for column in table.stored_columns():
        values = rows[column.name]
        if _TYPES.is_timestamp(column.type):
            ticks = _COMPUTE.cast(_COMPUTE.cast(values, pa.timestamp("us")), pa.int64())
            outside = _COMPUTE.or_(
                _COMPUTE.less(ticks, _FIRST_MICROSECOND),
                _COMPUTE.greater(ticks, _LAST_MICROSECOND),
            )
            told = f"the time in the column {column.name!r} is not in the years 1 to 9999"
            refuse(outside, "TimeOutOfRange", told)
        if takes_no_nan and _TYPES.is_floating(column.type):
            told = f"the column {column.name!r} is NaN or infinite, and {table} has no such number"
            refuse(_COMPUTE.invert(_COMPUTE.is_finite(values)), "NotANumber", told)
        if column.name in table.key:
            told = f"the column {column.name!r} of the key is NULL"
            refuse(_COMPUTE.is_null(values), "NullKey", told)
        if column.name == table.order_key_column:
            told = (
                f"the order key in the column {column.name!r} is NULL: it comes of the change "
                "event, or the script gives the column"
            )
            refuse(_COMPUTE.is_null(values), "NoOrderKey", told)
    return [refused[place] for place in sorted(refused)]


def newest(rows: Any, table: DatabaseTable) -> Any:
    """One row a key: the one with the greatest order key, else the one that came last.

    They are in the order of their keys, so that two writers lock rows in the same order. A table
    without a key keeps all rows in theirs.
    """
    if not table.key or not rows.num_rows:
        return rows
    order = [(PLACE, "ascending")]
    if table.order_key_column is not None:
        order.insert(0, (table.order_key_column, "ascending"))
    by_age = _COMPUTE.sort_indices(rows, sort_keys=order)
    keys = list(table.key)
    aged = rows.select(keys).take(by_age).append_column("rank", [np.arange(rows.num_rows)])
    last = aged.group_by(keys).aggregate([("rank", "max")])["rank_max"]
    kept = rows.take(by_age.take(last.combine_chunks()))
    return kept.sort_by([(name, "ascending") for name in keys])
