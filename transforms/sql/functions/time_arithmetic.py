"""TIMESTAMPADD and TIMESTAMPDIFF: whole units of time between dates and times.

The unit is a bare word of the script (`TIMESTAMPADD(DAY, 1, t)`): it is read from the call's node,
and the compiled arguments are those behind it.
"""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from transforms.sql.compile_batches import on_batches
from transforms.sql.errors import did_you_mean
from transforms.sql.expression import Call, Expression
from transforms.sql.functions.arguments import (
    expect_count,
    null_result,
    of_kinds,
    refusal,
    result,
    whole,
)
from transforms.sql.functions.calendar import (
    DAY_MICROS,
    FIRST_SECOND,
    LAST_SECOND,
    SECOND_MICROS,
    days_of,
    month_length,
)
from transforms.sql.functions.registration import function
from transforms.sql.types import (
    BIGINT,
    INT,
    TIMESTAMPS,
    Kind,
    SqlType,
    polars_type,
    timestamp,
    timestamp_ltz,
)

_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_MICROS = {
    "MICROSECOND": 1,
    "MILLISECOND": 1_000,
    "SECOND": SECOND_MICROS,
    "MINUTE": 60 * SECOND_MICROS,
    "HOUR": 3_600 * SECOND_MICROS,
    "DAY": DAY_MICROS,
    "WEEK": 7 * DAY_MICROS,
}
_DIGITS = {"MICROSECOND": 6, "MILLISECOND": 3}


def _unit(call: Call) -> str:
    nodes = call.node.args.get("expressions") or []
    word = nodes[0].name if nodes and isinstance(nodes[0], (exp.Column, exp.Var)) else ""
    unit = word.upper().removeprefix("SQL_TSI_")
    known = [*_MICROS, *_MONTHS]
    if unit in known:
        return unit
    if unit.endswith("S") and unit[:-1] in known:
        return unit[:-1]
    message = f"argument 1 is {word or 'no word'!r}, expected a unit; {did_you_mean(unit, known)}"
    raise call.error(message, 0)


def _operands(call: Call, count: int) -> Call:
    """The call without the unit, whether or not the unit was compiled as an argument."""
    arguments = call.arguments[-count:] if len(call.arguments) > count else call.arguments
    operands = Call(call.name, arguments, call.node, call.session)
    expect_count(operands, count)
    return operands


def _micros(call: Call, index: int) -> pl.Expr:
    """An argument as microseconds since 1970 of its local time."""
    argument = call.arguments[index]
    value = argument.value
    if argument.type.kind is Kind.TIMESTAMP_LTZ:
        value = value.dt.convert_time_zone(call.session.time_zone).dt.replace_time_zone(None)
    return value.cast(pl.Datetime("us")).cast(pl.Int64())


_TIMES = (Kind.DATE, *TIMESTAMPS)
_WANTED = "DATE, TIMESTAMP or TIMESTAMP_LTZ"


@function("TIMESTAMPADD")
def timestamp_add(call: Call) -> Expression:
    unit = _unit(call)
    operands = _operands(call, 2)
    kind = of_kinds(operands, 1, (Kind.TIME, *_TIMES), f"TIME, {_WANTED}")
    if kind.kind is Kind.NULL:
        return null_result(operands, timestamp(3))
    if kind.kind is Kind.TIME:
        return _time_of_day_later(operands, kind, unit)
    result_type = _sum_type(kind, unit)
    count = whole(operands, 0)
    value = operands.arguments[1].value
    utc = kind.kind is Kind.TIMESTAMP_LTZ
    micros = value.cast(pl.Datetime("us", "UTC" if utc else None)).cast(pl.Int64())
    if unit in _MONTHS:
        # 400,000 years of months or microseconds: far beyond the calendar and no overflow.
        count_months = count.clip(-4_800_000, 4_800_000) * _MONTHS[unit]
        total = _months_later(micros, count_months)
    else:
        limit = 2 * (LAST_SECOND - FIRST_SECOND) * SECOND_MICROS // _MICROS[unit]
        total = micros + count.clip(-limit, limit) * _MICROS[unit]
    first, last = FIRST_SECOND * SECOND_MICROS, (LAST_SECOND + 1) * SECOND_MICROS
    outside = (total < first) | (total >= last)
    message = "the time is outside the years 1 to 9999; add less"
    failure = refusal(operands, outside, message, count)
    sum_time = pl.when(~outside).then(total).cast(pl.Datetime("us", "UTC" if utc else None))
    typed = sum_time.dt.date() if result_type.kind is Kind.DATE else sum_time
    return result(operands, typed.cast(polars_type(result_type)), result_type, [failure])


