"""Functions that round and take apart numbers; decimals stay exact."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from transforms.sql.compile_division import whole_quotient
from transforms.sql.expression import Call, Expression, Failure
from transforms.sql.functions.arguments import (
    expect_count,
    literal_whole,
    null_result,
    number_type,
    refusal,
    result,
)
from transforms.sql.functions.registration import function
from transforms.sql.types import (
    DOUBLE,
    INT,
    MAX_DECIMAL_PRECISION,
    SqlType,
    decimal,
    polars_type,
)

_DOUBLE_DIGITS = 18
"""Fractional digits in which a double is rounded: more than the 17 that a double holds."""


def _beyond(call: Call, value: pl.Expr, whole: pl.Expr, sql_type: SqlType) -> Failure:
    """Rows whose result does not fit into `sql_type`. Flink would wrap around to a wrong number."""
    outside = whole.cast(polars_type(sql_type), strict=False).is_null() & whole.is_not_null()
    message = f"the result does not fit into {sql_type}; CAST the argument to a wider type"
    return refusal(call, outside, message, value)


@function("ABS")
def absolute(call: Call) -> Expression:
    expect_count(call, 1)
    kind = number_type(call, 0)
    value = call.arguments[0].value
    if not kind.is_integer:
        return result(call, value.abs(), kind)
    whole = value.cast(pl.Int128()).abs()
    fitting = whole.cast(polars_type(kind), strict=False)
    return result(call, fitting, kind, [_beyond(call, value, whole, kind)])


@function("SIGN")
def sign(call: Call) -> Expression:
    expect_count(call, 1)
    return result(call, call.arguments[0].value.sign(), number_type(call, 0))


def _register_whole(names: tuple[str, ...], build: Callable[[pl.Expr], pl.Expr]) -> None:
    @function(*names)
    def to_whole(call: Call) -> Expression:
        expect_count(call, 1)
        kind = number_type(call, 0)
        value = call.arguments[0].value
        if kind.scale is None or kind.precision is None:
            return result(call, value if kind.is_integer else build(value), kind)
        failures, fitting = _room_for_carry(call, value, kind.scale, 0)
        return result(call, build(fitting), decimal(kind.precision, 0), failures)


_register_whole(("CEIL", "CEILING"), lambda value: value.ceil())
_register_whole(("FLOOR",), lambda value: value.floor())


def _room_for_carry(
    call: Call, value: pl.Expr, scale: int, digits: int
) -> tuple[list[Failure], pl.Expr]:
    """Decimals with room to be rounded up at `digits`; the others refused and NULL.

    polars rounds within the scale, and one value of 38 digits that it cannot carry would stop
    the batch.
    """
    limit = 10**MAX_DECIMAL_PRECISION - 10 ** max(scale - digits, 0)
    full = value.to_physical().abs() >= limit
    message = f"the result has more than {MAX_DECIMAL_PRECISION} digits; CAST to a smaller scale"
    return [refusal(call, full, message, value)], pl.when(~full).then(value)


def _digits(call: Call) -> int | None:
    if len(call.arguments) == 1:
        return 0
    return literal_whole(call, 1, "the number of digits")


@function("ROUND")
def round_half_up(call: Call) -> Expression:
    return _rounded(call, up=True)


@function("TRUNCATE")
def truncate(call: Call) -> Expression:
    return _rounded(call, up=False)


def _rounded(call: Call, up: bool) -> Expression:
    expect_count(call, 1, 2)
    kind, digits = number_type(call, 0), _digits(call)
    value = call.arguments[0].value
    if digits is None:
        return null_result(call, kind)
    if kind.is_integer:
        if digits >= 0:
            return result(call, value, kind)
        whole = _at_unit(value.cast(pl.Int128()), -digits, up)
        fitting = whole.cast(polars_type(kind), strict=False)
        return result(call, fitting, kind, [_beyond(call, value, whole, kind)])
    if kind.scale is not None and kind.precision is not None:
        return _rounded_decimal(call, value, digits, kind.precision, kind.scale, up)
    return result(call, _rounded_double(value, digits, up), kind)


def _at_unit(whole: pl.Expr, power: int, up: bool) -> pl.Expr:
    """An Int128 at a unit of 10^power: half away from zero, or towards zero."""
    if power > MAX_DECIMAL_PRECISION:
        return whole * 0
    unit = pl.lit(10**power, dtype=pl.Int128())
    half = pl.lit(10**power // 2 if up else 0, dtype=pl.Int128())
    rounded = (whole.abs() + half) // unit * unit
    return pl.when(whole < 0).then(0 - rounded).otherwise(rounded)


def _rounded_decimal(
    call: Call, value: pl.Expr, digits: int, precision: int, scale: int, up: bool
) -> Expression:
    if digits >= scale:
        return result(call, value, decimal(precision, scale))
    kept = max(digits, 0)
    kind = decimal(min(MAX_DECIMAL_PRECISION, precision - scale + kept + 1), kept)
    failures, fitting = _room_for_carry(call, value, scale, digits)
    if digits >= 0:
        exact = (
            fitting.round(digits, mode="half_away_from_zero") if up else fitting.truncate(digits)
        )
        return result(call, exact, kind, failures)
    # The digits before the point are rounded in the unscaled integer: rounding twice would be
    # wrong (14.5 to tens is 10, and 15 is 20).
    unscaled = fitting.to_physical()
    power = scale - digits
    if power > MAX_DECIMAL_PRECISION:
        return result(call, fitting * 0, kind, failures)
    rounded = _at_unit(unscaled, power, up) // pl.lit(10**scale, dtype=pl.Int128())
    return result(call, rounded, kind, failures)


def _rounded_double(value: pl.Expr, digits: int, up: bool) -> pl.Expr:
    """A FLOAT or DOUBLE rounded by its shortest decimal digits, as Java does: 1.005 is 1.01."""
    if digits >= _DOUBLE_DIGITS:
        return value
    dtype = pl.Decimal(MAX_DECIMAL_PRECISION, _DOUBLE_DIGITS)
    # Beyond this a double has no fraction, and its digits would not fit.
    small = value.abs() < 1e15
    exact = pl.when(small).then(value).cast(pl.String()).cast(dtype, strict=False)
    if digits >= 0:
        rounded = exact.round(digits, mode="half_away_from_zero") if up else exact.truncate(digits)
        near = rounded.cast(pl.String()).cast(pl.Float64())
        return pl.when(near.is_not_null()).then(near).otherwise(value)
    unscaled = _at_unit(exact.to_physical(), _DOUBLE_DIGITS - digits, up)
    near = (unscaled // pl.lit(10**_DOUBLE_DIGITS, dtype=pl.Int128())).cast(pl.Float64())
    unit = 10.0**-digits
    coarse = (
        (value / unit).round(0, mode="half_away_from_zero") if up else (value / unit).truncate(0)
    )
    return pl.when(near.is_not_null()).then(near).otherwise(coarse * unit)


@function("MOD")
def modulo(call: Call) -> Expression:
    """The remainder with the sign of the dividend; a divisor of 0 is refused."""
    expect_count(call, 2)
    kinds = [number_type(call, index) for index in range(2)]
    for index, kind in enumerate(kinds):
        if kind in (DOUBLE,) or kind.kind.value == "FLOAT":
            message = f"argument {index + 1} is {kind}, expected an integer or a DECIMAL"
            raise call.error(message, index)
    left, right = (argument.value for argument in call.arguments)
    scale = max(kind.scale or 0 for kind in kinds)
    if scale == 0 and all(kind.scale is None for kind in kinds):
        kind = kinds[1] if kinds[1].is_integer else INT
        left, right = left.cast(pl.Int64()), right.cast(pl.Int64())
        # Not by abs(), which the smallest number has not.
        signed = left - whole_quotient(left, right, pl.Int64()) * right
    else:
        whole_digits = min((kind.precision or 19) - (kind.scale or 0) for kind in kinds)
        kind = decimal(min(MAX_DECIMAL_PRECISION, whole_digits + scale), scale)
        dtype = pl.Decimal(MAX_DECIMAL_PRECISION, scale)
        left, right = left.cast(dtype), right.cast(dtype)
        remainder = left.abs() % pl.when(right != 0).then(right).abs()
        signed = pl.when(left < 0).then(-remainder).otherwise(remainder)
    zero = right == 0
    message = "division by zero; guard it with NULLIF or CASE"
    return result(call, signed, kind, [refusal(call, zero, message, left)])
