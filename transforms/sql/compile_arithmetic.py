"""Arithmetic: + - * / % of numbers, dates and intervals, and || of strings."""

from __future__ import annotations

import operator
from collections.abc import Callable

import polars as pl
from sqlglot import exp

from transforms.sql import compile_decimals, types
from transforms.sql.casts import cast
from transforms.sql.compile_batches import is_scalar
from transforms.sql.compile_division import whole_quotient
from transforms.sql.compile_literals import null_of
from transforms.sql.errors import SqlError
from transforms.sql.expression import Expression, Failure, Session
from transforms.sql.type_rules import (
    addition_type,
    common_type,
    division_type,
    is_exact,
    multiplication_type,
    remainder_type,
)
from transforms.sql.types import Kind, SqlType, polars_type

_DECIMAL_RESULTS: dict[str, Callable[[SqlType, SqlType], SqlType]] = {
    "+": addition_type,
    "-": addition_type,
    "*": multiplication_type,
    "/": division_type,
    "%": remainder_type,
}
_OPERATORS: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}
_MICROSECONDS_PER_DAY = 86_400_000_000
_MONTHS_OF_CALENDAR = 12 * 10_000
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31, in days since 1970."""
_LAST_NANOSECOND = 2**63 // 1000 - 1
"""What 64 bits of nanoseconds reach to, in microseconds since 1970."""


def arithmetic(
    sign: str, left: Expression, right: Expression, place: exp.Expr, session: Session
) -> Expression:
    """left `sign` right, for + - * / %.

    Integers wrap around as Java's; a division of integers or decimals by zero is a Failure.
    """
    if left.type.kind is Kind.NULL and right.type.is_number:
        left = cast(left, right.type, place, session=session)
    if right.type.kind is Kind.NULL and left.type.is_number:
        right = cast(right, left.type, place, session=session)
    failures = left.failures + right.failures
    if left.type.is_number and right.type.is_number:
        return _numbers(sign, left, right, place, session)
    found = _intervals(sign, left, right)
    if found is None:
        raise SqlError(_refusal(sign, left.type, right.type), place)
    if found[1].kind in (Kind.DATE, *types.TIMESTAMPS):
        return _within_calendar(found[0], found[1], failures, place)
    return Expression(found[0], found[1], failures)


def _refusal(sign: str, left: SqlType, right: SqlType) -> str:
    message = f"{left} {sign} {right} is not defined"
    if left.is_string or right.is_string:
        message += "; CAST the string to a number, or write || to join strings"
    elif left.kind in (Kind.DATE, *types.TIMESTAMPS) and right.is_number:
        message += "; write + INTERVAL '1' DAY, or TIMESTAMPADD(DAY, 1, ...)"
    elif left.kind in (Kind.DATE, *types.TIMESTAMPS) and left.kind is right.kind:
        message += "; write TIMESTAMPDIFF(SECOND, ..., ...) for the time between them"
    else:
        message += "; expected numbers, or a date or time and an interval"
    return message


def _numbers(
    sign: str, left: Expression, right: Expression, place: exp.Expr, session: Session
) -> Expression:
    failures = left.failures + right.failures
    exact = is_exact(left.type) and is_exact(right.type)
    # A divisor that the script writes is looked at once, here.
    if sign in "/%" and exact and not (right.literal and right.constant):
        by_zero = Failure(right.value == 0, "division by zero", place)
        failures = (*failures, by_zero)
    if sign == "%" and not exact:
        message = f"{left.type} % {right.type} is not defined: % takes integers and decimals"
        raise SqlError(message, place)
    if exact and Kind.DECIMAL in (left.type.kind, right.type.kind):
        result = _DECIMAL_RESULTS[sign](left.type, right.type)
        value = compile_decimals.arithmetic(
            sign, (left.value, left.type), (right.value, right.type), result
        )
        return Expression(value, result, failures)
    common = common_type((left.type, right.type))
    if common is None:
        raise SqlError(_refusal(sign, left.type, right.type), place)
    first = cast(left, common, place, session=session).value
    second = cast(right, common, place, session=session).value
    if sign in _OPERATORS:
        return Expression(_OPERATORS[sign](first, second), common, failures)
    if not exact:
        if is_scalar(second):
            # As a column: polars multiplies by the reciprocal of a constant divisor, which is off
            # by the last digit of some quotients.
            second = pl.when(first.is_not_null()).then(second)
        return Expression(first / second, common, failures)
    quotient = whole_quotient(first, second, polars_type(common))
    if sign == "/":
        return Expression(quotient, common, failures)
    remainder = first - quotient * second
    # Flink types a remainder as its divisor, which is always wide enough for it.
    return Expression(remainder.cast(polars_type(right.type)), right.type, failures)


def negative(operand: Expression, place: exp.Expr) -> Expression:
    """Minus `operand`: a number or an interval; the smallest integer stays itself, as in Java."""
    if operand.type.kind is Kind.NULL:
        return operand
    if operand.type.kind is Kind.DECIMAL:
        zero = pl.lit(0, pl.Int128)
        value = compile_decimals.with_scale(zero - operand.value.to_physical(), operand.type)
    elif operand.type.is_integer:
        value = pl.lit(0, polars_type(operand.type)) - operand.value
    elif operand.type.is_number or operand.type.kind in (Kind.INTERVAL, Kind.INTERVAL_MONTH):
        value = -operand.value
    else:
        message = f"-{operand.type} is not defined: expected a number or an interval"
        raise SqlError(message, place)
    return Expression(value, operand.type, operand.failures)


def _intervals(sign: str, left: Expression, right: Expression) -> tuple[pl.Expr, SqlType] | None:
    """The value and type of an operation with an interval, or None if it is not one."""
    spans = (Kind.INTERVAL, Kind.INTERVAL_MONTH)
    if sign == "*" and left.type.kind in spans and right.type.is_integer:
        return _times(left, right), left.type
    if sign == "*" and right.type.kind in spans and left.type.is_integer:
        return _times(right, left), right.type
    if sign == "+" and left.type.kind in spans and right.type.kind not in spans:
        left, right = right, left
    if sign not in "+-" or right.type.kind not in spans:
        return None
    if left.type.kind in spans:
        if left.type.kind is not right.type.kind:
            return None
        return _OPERATORS[sign](left.value, right.value), left.type
    shift = -right.value if sign == "-" else right.value
    if right.type.kind is Kind.INTERVAL_MONTH:
        if left.type.kind is not Kind.DATE and not left.type.is_timestamp:
            return None
        return _months_later(left, shift), left.type
    if left.type.kind is Kind.DATE:
        a_day = pl.lit(_MICROSECONDS_PER_DAY, pl.Int64)
        days = whole_quotient(shift.to_physical(), a_day, pl.Int64())
        day = left.value.to_physical().cast(pl.Int64) + days
        # Too far away for a DATE either way: kept at the ends of its 32 bits.
        return day.clip(-(2**31), 2**31 - 1).cast(pl.Int32).cast(pl.Date), left.type
    if left.type.is_timestamp:
        return (left.value + shift).cast(polars_type(left.type)), left.type
    if left.type.kind is Kind.TIME:
        nanoseconds = left.value.to_physical() + shift.to_physical() * 1000
        within_a_day = nanoseconds % pl.lit(_MICROSECONDS_PER_DAY * 1000, pl.Int64)
        return within_a_day.cast(pl.Time), left.type
    return None


def _months_later(left: Expression, months: pl.Expr) -> pl.Expr:
    # polars ends the batch at months beyond its calendar: no date is that far away.
    within = months.clip(-_MONTHS_OF_CALENDAR, _MONTHS_OF_CALENDAR)
    # offset_by keeps the day of the month, or takes the month's last day.
    offset = pl.concat_str(within.cast(pl.String), pl.lit("mo"))
    if left.type.kind is Kind.DATE or types.time_unit(left.type) == "us":
        return left.value.dt.offset_by(offset)
    number = left.value.to_physical()
    moved = (number // 1000).cast(pl.Datetime("us")).dt.offset_by(offset).to_physical()
    inside = moved.is_between(-_LAST_NANOSECOND, _LAST_NANOSECOND)
    return pl.when(inside).then(moved * 1000 + number % 1000).cast(polars_type(left.type))


def _within_calendar(
    moved: pl.Expr, sql_type: SqlType, failures: tuple[Failure, ...], place: exp.Expr
) -> Expression:
    """`moved`, failing outside the years 1 to 9999, which neither polars nor sinks can show."""
    if sql_type.kind is Kind.DATE:
        first, last = _FIRST_DAY, _LAST_DAY
    elif types.time_unit(sql_type) == "us":
        first, last = (
            _FIRST_DAY * _MICROSECONDS_PER_DAY,
            (_LAST_DAY + 1) * _MICROSECONDS_PER_DAY - 1,
        )
    else:
        return Expression(moved, sql_type, failures)
    number = moved.to_physical().cast(pl.Int64)
    inside = number.is_between(first, last)
    value = pl.when(inside).then(number).cast(pl.Int32 if sql_type.kind is Kind.DATE else pl.Int64)
    outside = Failure(~inside, "the result is outside the years 0001 to 9999", place)
    return Expression(value.cast(polars_type(sql_type)), sql_type, (*failures, outside))


def _times(span: Expression, factor: Expression) -> pl.Expr:
    physical = polars_type(span.type)
    product = span.value.to_physical().cast(pl.Int64) * factor.value.cast(pl.Int64)
    if span.type.kind is Kind.INTERVAL_MONTH:
        return product.cast(pl.Int32, wrap_numerical=True)
    return product.cast(physical)


def concatenation(left: Expression, right: Expression, place: exp.Expr) -> Expression:
    """left || right of strings, bytes or arrays: NULL if either is NULL."""
    failures = left.failures + right.failures
    common = common_type((left.type, right.type))
    if common is not None and common.kind is Kind.NULL:
        common = types.STRING
    if common is not None and common.is_string:
        value = pl.concat_str(left.value.cast(pl.String), right.value.cast(pl.String))
        return Expression(value, types.STRING, failures)
    if common is not None and common.is_binary:
        if Kind.NULL in (left.type.kind, right.type.kind):
            return null_of(types.BYTES)
        joined = left.value.bin.encode("hex") + right.value.bin.encode("hex")
        return Expression(joined.str.decode("hex"), types.BYTES, failures)
    if common is not None and common.kind is Kind.ARRAY and left.type == right.type:
        return Expression(left.value.list.concat(right.value), common, failures)
    message = (
        f"{left.type} || {right.type} is not defined: || joins two strings, two byte strings "
        "or two arrays of one type; write CAST(... AS STRING)"
    )
    raise SqlError(message, place)
