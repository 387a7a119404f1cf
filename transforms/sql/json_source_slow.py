"""JSON objects one by one: which of them cannot be read, and why; numbers in texts and texts in
numbers, as Flink's json format takes them.

For the batches alone in which not all objects are as declared.
"""

from __future__ import annotations

import decimal
import json
import math
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa

_INTEGER = re.compile(r"[+-]?[0-9]{1,39}")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?|NaN|[+-]?Infinity", re.ASCII)
_ROUND = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_UP)


class _Number(str):
    """A number as its JSON spells it."""

    __slots__ = ()


def _no_constant(name: str) -> None:
    message = f"{name} is no JSON"
    raise ValueError(message)


_DECODER = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_no_constant)


def json_object(payload: bytes | None) -> dict[str, Any]:
    """The object of a payload, numbers as their text. Raises ValueError."""
    if not payload or not payload.strip():
        message = "the payload is empty, expected a JSON object"
        raise ValueError(message)
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        message = f"the payload is not UTF-8: {error.reason} at byte {error.start}"
        raise ValueError(message) from error
    try:
        found = _DECODER.decode(text)
    except RecursionError as error:
        message = "the JSON is nested too deeply"
        raise ValueError(message) from error
    except json.JSONDecodeError as error:
        message = f"the payload is no JSON: {error.msg} at character {error.pos}"
        raise ValueError(message) from error
    if not isinstance(found, dict):
        message = f"the payload is a JSON {_name(found)}, expected an object"
        raise ValueError(message)
    return found


def row_of(found: dict[str, Any], schema: pa.Schema) -> dict[str, Any]:
    """The columns of an object as Arrow takes them. Raises ValueError with the column's name."""
    return {field.name: _value(found.get(field.name), field.type, field.name) for field in schema}


def _value(value: Any, arrow: pa.DataType, path: str) -> Any:
    if value is None:
        return None
    if pa.types.is_struct(arrow):
        return _struct(value, arrow, path)
    if pa.types.is_list(arrow):
        if not isinstance(value, list):
            raise _misfit(value, path, "an array")
        inner = arrow.value_type
        return [_value(one, inner, f"{path}[{place}]") for place, one in enumerate(value)]
    if pa.types.is_map(arrow):
        if not isinstance(value, dict):
            raise _misfit(value, path, "an object")
        item: Any = arrow
        return [
            (name, _value(one, item.item_type, f"{path}.{name}")) for name, one in value.items()
        ]
    for is_of, convert in _CONVERSIONS:
        if is_of(arrow):
            return convert(value, arrow, path)
    return _text(value)


def _struct(value: Any, arrow: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _misfit(value, path, "an object")
    return {
        field.name: _value(value.get(field.name), field.type, f"{path}.{field.name}")
        for field in arrow
    }


def _boolean(value: Any, arrow: pa.DataType, path: str) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in ("true", "false"):
        raise _misfit(value, path, "true or false")
    return word == "true"


def _integer(value: Any, arrow: Any, path: str) -> int:
    text = value.strip() if isinstance(value, str) else ""
    last = 2 ** (arrow.bit_width - 1)
    if not _INTEGER.fullmatch(text) or not -last <= int(text) < last:
        raise _misfit(value, path, f"a whole number of {arrow.bit_width} bits")
    return int(text)


def _float(value: Any, arrow: Any, path: str) -> float:
    text = value.strip() if isinstance(value, str) else ""
    if not _FLOAT.fullmatch(text) or (isinstance(value, _Number) and math.isinf(float(text))):
        raise _misfit(value, path, "a number")
    return float(text)


def _decimal(value: Any, arrow: Any, path: str) -> decimal.Decimal:
    text = value.strip() if isinstance(value, str) else ""
    expected = f"a number of at most {arrow.precision - arrow.scale} digits before the point"
    try:
        number = decimal.Decimal(text)
        if not number.is_finite() or number.adjusted() > arrow.precision:
            raise _misfit(value, path, expected)
        if number.adjusted() < -arrow.scale - 1:
            return decimal.Decimal(0).scaleb(-arrow.scale)
        rounded = number.quantize(decimal.Decimal(1).scaleb(-arrow.scale), context=_ROUND)
    except decimal.InvalidOperation as error:
        raise _misfit(value, path, expected) from error
    if rounded.is_zero():
        return abs(rounded)
    if rounded.adjusted() >= arrow.precision - arrow.scale:
        raise _misfit(value, path, expected)
    return rounded


def _text(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    return _json_text(value)


def _json_text(value: Any) -> str:
    """A value as compact JSON, its numbers as they were spelled."""
    match value:
        case _Number():
            return str(value)
        case dict():
            members = (f"{_json_text(name)}:{_json_text(one)}" for name, one in value.items())
            return "{" + ",".join(members) + "}"
        case list():
            return "[" + ",".join(map(_json_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _misfit(value: Any, path: str, expected: str) -> ValueError:
    shown = _text(value)
    shown = shown if len(shown) <= 100 else shown[:100] + "…"
    message = f"{path} is the {_name(value)} {shown!r}, expected {expected}"
    return ValueError(message)


def _name(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case _Number():
            return "number"
        case str():
            return "text"
        case list():
            return "array"
        case dict():
            return "object"
    return "null"


_CONVERSIONS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Any, Any, str], Any]], ...] = (
    (pa.types.is_boolean, _boolean),
    (pa.types.is_integer, _integer),
    (pa.types.is_floating, _float),
    (pa.types.is_decimal, _decimal),
)
