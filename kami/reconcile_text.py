"""Columns as canonical text: what two values must share to be called equal.

Both sides of a reconciliation go through here, so that no two SQL dialects have to print a value
alike. Equal values have equal texts whatever their scale, precision or zone; different values,
NULL and the empty text among them, never do.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import json
from collections.abc import Callable
from decimal import Decimal

import polars as pl

from kami.keys import decimal_text

_EXACT = decimal.Context(prec=1000)
"""JSON numbers have up to 309 digits where MySQL prints a double in full."""

_FORMATS = {
    "DATE": "%Y-%m-%d",
    "DATETIME": "%Y-%m-%dT%H:%M:%S%.6f",
    "TIMESTAMP": "%Y-%m-%dT%H:%M:%S%.6fZ",
    "TIME": "%H:%M:%S%.6f",
}


def base_type(bigquery_type: str) -> str:
    """`NUMERIC` of `NUMERIC(10, 2)`, `ARRAY` of `ARRAY<INT64>`."""
    return bigquery_type.partition("(")[0].partition("<")[0].strip().upper()


def canonical_text(values: pl.Series, bigquery_type: str) -> pl.Series:
    """A String series: NULL where `values` is NULL.

    Args:
        values: of any type that holds values of `bigquery_type`.

    Raises:
        polars.exceptions.PolarsError: a value is not of the type.
    """
    base = base_type(bigquery_type)
    texts: pl.Series
    if values.dtype == pl.Null:
        texts = values.cast(pl.String)
    elif base == "INT64":
        texts = values.cast(pl.Int64).cast(pl.String)
    elif base in ("NUMERIC", "BIGNUMERIC"):
        texts = _decimals(values)
    elif base == "FLOAT64":
        texts = values.cast(pl.Float64).cast(pl.String).replace({"-0.0": "0.0"})
    elif base == "FLOAT32":
        # Of a source's single precision, which the warehouse has as a double.
        texts = values.cast(pl.Float64).cast(pl.Float32).cast(pl.String).replace({"-0.0": "0.0"})
    elif base == "BOOL":
        texts = values.cast(pl.Boolean).cast(pl.Int8).cast(pl.String)
    elif base == "BYTES":
        texts = values.cast(pl.Binary).bin.encode("base64")
    elif base in _FORMATS:
        texts = _times(values, base)
    elif base == "JSON":
        texts = by_distinct(values.cast(pl.String), canonical_json)
    elif base in ("ARRAY", "STRUCT"):
        listed = [None if value is None else _plain_json(value) for value in values.to_list()]
        texts = pl.Series(values.name, listed, pl.String)
    else:
        texts = values.cast(pl.String)
    return texts


def canonical_json(text: str) -> str:
    """JSON with sorted members and no blanks; numbers by value, so that 1.0 is 1 is 1e0.

    What is no JSON stays as it is: it then equals nothing but itself.
    """
    try:
        value = json.loads(text, parse_float=_number, parse_int=_number)
    except ValueError:
        return text
    return _plain_json(value)


def by_distinct(values: pl.Series, text_of: Callable[[str], str]) -> pl.Series:
    """`text_of` each distinct text, put back in place: what has no columnar form."""
    distinct = values.drop_nulls().unique()
    if not len(distinct):
        return values
    texts = pl.Series([text_of(value) for value in distinct.to_list()], dtype=pl.String)
    replaced: pl.Series = values.replace_strict(
        distinct, texts, default=None, return_dtype=pl.String
    )
    return replaced


def _decimals(values: pl.Series) -> pl.Series:
    texts: pl.Series = values.cast(pl.String)
    if values.dtype == pl.Float64 or texts.str.contains("[eE]").any():
        return by_distinct(texts, lambda text: decimal_text(Decimal(text)))
    has_point = texts.str.contains(".", literal=True).fill_null(False)
    cut = texts.str.strip_chars_end("0").str.strip_chars_end(".")
    plain: pl.Series = texts.zip_with(~has_point, cut).replace({"-0": "0", "": "0", "-": "0"})
    return plain


def _times(values: pl.Series, base: str) -> pl.Series:
    if values.dtype == pl.String:
        return values
    if isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone is not None:
        values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    wanted = {"DATE": pl.Date(), "TIME": pl.Time()}.get(base, pl.Datetime("us"))
    texts: pl.Series = values.cast(wanted).dt.strftime(_FORMATS[base])
    return texts


def _number(text: str) -> Decimal:
    return _EXACT.create_decimal(text)


def _plain_json(value: object) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _plain(value: object) -> object:
    """Numbers as tagged texts: a JSON text "1" and the number 1 stay different."""
    if isinstance(value, dict):
        return {str(name): _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float | Decimal):
        return {"": decimal_text(Decimal(repr(value) if isinstance(value, float) else value))}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)
