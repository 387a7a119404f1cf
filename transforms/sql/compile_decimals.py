"""Exact arithmetic of DECIMAL columns, by Flink's rules of precision, scale and rounding.

polars rounds products and quotients to the wider scale and ends the whole batch where 38 digits
overflow. Here a decimal is its unscaled 128-bit integer; a value that does not fit is NULL.
"""

from __future__ import annotations

import decimal
import functools
import operator
from collections.abc import Callable
from typing import Any

import polars as pl

from transforms.sql.compile_batches import BatchFunction, on_batches
from transforms.sql.compile_division import whole_quotient
from transforms.sql.polars_versions import SINCE_2_1
from transforms.sql.type_rules import digits
from transforms.sql.types import MAX_DECIMAL_PRECISION, Kind, SqlType, polars_type

_INT128_LIMIT = 2**127 - 1
# Flink divides in Java's MathContext(38, HALF_UP) and rounds the quotient to its scale afterwards.
_DIVISION = decimal.Context(prec=MAX_DECIMAL_PRECISION, rounding=decimal.ROUND_HALF_UP)

Integers = Callable[[int, int], "int | None"]
"""Combines two unscaled values; None for a result that has no value."""


def power_of_ten(exponent: int) -> pl.Expr:
    return pl.lit(10**exponent, pl.Int128)


def unscaled(value: pl.Expr, number: SqlType) -> pl.Expr:
    """The unscaled Int128 of an integer or decimal column."""
    return value.to_physical() if number.kind is Kind.DECIMAL else value.cast(pl.Int128)


def with_scale(value: pl.Expr, number: SqlType) -> pl.Expr:
    """The decimal column whose unscaled Int128 is `value`."""
    decimals = polars_type(number)
    if SINCE_2_1:
        return value.reinterpret(dtype=decimals)
    unit = decimal.Decimal(1).scaleb(-(number.scale or 0))
    whole = value.cast(pl.Decimal(MAX_DECIMAL_PRECISION, 0), strict=False)
    return whole * pl.lit(unit).cast(decimals)


def arithmetic(
    sign: str, left: tuple[pl.Expr, SqlType], right: tuple[pl.Expr, SqlType], result: SqlType
) -> pl.Expr:
    """left `sign` right, where `sign` is one of + - * / %, as the decimal type `result`.

    NULL where the result has more digits than `result`, and where a divisor is zero.
    """
    (p1, s1), (p2, s2) = digits(left[1]), digits(right[1])
    first, second = unscaled(*left), unscaled(*right)
    scale = max(s1, s2)
    function: BatchFunction
    if sign in "+-":
        combine = operator.add if sign == "+" else operator.sub
        up1, up2 = 10 ** (scale - s1), 10 ** (scale - s2)
        if max(p1 - s1, p2 - s2) + scale < MAX_DECIMAL_PRECISION:
            scaled = first * pl.lit(up1, pl.Int128), second * pl.lit(up2, pl.Int128)
            return with_scale(combine(*scaled), result)
        function = functools.partial(
            _wide, lambda a, b: _round(combine(a * up1, b * up2), scale, result)
        )
    elif sign == "*":
        if p1 + p2 <= MAX_DECIMAL_PRECISION and s1 + s2 == result.scale:
            return with_scale(first * second, result)
        function = functools.partial(_product, scale=s1 + s2, result=result)
    elif sign == "/":
        function = functools.partial(
            _quotient, digits1=p1, digits2=p2, shift=(result.scale or 0) + s2 - s1, result=result
        )
    else:
        ups = 10 ** (scale - s1), 10 ** (scale - s2)
        narrow = max(p1 + scale - s1, p2 + scale - s2) <= MAX_DECIMAL_PRECISION
        function = functools.partial(_remainder, ups=ups, narrow=narrow)
    return with_scale(on_batches(function, [first, second], pl.Int128()), result)


