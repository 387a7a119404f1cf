"""Columns of Spanner's values as Arrow's, and Arrow's as Spanner's.

Spanner writes all but numbers with a fraction, booleans and arrays as texts: INT64, NUMERIC, DATE
and TIMESTAMP in decimal digits, BYTES in Base64.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.struct_pb2 import ListValue, NullValue, Value

from pipeline_io.spanner_types import SpannerType

_NULL = Value(null_value=NullValue.NULL_VALUE)
_MICROSECOND_CHARACTERS = len("2026-01-01T00:00:00.000000")
_FLOATS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def column_of(values: Sequence[Value], of: SpannerType) -> pa.Array[Any]:
    """Values of one column as Arrow has them, of the type `of.arrow`."""
    if not of.array:
        return _scalars(values, of)
    valid = [not value.HasField("null_value") for value in values]
    lists = [value.list_value.values for value in values]
    offsets = [0, *itertools.accumulate(map(len, lists))]
    items = _scalars(list(itertools.chain.from_iterable(lists)), of)
    mask = None if all(valid) else pa.array([not one for one in valid])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items, type=of.arrow, mask=mask)


def values_of(column: pa.Array[Any], of: SpannerType) -> list[Value]:
    """A column in Spanner's wire form.

    Raises ValueError: Arrow's type is none that a column of the type can be written from.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if not of.array:
        return _written(column, of)
    lists: Any = column
    items = _written(lists.flatten(), of)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_pylist()
    ends = list(itertools.accumulate(lengths))
    return [
        Value(list_value=ListValue(values=items[end - length : end])) if valid else _NULL
        for end, length, valid in zip(ends, lengths, column.is_valid().to_pylist(), strict=True)
    ]


def microseconds(texts: pa.Array[Any]) -> pa.Array[Any]:
    """Texts of TIMESTAMP as microseconds since 1970, cut and not rounded."""
    # Arrow reads nanoseconds from 1677 to 2262 alone.
    plain: Any = pc.utf8_rtrim(texts, characters="Z")
    cut: Any = pc.utf8_slice_codeunits(plain, 0, _MICROSECOND_CHARACTERS)
    found: pa.Array[Any] = cut.cast(pa.timestamp("us")).cast(pa.int64())
    return found


def _scalars(values: Sequence[Value], of: SpannerType) -> pa.Array[Any]:
    nulls = [value.HasField("null_value") for value in values]
    arrow = SpannerType(of.kind).arrow
    found: list[Any]
    match of.kind:
        case "BOOL":
            found = [value.bool_value for value in values]
        case "FLOAT32" | "FLOAT64":
            found = [_FLOATS.get(value.string_value, value.number_value) for value in values]
        case "BYTES":
            found = [base64.b64decode(value.string_value) for value in values]
        case _:
            texts = pa.array([value.string_value for value in values], pa.utf8())
            if any(nulls):
                texts = pc.if_else(pa.array(nulls), pa.scalar(None, pa.utf8()), texts)
            return texts if arrow == pa.utf8() else texts.cast(arrow)
    if any(nulls):
        found = [None if null else value for null, value in zip(nulls, found, strict=True)]
    return pa.array(found, arrow)


def _written(column: pa.Array[Any], of: SpannerType) -> list[Value]:
    kind = column.type
    written: Iterable[Any]
    make: Callable[[Any], Value] = _text
    if pa.types.is_boolean(kind):
        make, written = _boolean, column.to_pylist()
    elif pa.types.is_floating(kind):
        make, written = _number, column.to_pylist()
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        make, written = _bytes, column.to_pylist()
    elif isinstance(kind, pa.TimestampType):
        written = _moments(column).to_pylist()
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        written = column.to_pylist()
    elif pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_date32(kind):
        written = column.cast(pa.utf8()).to_pylist()
    else:
        message = f"a column {of} of Spanner cannot be written from {kind}"
        raise ValueError(message)
    return [_NULL if value is None else make(value) for value in written]


def _moments(column: pa.Array[Any]) -> pa.Array[Any]:
    """Texts of RFC 3339, in UTC."""
    kind: Any = column.type
    texts: Any = column.cast(pa.timestamp(kind.unit)).cast(pa.utf8())
    joined: Any = pc.replace_substring(texts, " ", "T")
    found: pa.Array[Any] = pc.binary_join_element_wise(joined, "Z", "")
    return found


def _text(value: str) -> Value:
    return Value(string_value=value)


def _boolean(value: bool) -> Value:
    return Value(bool_value=value)


def _number(value: float) -> Value:
    if value != value:
        return Value(string_value="NaN")
    if value in (float("inf"), float("-inf")):
        return Value(string_value="Infinity" if value > 0 else "-Infinity")
    return Value(number_value=value)


def _bytes(value: bytes) -> Value:
    return Value(string_value=base64.b64encode(value).decode())