def _time_of_day_later(operands: Call, kind: SqlType, unit: str) -> Expression:
    if unit not in _MICROS:
        message = f"a TIME has no {unit}; add hours, minutes or seconds"
        raise operands.error(message, 0)
    nanos = operands.arguments[1].value.cast(pl.Int64())
    days = DAY_MICROS // _MICROS[unit] or 1
    added = whole(operands, 0) % days * _MICROS[unit] * 1000
    return result(operands, ((nanos + added) % (DAY_MICROS * 1000)).cast(pl.Time()), kind)


def _sum_type(kind: SqlType, unit: str) -> SqlType:
    if kind.kind is Kind.DATE:
        if unit in _MONTHS or unit in ("DAY", "WEEK"):
            return kind
        return timestamp(6)
    digits = max(kind.precision or 0, _DIGITS.get(unit, 0))
    return timestamp(digits) if kind.kind is Kind.TIMESTAMP else timestamp_ltz(digits)


def _civil(micros: pl.Expr) -> tuple[pl.Expr, pl.Expr, pl.Expr, pl.Expr]:
    """Year, month, day, and microseconds of the day."""
    date = micros.cast(pl.Datetime("us"))
    parts = (date.dt.year(), date.dt.month(), date.dt.day())
    year, month, day = (part.cast(pl.Int64()) for part in parts)
    return year, month, day, micros % DAY_MICROS


def _months_later(micros: pl.Expr, months: pl.Expr) -> pl.Expr:
    year, month, day, rest = _civil(micros)
    total = year * 12 + month - 1 + months
    new_year, new_month = total // 12, total % 12 + 1
    # The 31st of a shorter month is its last day.
    new_day = pl.min_horizontal(day, month_length(new_year, new_month))
    return days_of(new_year, new_month, new_day) * DAY_MICROS + rest


@function("TIMESTAMPDIFF")
def timestamp_difference(call: Call) -> Expression:
    """Whole units from the second argument to the third, cut towards zero."""
    unit = _unit(call)
    operands = _operands(call, 2)
    kinds = [of_kinds(operands, index, _TIMES, _WANTED) for index in range(2)]
    # Flink gives INT for all, and lets milliseconds of a month wrap around.
    result_type = BIGINT if unit in _DIGITS else INT
    if Kind.NULL in [kind.kind for kind in kinds]:
        return null_result(operands, result_type)
    start, end = _micros(operands, 0), _micros(operands, 1)
    if unit in _MONTHS:
        difference = _quotient(_month_difference(start, end), _MONTHS[unit])
    else:
        difference = _quotient(end - start, _MICROS[unit])
    outside = difference.abs() > 2**31 - 1 if result_type == INT else pl.lit(False)
    message = "the difference does not fit into INT; take a larger unit"
    failure = refusal(operands, outside, message, difference)
    return result(operands, pl.when(~outside).then(difference), result_type, [failure])


def _quotient(value: pl.Expr, unit: int) -> pl.Expr:
    return pl.when(value < 0).then(0 - (0 - value) // unit).otherwise(value // unit)


def _month_difference(start: pl.Expr, end: pl.Expr) -> pl.Expr:
    return on_batches(_months_between, [start, end], pl.Int64())


def _months_between(frame: pl.DataFrame) -> pl.Series:
    start, end = pl.col("0"), pl.col("1")
    earlier, later = pl.col("earlier"), pl.col("later")
    first_year, first_month, _, _ = _civil(earlier)
    last_year, last_month, _, _ = _civil(later)
    months = (last_year - first_year) * 12 + last_month - first_month
    # The last month counts once its day and time are reached; the 31st of January and a month
    # is the end of February.
    unfinished = _months_later(earlier, pl.col("months")) > later
    whole_months = pl.col("months") - unfinished.cast(pl.Int64())
    signed = pl.when(end < start).then(-whole_months).otherwise(whole_months)
    # The earlier of a time and NULL is the time, for polars.
    known = pl.when(start.is_not_null() & end.is_not_null()).then(signed)
    return (
        frame.with_columns(
            earlier=pl.min_horizontal(start, end), later=pl.max_horizontal(start, end)
        )
        .with_columns(months=months)
        .select(known.alias("months"))
        .to_series()
    )
