"""Rows of a query as JSON lines."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa


def json_lines(batch: pa.RecordBatch, scales: Mapping[str, int]) -> Iterator[bytes]:
    """Each row as a JSON object and a line end.

    Args:
        scales: column -> digits after the point, for decimals whose type in the result has others.
    """
    columns = {
        field.name: _values(batch.column(index), scales.get(field.name))
        for index, field in enumerate(batch.schema)
    }
    names = list(columns)
    for values in zip(*columns.values(), strict=True):
        yield orjson.dumps(dict(zip(names, values, strict=True)), option=orjson.OPT_APPEND_NEWLINE)


def _values(column: pa.Array[Any], scale: int | None) -> list[object]:
    """The values as JSON has them; text, integers and booleans are themselves."""
    of = column.type
    values = column.to_pylist()
    write: Callable[[object], object] | None = None
    if pa.types.is_decimal(of):
        digits = of.scale if scale is None else scale
        write = lambda value: _decimal_text(value, digits)  # noqa: E731
    elif pa.types.is_temporal(of):
        write = _iso
    elif pa.types.is_binary(of) or pa.types.is_large_binary(of):
        write = _base64
    elif pa.types.is_floating(of):
        write = _float
    if write is None:
        return values
    return [None if value is None else write(value) for value in values]


def _decimal_text(value: object, scale: int) -> str:
    assert isinstance(value, Decimal)  # noqa: S101
    text = format(value, "f")
    whole, _, fraction = text.partition(".")
    # No digit that is there is lost: a scale that is too small adds none and takes none.
    fraction = fraction.rstrip("0").ljust(scale, "0") if len(fraction) != scale else fraction
    return f"{whole}.{fraction}" if fraction else whole


def _iso(value: object) -> str:
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        value = value.astimezone(datetime.timezone.utc)
    assert isinstance(value, datetime.date | datetime.time)  # noqa: S101
    return value.isoformat()


def _base64(value: object) -> str:
    assert isinstance(value, bytes)  # noqa: S101
    return base64.b64encode(value).decode()


def _float(value: object) -> object:
    """JSON has no NaN and no infinity: they are texts, as in the log."""
    assert isinstance(value, float)  # noqa: S101
    if value != value:
        return "NaN"
    return value if abs(value) != float("inf") else ("Infinity" if value > 0 else "-Infinity")
