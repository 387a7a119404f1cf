"""Columns of Spanner's change stream records, which are JSON, as Arrow has them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

_ARROW: dict[str, pa.DataType] = {
    "BOOL": pa.bool_(),
    "INT64": pa.int64(),
    "FLOAT32": pa.float32(),
    "FLOAT64": pa.float64(),
    "NUMERIC": pa.decimal128(38, 9),
    "STRING": pa.string(),
    "BYTES": pa.binary(),
    "DATE": pa.date32(),
    # Texts of RFC 3339: Arrow's microseconds would cut what Spanner's nanoseconds tell apart.
    "TIMESTAMP": pa.string(),
    "JSON": pa.string(),
    "UUID": pa.string(),
}
_CONNECT_NAMES = {
    "TIMESTAMP": "io.debezium.time.ZonedTimestamp",
    "JSON": "io.debezium.data.Json",
    "UUID": "io.debezium.data.Uuid",
}


class SpannerChangeError(ValueError):
    """A record of a change stream that has no form as a change event; the message says why."""


class Column(NamedTuple):
    """A column of a table. kind: Spanner's type, of the elements where it is an array."""

    name: str
    kind: str
    is_array: bool
    is_key: bool

    @property
    def field(self) -> pa.Field[Any]:
        """As Arrow has it, with Connect's name where Arrow's type does not tell what it is."""
        item = _field("item" if self.is_array else self.name, self.kind, nullable=True)
        if self.is_array:
            return pa.field(self.name, pa.list_(item))
        return item.with_nullable(not self.is_key)


def _field(name: str, kind: str, *, nullable: bool) -> pa.Field[Any]:
    connect = _CONNECT_NAMES.get(kind)
    metadata = {"connect.name": connect} if connect else None
    return pa.field(name, _ARROW[kind], nullable=nullable, metadata=metadata)


def columns_of(column_types: str, table: str) -> tuple[Column, ...]:
    """The columns of a record in their order: JSON, a list of [name, type, is key, position].

    Raises SpannerChangeError: of a type that has no form outside of Spanner.
    """
    listed = sorted(json.loads(column_types), key=lambda one: int(one[3]))
    return tuple(_column(name, kind, bool(is_key), table) for name, kind, is_key, _ in listed)


def _column(name: str, kind: Mapping[str, Any], is_key: bool, table: str) -> Column:
    is_array = kind.get("code") == "ARRAY"
    element = kind.get("array_element_type", {}) if is_array else kind
    code = str(element.get("code"))
    if code not in _ARROW or "type_annotation" in element:
        message = (
            f"column {name!r} of {table} has Spanner's type {code}, which has no form outside of "
            f"Spanner; expected one of {', '.join(_ARROW)}, or arrays of them. Let the change "
            f"stream watch the other columns: ALTER CHANGE STREAM ... SET FOR {table}(...)"
        )
        raise SpannerChangeError(message)
    return Column(name, code, is_array, is_key)


def rows_of(texts: pl.Series, columns: tuple[Column, ...], table: str) -> pa.StructArray:
    """JSON objects as a struct of the columns, NULL where the text is NULL.

    A column that an object has not is NULL; of one that it has twice the first counts.

    Raises SpannerChangeError: a value that its type does not have.
    """
    wanted = pl.Struct(
        {one.name: pl.List(pl.String) if one.is_array else pl.String for one in columns}
    )
    parsed = texts.str.json_decode(wanted)
    children = [_converted(parsed.struct.field(one.name), one, table) for one in columns]
    fields = [one.field.with_nullable(True) for one in columns]
    mask: Any = texts.is_null().to_arrow() if texts.null_count() else None
    return pa.StructArray.from_arrays(children, fields=fields, mask=mask)


def _converted(values: pl.Series, column: Column, table: str) -> pa.Array[Any]:
    try:
        if column.is_array:
            return _lists(values, column)
        return _scalars(values, column.kind)
    except (pa.ArrowInvalid, pl.exceptions.PolarsError) as error:
        message = (
            f"column {column.name!r} of {table} has a value that is no {column.kind} of Spanner: "
            f"{error}"
        )
        raise SpannerChangeError(message) from error


def _scalars(values: pl.Series, kind: str) -> pa.Array[Any]:
    if kind == "BYTES":
        decoded: Any = values.str.decode("base64", strict=True).to_arrow()
        found: pa.Array[Any] = decoded.cast(pa.binary())
        return found
    texts: Any = values.to_arrow()
    found = texts.cast(pa.string()).cast(_ARROW[kind])
    return found


def _lists(values: pl.Series, column: Column) -> pa.Array[Any]:
    lists: Any = values.to_arrow()
    elements: Any = pl.Series(lists.flatten(), dtype=pl.String)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    offsets: Any = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    mask = lists.is_null() if lists.null_count else None
    items = _scalars(elements, column.kind)
    return pa.ListArray.from_arrays(offsets, items, type=column.field.type, mask=mask)
