"""What values look like as strings, as Flink SQL writes them, and the lengths of strings."""

from __future__ import annotations

import decimal

import polars as pl

from transforms.sql.casts_times import to_local
from transforms.sql.compile_batches import on_batches, per_distinct_value
from transforms.sql.expression import Session
from transforms.sql.types import FLOATS, Kind, SqlType

_SECONDS = "%Y-%m-%d %H:%M:%S"
# Java writes doubles from here on, and below the lower bound, with an exponent.
_PLAIN_FROM, _PLAIN_BELOW = 1e-3, 1e7


def as_text(value: pl.Expr, source: SqlType, session: Session) -> pl.Expr:
    """A column of any type but bytes as strings."""
    if source.kind is Kind.BOOLEAN:
        return pl.when(value).then(pl.lit("TRUE")).when(~value).then(pl.lit("FALSE"))
    if source.kind in FLOATS:
        return on_batches(_float_text, [value], pl.String())
    if source.kind is Kind.DATE:
        return value.dt.to_string("%Y-%m-%d")
    if source.kind is Kind.TIME:
        return _time_text(value, source.precision or 0)
    if source.is_timestamp:
        local = to_local(value, session) if source.kind is Kind.TIMESTAMP_LTZ else value
        return _timestamp_text(local, source.precision or 0)
    if source.kind is Kind.ROW:
        return _row_text(value, source, session)
    if source.kind is Kind.ARRAY and source.element:
        return _joined(value, _element_text(pl.element(), source.element, session), "[", "]")
    if source.kind is Kind.MAP and source.key and source.element:
        key = _element_text(pl.element().struct.field("key"), source.key, session)
        element = _element_text(pl.element().struct.field("value"), source.element, session)
        return _joined(value, pl.concat_str(key, pl.lit("="), element), "{", "}")
    return value.cast(pl.String)


def _element_text(value: pl.Expr, source: SqlType, session: Session) -> pl.Expr:
    if source.is_string:
        text = value
    elif source.is_binary:
        text, _ = text_of_bytes(value)
    else:
        text = as_text(value, source, session)
    return text.fill_null("NULL")


def _joined(lists: pl.Expr, element: pl.Expr, start: str, end: str) -> pl.Expr:
    return pl.concat_str(pl.lit(start), lists.list.eval(element).list.join(", "), pl.lit(end))


def _row_text(value: pl.Expr, source: SqlType, session: Session) -> pl.Expr:
    parts = [
        _element_text(value.struct.field(field.name), field.type, session)
        for field in source.fields
    ]
    joined = pl.concat_str(pl.lit("("), pl.concat_str(parts, separator=", "), pl.lit(")"))
    return pl.when(value.is_not_null()).then(joined)


def _time_text(value: pl.Expr, precision: int) -> pl.Expr:
    if precision == 0:
        return value.dt.to_string("%H:%M:%S")
    text = value.dt.to_string("%H:%M:%S%.9f").str.slice(0, len("00:00:00.") + precision)
    return text.str.strip_chars_end("0").str.strip_chars_end(".")


def _timestamp_text(local: pl.Expr, precision: int) -> pl.Expr:
    if precision == 0:
        return local.dt.to_string(_SECONDS)
    if precision in (3, 6, 9):
        return local.dt.to_string(f"{_SECONDS}%.{precision}f")
    return local.dt.to_string(f"{_SECONDS}%.9f").str.head(precision - 9)


def _float_text(frame: pl.DataFrame) -> pl.Series:
    numbers = frame.get_column("0")
    text: pl.Series = numbers.cast(pl.String)
    size = numbers.abs()
    plain = ((size >= _PLAIN_FROM) & (size < _PLAIN_BELOW)) | (size == 0)
    if (plain | numbers.is_null()).all():
        return text
    # Java's notation with an exponent, from the shortest digits that polars finds.
    rest = per_distinct_value(text.set(plain.fill_null(value=False), None), _java, pl.String())
    all_text: pl.Series = text.zip_with(plain.fill_null(value=False), rest)
    return all_text


def _java(text: str) -> str:
    named = {"NaN": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    if text in named:
        return named[text]
    number = decimal.Decimal(text)
    sign, digits, _ = number.as_tuple()
    plain = "".join(map(str, digits)).rstrip("0") or "0"
    return f"{'-' * sign}{plain[0]}.{plain[1:] or '0'}E{number.adjusted()}"


def text_of_bytes(value: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Bytes as UTF-8 strings, and where they are not UTF-8."""
    text = on_batches(_decoded, [value], pl.String())
    return text, text.is_null() & value.is_not_null()


def _decoded(frame: pl.DataFrame) -> pl.Series:
    try:
        text: pl.Series = frame.get_column("0").cast(pl.String)
    except pl.exceptions.ComputeError:
        text = per_distinct_value(frame.get_column("0"), _utf8, pl.String())
    return text


def _utf8(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def limited_text(text: pl.Expr, target: SqlType) -> pl.Expr:
    """Strings cut to the length of a VARCHAR(n), and filled with spaces to that of a CHAR(n)."""
    if target.length is None:
        return text
    cut = text.str.head(target.length)
    return cut.str.pad_end(target.length) if target.kind is Kind.CHAR else cut


def limited_bytes(raw: pl.Expr, target: SqlType) -> pl.Expr:
    """Bytes cut to the length of a VARBINARY(n), and filled with zeros to that of a BINARY(n)."""
    if target.length is None:
        return raw
    cut = raw.bin.head(target.length)
    if target.kind is not Kind.BINARY:
        return cut
    return cut.bin.encode("hex").str.pad_end(2 * target.length, "0").str.decode("hex")
