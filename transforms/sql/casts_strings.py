"""What strings say: numbers and booleans. Dates and times are in casts_clock."""

from __future__ import annotations

import decimal
import functools
import re

import polars as pl

from transforms.sql.casts_clock import date_of_text, time_of_text, timestamp_of_text
from transforms.sql.casts_rules import Conversion
from transforms.sql.casts_times import to_instant
from transforms.sql.compile_batches import BatchFunction, on_batches, per_distinct_value
from transforms.sql.compile_decimals import rescale_batch, with_scale
from transforms.sql.expression import Session
from transforms.sql.types import Kind, SqlType, polars_type

_TRUE = ("t", "true", "y", "yes", "1")
_FALSE = ("f", "false", "n", "no", "0")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?", re.ASCII)
# Digits after the point that the quick way takes along; with it 38 digits in all fit.
_QUICK_FRACTION = 18
_EXACT = decimal.Context(prec=2000, rounding=decimal.ROUND_HALF_UP)


def converted_string(value: pl.Expr, target: SqlType, session: Session) -> Conversion:
    """A string column as numbers, booleans, dates or times; failed where it says none."""
    if target.kind is Kind.BOOLEAN:
        word = value.str.to_lowercase()
        meaning = pl.when(word.is_in(_TRUE)).then(True).when(word.is_in(_FALSE)).then(False)
        return _failing(meaning, value)
    if target.kind is Kind.DECIMAL:
        unscaled = on_batches(functools.partial(_decimals, target=target), [value], pl.Int128())
        return _failing(with_scale(unscaled, target), value)
    function: BatchFunction
    if target.is_integer:
        function = functools.partial(_integers, target=polars_type(target))
    elif target.is_number:
        function = functools.partial(_floats, target=polars_type(target))
    elif target.kind is Kind.DATE:
        function = date_of_text
    elif target.kind is Kind.TIME:
        function = functools.partial(time_of_text, precision=target.precision or 0)
    else:
        local = pl.Datetime("us" if (target.precision or 0) <= 6 else "ns")
        function = functools.partial(
            timestamp_of_text, precision=target.precision or 0, physical=local
        )
        parsed = on_batches(function, [value], local)
        if target.kind is Kind.TIMESTAMP_LTZ:
            parsed = to_instant(parsed, session)
        return _failing(parsed, value)
    return _failing(on_batches(function, [value], polars_type(target)), value)


def _failing(converted: pl.Expr, text: pl.Expr) -> Conversion:
    return Conversion(converted, converted.is_null() & text.is_not_null())


def _integers(frame: pl.DataFrame, target: pl.DataType) -> pl.Series:
    text = frame.get_column("0").str.strip_chars(" ")
    numbers: pl.Series = text.cast(target, strict=False)
    if numbers.null_count() == text.null_count():
        return numbers
    # Flink drops a fraction: '5.7' is 5 and '.5' is 0.
    parts = pl.DataFrame({"n": numbers, "t": text}).with_columns(
        whole=pl.col("t").str.extract(r"^([+-]?[0-9]+)\.[0-9]*$", 1).cast(target, strict=False),
        none=pl.col("t").str.contains(r"^[+-]?\.[0-9]+$"),
    )
    none = pl.when("none").then(pl.lit(0, target))
    return parts.select(pl.coalesce("n", "whole", none)).to_series()


def _floats(frame: pl.DataFrame, target: pl.DataType) -> pl.Series:
    text = frame.get_column("0").str.strip_chars(" ")
    numbers: pl.Series = text.cast(target, strict=False)
    if numbers.null_count() == text.null_count() and bool(numbers.is_finite().all()):
        return numbers
    # Java knows NaN and Infinity in this spelling alone, and takes a closing d or f.
    parts = pl.DataFrame({"n": numbers, "t": text}).with_columns(
        suffixed=pl.col("t")
        .str.extract(r"^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)[dDfF]$", 1)
        .cast(target, strict=False),
        spelled=pl.col("t").str.contains(r"^[+-]?(?:NaN|Infinity|[0-9.]+(?:[eE][+-]?[0-9]+)?)$"),
    )
    number = pl.when("spelled").then(pl.col("n"))
    return parts.select(pl.coalesce(number, pl.col("suffixed"))).to_series()


def _decimals(frame: pl.DataFrame, target: SqlType) -> pl.Series:
    return decimal_of_text(frame.get_column("0").str.strip_chars(" "), target)


def decimal_of_text(text: pl.Series, target: SqlType) -> pl.Series:
    """Unscaled Int128 of the decimals that strings say; NULL where none, or too large.

    Takes a sign, digits, a point and an exponent; rounds half up.
    """
    precision, scale = target.precision or 0, target.scale or 0
    parts = (
        pl.DataFrame({"t": text}).select("t", part=pl.col("t").str.splitn(".", 2)).unnest("part")
    )
    fraction = pl.col("field_1").fill_null("")
    some_digits = ~(pl.col("field_0").is_in(["", "+", "-"]) & (fraction == ""))
    quick = some_digits & (fraction.str.len_bytes() <= _QUICK_FRACTION)
    # The digits are joined as text: 12.5 is 125 followed by zeros up to the fixed scale.
    digits = pl.concat_str(pl.col("field_0"), fraction.str.pad_end(_QUICK_FRACTION, "0"))
    numbers = parts.select(
        pl.when(quick & (pl.col("t").str.len_bytes() <= 38 - _QUICK_FRACTION)).then(
            digits.cast(pl.Int128, strict=False)
        )
    ).to_series()
    unscaled = rescale_batch(numbers, _QUICK_FRACTION, precision, scale)
    if numbers.null_count() == text.null_count():
        return unscaled
    # Exponents and very long numbers, one by one.
    slow = per_distinct_value(
        text.set(numbers.is_not_null(), None),
        functools.partial(_decimal, precision=precision, scale=scale),
        pl.Int128(),
    )
    all_unscaled: pl.Series = unscaled.zip_with(numbers.is_not_null(), slow)
    return all_unscaled


def _decimal(text: str, precision: int, scale: int) -> int | None:
    if not _DECIMAL.fullmatch(text):
        return None
    number = decimal.Decimal(text)
    # Beyond the precision on the left it cannot fit, whatever its digits are.
    if number.adjusted() > precision:
        return 0 if number == 0 else None
    unit = decimal.Decimal(1).scaleb(-scale)
    if number.adjusted() < -scale - 1:
        return 0
    rounded = int(number.quantize(unit, context=_EXACT).scaleb(scale, _EXACT))
    return rounded if abs(rounded) < 10**precision else None
