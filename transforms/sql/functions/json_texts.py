"""JSON written from values: JSON_STRING, and JSON_QUOTE of a text."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
from collections.abc import Callable

import polars as pl

from transforms.sql.expression import Call, Expression
from transforms.sql.functions.arguments import expect_count, null_result, result, text
from transforms.sql.functions.registration import function
from transforms.sql.types import STRING, Kind, SqlType

_quoted: Callable[[str], str] = json.JSONEncoder(ensure_ascii=False).encode


def quoted(value: pl.Expr) -> pl.Expr:
    """Texts as JSON strings."""
    encoded = pl.struct(value.alias("v")).struct.json_encode()
    # {"v":"..."} without what stands around the text.
    inner = encoded.str.slice(5, (encoded.str.len_chars() - 6).cast(pl.Int64()))
    return pl.when(value.is_not_null()).then(inner)


@function("JSON_QUOTE")
def json_quote(call: Call) -> Expression:
    expect_count(call, 1)
    return result(call, quoted(text(call, 0)), STRING)


@function("JSON_STRING")
def json_string(call: Call) -> Expression:
    """Any value as JSON. ROW, ARRAY and MAP are written in Python, a row at a time."""
    expect_count(call, 1)
    argument = call.arguments[0]
    kind, value = argument.type, argument.value
    if kind.kind is Kind.NULL:
        return null_result(call, STRING)
    if kind.is_string:
        return result(call, quoted(value), STRING)
    if kind.is_integer or kind.kind in (Kind.BOOLEAN, Kind.DECIMAL):
        return result(call, value.cast(pl.String()), STRING)
    write = _writer(kind)

    def of_batch(batch: pl.Series) -> pl.Series:
        texts = [None if item is None else write(item) for item in batch.to_list()]
        return pl.Series(texts, dtype=pl.String())

    texts = value.map_batches(of_batch, return_dtype=pl.String(), is_elementwise=True)
    return result(call, texts, STRING)


Writer = Callable[[object], str]


def _writer(kind: SqlType) -> Writer:
    if kind.kind is Kind.ARRAY and kind.element is not None:
        return _array_writer(_or_null(kind.element))
    if kind.kind is Kind.MAP and kind.element is not None:
        return _map_writer(_or_null(kind.element))
    if kind.kind is Kind.ROW:
        return _row_writer({field.name: _or_null(field.type) for field in kind.fields})
    return _scalar


def _or_null(kind: SqlType) -> Writer:
    write = _writer(kind)
    return lambda value: "null" if value is None else write(value)


def _array_writer(element: Writer) -> Writer:
    def write(value: object) -> str:
        items = value if isinstance(value, list) else []
        return "[" + ",".join(element(item) for item in items) + "]"

    return write


def _map_writer(element: Writer) -> Writer:
    def write(value: object) -> str:
        entries = value if isinstance(value, list) else []
        members = (f"{_quoted(str(entry['key']))}:{element(entry['value'])}" for entry in entries)
        return "{" + ",".join(members) + "}"

    return write


def _row_writer(fields: dict[str, Writer]) -> Writer:
    def write(value: object) -> str:
        members = value if isinstance(value, dict) else {}
        texts = (f"{_quoted(name)}:{field(members[name])}" for name, field in fields.items())
        return "{" + ",".join(texts) + "}"

    return write


def _scalar(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value)
        case bytes():
            return _quoted(base64.b64encode(value).decode())
        case datetime.datetime() if value.tzinfo is not None:
            utc = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
            return f'"{_shortest(utc)}Z"'
        case datetime.datetime():
            return f'"{_shortest(value)}"'
        case datetime.date() | datetime.time():
            return f'"{value.isoformat()}"'
        case decimal.Decimal():
            return format(value, "f")
        case float() if value != value or value in (float("inf"), float("-inf")):
            # JSON has no word for them.
            return "null"
    return str(value)


def _shortest(time: datetime.datetime) -> str:
    text = time.isoformat()
    return text.rstrip("0") if "." in text else text
