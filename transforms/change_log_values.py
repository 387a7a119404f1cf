"""Columns of change events in one form, whatever the connector's settings are.

`plain_column` turns a decoded column into one of texts, integers, booleans and floats alone (or of
lists, maps and structs of them), by the semantic types in the fields' metadata: a number of
milliseconds and one of microseconds look alike later.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from transforms.change_log_instants import cut_instants
from transforms.change_log_times import (
    clock_texts,
    day_texts,
    iso_texts,
    moment_texts,
    zoned_texts,
)
from transforms.sql.source import polars_series
from transforms.sql.writer_types import DEBEZIUM_TIMES, DEBEZIUM_TIMESTAMPS, semantic_type
from transforms.sql.writer_values import variable_scale_text

Array: TypeAlias = "pa.Array[Any]"
Field: TypeAlias = "pa.Field[Any]"

_ZONED = ("ZonedTimestamp", "ZonedTime")
_ISO = ("IsoDate", "IsoTime", "IsoTimestamp")


def plain_column(column: Array, field: Field) -> Array:
    """The column of plain values.

    Texts are: decimals with their scale, dates and times as ISO 8601, bytes as base64. A struct's
    values are NULL where the struct is.
    """
    kind, name = column.type, semantic_type(field)
    if name == "VariableScaleDecimal" and pa.types.is_struct(kind):
        return variable_scale_text(column)
    if isinstance(column, pa.StructArray):
        return _plain_struct(column)
    if isinstance(column, pa.ListArray):
        return _plain_list(column)
    if pa.types.is_decimal256(kind):
        texts = [None if value is None else f"{value:f}" for value in column.to_pylist()]
        return pa.array(texts, pa.string())
    if name == "ZonedTimestamp":
        instants = cut_instants(column)
        if instants is not None:
            return instants
    text = _text(column, kind, name)
    return column if text is None else _arrow(text)


def _text(column: Array, kind: pa.DataType, name: str) -> pl.Series | None:
    """The column as texts; None where its values are plain as they are."""
    if pa.types.is_string(kind):
        if name in _ZONED:
            return zoned_texts(polars_series(column))
        if name in _ISO:
            return iso_texts(polars_series(column))
        return None
    if pa.types.is_decimal(kind):
        decimals: pl.Series = polars_series(column).cast(pl.String)
        return decimals
    if pa.types.is_binary(kind):
        encoded: pl.Series = polars_series(column).bin.encode("base64")
        return encoded
    if pa.types.is_date32(kind) or (name == "Date" and kind == pa.int32()):
        return day_texts(polars_series(column.cast(pa.int32())))
    if pa.types.is_time(kind):
        integers = pa.int32() if pa.types.is_time32(kind) else pa.int64()
        return clock_texts(polars_series(column.cast(integers)), kind.unit)
    if pa.types.is_timestamp(kind):
        # Connect's Timestamp is a clock without a zone, which Avro calls an instant.
        zone = "Z" if kind.tz is not None and name != "Timestamp" else ""
        return moment_texts(polars_series(column.cast(pa.int64())), kind.unit, zone)
    if pa.types.is_integer(kind) and name in DEBEZIUM_TIMES:
        return clock_texts(polars_series(column), DEBEZIUM_TIMES[name])
    if kind == pa.int64() and name in DEBEZIUM_TIMESTAMPS:
        return moment_texts(polars_series(column), DEBEZIUM_TIMESTAMPS[name])
    return None


def _arrow(texts: pl.Series) -> Array:
    column: Array = texts.alias("").to_arrow(compat_level=pl.CompatLevel.oldest())
    return column


def _plain_struct(column: pa.StructArray) -> Array:
    fields = list(column.type)
    children = [
        plain_column(child, field) for child, field in zip(column.flatten(), fields, strict=True)
    ]
    plain = [
        pa.field(field.name, child.type) for field, child in zip(fields, children, strict=True)
    ]
    mask = column.is_null() if column.null_count else None
    return pa.StructArray.from_arrays(children, fields=plain, mask=mask)


def _plain_list(column: pa.ListArray[Any]) -> Array:
    lists: Any = column
    if isinstance(column, pa.MapArray):
        entry = pa.struct([("key", column.type.key_type), ("value", column.type.item_type)])
        lists = column.cast(pa.list_(entry))
    values = lists.flatten()
    # `flatten` leaves out what lies under a NULL and beside a slice, so the offsets are made anew.
    lengths: Any = pc.fill_null(pc.list_value_length(lists), 0)
    offsets: Any = pa.array(np.concatenate([[0], np.cumsum(lengths.to_numpy())]), pa.int32())
    mask = column.is_null() if column.null_count else None
    if isinstance(column, pa.MapArray):
        keys, items = values.flatten()
        plain: Any = plain_column(items, column.type.item_field)
        made: Array = pa.MapArray.from_arrays(offsets, keys, plain, mask=mask)
        return made
    made = pa.ListArray.from_arrays(
        offsets, plain_column(values, column.type.value_field), mask=mask
    )
    return made
