"""A writer's dates, times of day and timestamps read as DATE, TIME and TIMESTAMP.

Refused are values that no SQL type holds: PostgreSQL's infinities, which Debezium writes as numbers
millions of years away, and times below 0 or from 24:00 on, which MySQL and PostgreSQL know.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa

from transforms.sql.types import Kind, SqlType, polars_type, time_unit
from transforms.sql.writer_types import (
    DEBEZIUM_TIMES,
    DEBEZIUM_TIMESTAMPS,
    Reading,
    semantic_type,
)

_TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY_SECONDS = 86_400

_LAST_YEAR = 262_142
"""polars' calendar ends here, and its functions panic beyond."""
_FIRST_DAY, _LAST_DAY = -96_464_927, 95_026_236
"""The first of January of -_LAST_YEAR and the last of December of _LAST_YEAR, from 1970 on."""
_YEARS = f"of the years -{_LAST_YEAR} to {_LAST_YEAR} ('infinity' is written as one beyond)"


def read_date(field: pa.Field[Any]) -> Reading | None:
    if field.type != pa.date32() and semantic_type(field) != "Date":
        return None
    return Reading(
        lambda column: column.cast(pa.int32()),
        lambda days: pl.when(days.is_between(_FIRST_DAY, _LAST_DAY)).then(days.cast(pl.Date)),
        lambda days: ~days.is_between(_FIRST_DAY, _LAST_DAY),
        f"a date {_YEARS}; declare the column INT for the number of days",
    )


def read_time(field: pa.Field[Any], declared: SqlType) -> Reading | None:
    unit = DEBEZIUM_TIMES.get(semantic_type(field), "")
    if pa.types.is_time(field.type):
        unit = field.type.unit
    if not unit:
        return None
    integers = pa.int32() if field.type in (pa.int32(), pa.time32("ms")) else pa.int64()
    nanoseconds = 1_000_000_000 // _TICKS[unit]
    kept: int = 10 ** (9 - (declared.precision or 0))
    last = _DAY_SECONDS * _TICKS[unit] - 1

    def value(ticks: pl.Expr) -> pl.Expr:
        inside = pl.when(ticks.is_between(0, last)).then(ticks.cast(pl.Int64))
        return (inside * nanoseconds // kept * kept).cast(pl.Time)

    number = "INT" if integers == pa.int32() else "BIGINT"
    return Reading(
        lambda column: column.cast(integers),
        value,
        lambda ticks: ~ticks.is_between(0, last),
        f"a time of day; declare the column {number} for times below 0 or from 24:00 on",
    )


def read_timestamp(field: pa.Field[Any], declared: SqlType) -> Reading | None:
    name = semantic_type(field)
    target = polars_type(declared)
    zoned = declared.kind is Kind.TIMESTAMP_LTZ
    if name == "ZonedTimestamp" and pa.types.is_string(field.type) and zoned:
        return _read_text(declared)
    unit = DEBEZIUM_TIMESTAMPS.get(name, "") if field.type == pa.int64() and not zoned else ""
    if pa.types.is_timestamp(field.type) and (field.type.tz is not None or not zoned):
        unit = field.type.unit
    if not unit:
        return None
    column_unit = time_unit(declared)
    factor = _TICKS[column_unit] // _TICKS[unit] if _TICKS[column_unit] >= _TICKS[unit] else 0
    divisor = _TICKS[unit] // _TICKS[column_unit] if not factor else 1
    first, last, expected = _limits(unit, column_unit)

    def value(ticks: pl.Expr) -> pl.Expr:
        inside = pl.when(ticks.is_between(first, last)).then(ticks)
        scaled = inside * factor if factor else inside // divisor
        return _whole_digits(scaled.cast(pl.Datetime(column_unit)), declared).cast(target)

    return Reading(
        lambda column: column.cast(pa.int64()),
        value,
        lambda ticks: ~ticks.is_between(first, last),
        expected,
    )


def _limits(unit: str, column_unit: str) -> tuple[int, int, str]:
    """First and last number of `unit` that the column holds, and what that is for a message."""
    if column_unit == "ns":
        last = (2**63 - 1) * _TICKS[unit] // _TICKS["ns"]
        return -last, last, "a time of the years 1678 to 2261; declare the column TIMESTAMP(6)"
    first = max(_FIRST_DAY * _DAY_SECONDS * _TICKS[unit], -(2**63))
    last = min((_LAST_DAY + 1) * _DAY_SECONDS * _TICKS[unit], 2**63) - 1
    return first, last, f"a time {_YEARS}; declare the column BIGINT for the number"


def _read_text(declared: SqlType) -> Reading:
    limit = "1678 to 2261" if time_unit(declared) == "ns" else f"-{_LAST_YEAR} to {_LAST_YEAR}"
    target = polars_type(declared)
    return Reading(
        lambda column: column,
        lambda value: _whole_digits(_parsed(value, declared), declared).cast(target),
        lambda value: _parsed(value, declared).is_null() & value.is_not_null(),
        f"a time in ISO 8601 with its zone, of the years {limit}; declare the column STRING",
    )


def _parsed(value: pl.Expr, declared: SqlType) -> pl.Expr:
    # %+ is ISO 8601 with any zone offset, 'Z' and signed years included.
    time = value.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    if time_unit(declared) == "us":
        return time
    # Years that nanoseconds do not hold would come out of polars as some other year.
    first, last, _ = _limits("us", "ns")
    fine = value.str.to_datetime("%+", time_unit="ns", time_zone="UTC", strict=False)
    return pl.when(time.to_physical().is_between(first, last)).then(fine)


def _whole_digits(value: pl.Expr, declared: SqlType) -> pl.Expr:
    """Fractional digits beyond the declared precision cut off, towards the past as Flink does."""
    precision = declared.precision or 0
    step: int = 10 ** ((6 if precision <= 6 else 9) - precision)
    if step == 1:
        return value
    ticks = value.to_physical()
    return (ticks - ticks % step).cast(pl.Datetime(time_unit(declared)))