def rescaled(value: pl.Expr, source: SqlType, target: SqlType) -> pl.Expr:
    """An integer or decimal column as the decimal `target`: rounded half up, NULL if too large."""
    precision, scale = digits(source)
    number = unscaled(value, source)
    whole, up = (target.precision or 0) - (target.scale or 0), (target.scale or 0) - scale
    if up >= 0 and precision - scale <= whole:
        return with_scale(number * power_of_ten(up), target)

    def on_batch(frame: pl.DataFrame) -> pl.Series:
        column = frame.get_column("0")
        return rescale_batch(column, scale, target.precision or 0, target.scale or 0)

    return with_scale(on_batches(on_batch, [number], pl.Int128()), target)


def rescale_batch(unscaled_values: pl.Series, scale: int, precision: int, to: int) -> pl.Series:
    """Int128 of scale `scale` as that of scale `to`; NULL with more than `precision` digits."""
    frame = pl.DataFrame({"v": unscaled_values.cast(pl.Int128)})
    value = pl.col("v")
    if to >= scale:
        limit = 10 ** max(precision - (to - scale), 0)
        kept = pl.when(value.abs() < pl.lit(limit, pl.Int128)).then(value)
        return frame.select(kept * power_of_ten(min(to - scale, MAX_DECIMAL_PRECISION))).to_series()
    unit = 10 ** min(scale - to, MAX_DECIMAL_PRECISION)
    frame = frame.select(pl.col("v"), q=whole_quotient(value, pl.lit(unit, pl.Int128), pl.Int128()))
    return _rounded(
        frame.select(
            "q",
            sign=value.sign(),
            up=(value - pl.col("q") * pl.lit(unit, pl.Int128)).abs()
            >= pl.lit(unit // 2, pl.Int128),
        ),
        precision,
    )


def _rounded(frame: pl.DataFrame, precision: int) -> pl.Series:
    """`q`, away from zero where `up`; NULL where that has more than `precision` digits."""
    step = (
        pl.when(pl.col("up")).then(pl.col("sign").cast(pl.Int128)).otherwise(pl.lit(0, pl.Int128))
    )
    limit = pl.lit(10**precision, pl.Int128)
    return (
        frame.select(q=pl.col("q") + step)
        .select(pl.when(pl.col("q").abs() < limit).then(pl.col("q")))
        .to_series()
    )


def _round(value: int, scale: int, result: SqlType) -> int | None:
    """An exact unscaled value at the scale of `result`, or None if it does not fit."""
    down: int = 10 ** (scale - (result.scale or 0))
    quotient, rest = divmod(abs(value), down)
    quotient += 2 * rest >= down
    if quotient >= 10 ** (result.precision or 0):
        return None
    return -quotient if value < 0 else quotient


def _largest(series: pl.Series) -> int:
    found = series.abs().max()
    return found if isinstance(found, int) else 0


def _wide(combine: Integers, frame: pl.DataFrame) -> pl.Series:
    # Results of more than 38 digits before rounding fit no column type: Python's integers hold
    # them. Types as wide as this are rare.
    results = [
        None if left is None or right is None else combine(left, right)
        for left, right in zip(
            frame.get_column("0").to_list(), frame.get_column("1").to_list(), strict=True
        )
    ]
    return pl.Series(results, dtype=pl.Int128)


def _product(frame: pl.DataFrame, scale: int, result: SqlType) -> pl.Series:
    # The types allow more than 38 digits, the values of most batches do not need them.
    if _largest(frame.get_column("0")) * _largest(frame.get_column("1")) <= _INT128_LIMIT:
        product = frame.select(pl.col("0") * pl.col("1")).to_series()
        return rescale_batch(product, scale, result.precision or 0, result.scale or 0)
    return _wide(lambda a, b: _round(a * b, scale, result), frame)


def _quotient(
    frame: pl.DataFrame, digits1: int, digits2: int, shift: int, result: SqlType
) -> pl.Series:
    # Rounding to 38 digits first changes nothing where the divisor has fewer digits than lie
    # between the result's precision and 38: then no quotient is that near to a half.
    precision = result.precision or 0
    direct = (
        shift >= 0
        and digits2 <= MAX_DECIMAL_PRECISION - precision
        and _largest(frame.get_column("0")) * 10**shift <= _INT128_LIMIT
    )
    if not direct:
        return _wide(functools.partial(_divide, shift=shift, result=result), frame)
    divisor = pl.when(pl.col("1") != 0).then(pl.col("1"))
    parts = frame.select(n=pl.col("0") * power_of_ten(shift), d=divisor)
    parts = parts.with_columns(q=whole_quotient(pl.col("n"), pl.col("d"), pl.Int128()))
    rest = (pl.col("n") - pl.col("q") * pl.col("d")).abs()
    return _rounded(
        parts.select(
            "q",
            sign=pl.col("n").sign() * pl.col("d").sign(),
            up=rest >= pl.col("d").abs() - rest,
        ),
        precision,
    )


def _divide(left: int, right: int, shift: int, result: SqlType) -> int | None:
    if right == 0:
        return None
    # The quotient in units of the result's scale.
    exact = decimal.Decimal(left).scaleb(shift, decimal.Context(prec=2000))
    quotient = _DIVISION.divide(exact, decimal.Decimal(right))
    units = int(quotient.to_integral_value(rounding=decimal.ROUND_HALF_UP))
    return units if abs(units) < 10 ** (result.precision or 0) else None


def _remainder(frame: pl.DataFrame, ups: tuple[int, int], narrow: bool) -> pl.Series:
    if not narrow:
        return _wide(functools.partial(_modulo, ups=ups), frame)
    parts = frame.select(
        a=pl.col("0") * pl.lit(ups[0], pl.Int128),
        b=pl.when(pl.col("1") != 0).then(pl.col("1")) * pl.lit(ups[1], pl.Int128),
    )
    quotient = whole_quotient(pl.col("a"), pl.col("b"), pl.Int128())
    return parts.select(pl.col("a") - quotient * pl.col("b")).to_series()


def _modulo(left: int, right: int, ups: tuple[int, int]) -> int | None:
    if right == 0:
        return None
    rest = abs(left * ups[0]) % abs(right * ups[1])
    return -rest if left < 0 else rest


def compared(sign: str, left: tuple[pl.Expr, SqlType], right: tuple[pl.Expr, SqlType]) -> pl.Expr:
    """left `sign` right for exact numbers of any scale, where `sign` is = < > <= >=."""
    (p1, s1), (p2, s2) = digits(left[1]), digits(right[1])
    scale = max(s1, s2)
    ups = 10 ** (scale - s1), 10 ** (scale - s2)
    compare = COMPARISONS[sign]
    first, second = unscaled(*left), unscaled(*right)
    if max(p1 + scale - s1, p2 + scale - s2) <= MAX_DECIMAL_PRECISION:
        scaled = first * pl.lit(ups[0], pl.Int128), second * pl.lit(ups[1], pl.Int128)
        compared_columns: pl.Expr = compare(*scaled)
        return compared_columns
    function = functools.partial(_wide, lambda a, b: int(compare(a * ups[0], b * ups[1])))
    return on_batches(function, [first, second], pl.Int128()) == 1


COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def to_double(value: pl.Expr, number: SqlType) -> pl.Expr:
    """A decimal column as the nearest doubles."""
    scale = number.scale or 0

    def on_batch(frame: pl.DataFrame) -> pl.Series:
        integers = frame.get_column("0")
        # Both are exact doubles then, so that the quotient is the nearest double.
        if _largest(integers) <= 2**53 and scale <= 22:
            doubles: pl.Series = integers.cast(pl.Float64) / 10.0**scale
        else:
            text = with_scale(pl.col("0"), number).cast(pl.String)
            doubles = frame.select(text.cast(pl.Float64)).to_series()
        return doubles

    return on_batches(on_batch, [value.to_physical()], pl.Float64())
