"""Conversions between dates, times and timestamps."""

from __future__ import annotations

import polars as pl

from transforms.sql.casts_rules import Conversion
from transforms.sql.expression import Session
from transforms.sql.types import Kind, SqlType, polars_type

# Longer than any change of a zone's offset, so that this much earlier the offset is the one
# before the change.
_BEFORE_THE_CHANGE = "25h"
# In microseconds: 64 bits of nanoseconds reach from 1677 to 2262.
_LAST_NANOSECOND = 2**63 // 1000 - 1


def converted_time(
    value: pl.Expr, source: SqlType, target: SqlType, session: Session
) -> Conversion:
    """A DATE, TIME, TIMESTAMP or TIMESTAMP_LTZ as another of them.

    Digits that the target lacks are cut, towards the past. A TIME becomes a time of 1970-01-01.
    Nanoseconds end in the year 2262: later times fail where the target has more than 6 digits.
    """
    widened = source.is_timestamp and _digits(source) == 6
    if target.is_timestamp and _digits(target) == 9 and (widened or source.kind is Kind.DATE):
        microseconds = SqlType(target.kind, precision=6)
        number = _moved(value, source, microseconds, session).to_physical()
        fits = number.is_between(-_LAST_NANOSECOND, _LAST_NANOSECOND)
        nanoseconds = pl.when(fits).then(number * 1000).cast(polars_type(target))
        return Conversion(nanoseconds, ~fits)
    return Conversion(_moved(value, source, target, session))


def _moved(value: pl.Expr, source: SqlType, target: SqlType, session: Session) -> pl.Expr:
    physical = polars_type(target)
    if source.kind is target.kind:
        if source.kind is Kind.TIME:
            return _cut(value, 9, target, source)
        return _cut_timestamp(value, source, target)
    local = to_local(value, session) if source.kind is Kind.TIMESTAMP_LTZ else value
    if target.kind is Kind.DATE:
        return local.dt.date()
    if target.kind is Kind.TIME:
        return _cut(local.dt.time(), 9, target, source)
    if source.kind is Kind.TIME:
        moment = value.to_physical().cast(pl.Datetime("ns")).cast(_local(target))
    elif source.kind is Kind.DATE:
        moment = value.cast(_local(target))
    else:
        moment = _cut_timestamp(local, source, target)
    if target.kind is Kind.TIMESTAMP_LTZ:
        moment = to_instant(moment, session)
    return moment.cast(physical)


def to_local(instant: pl.Expr, session: Session) -> pl.Expr:
    """The wall clock time of an instant in the session's time zone."""
    return instant.dt.convert_time_zone(session.time_zone).dt.replace_time_zone(None)


def to_instant(local: pl.Expr, session: Session) -> pl.Expr:
    """The instant of a wall clock time: where clocks go back its first one; where they skip it,
    the instant by the offset from before."""
    if session.time_zone == "UTC":
        return local.dt.replace_time_zone("UTC")
    return pl.coalesce(
        _instant(local, session),
        _instant(local.dt.offset_by(f"-{_BEFORE_THE_CHANGE}"), session).dt.offset_by(
            _BEFORE_THE_CHANGE
        ),
    )


def _instant(local: pl.Expr, session: Session) -> pl.Expr:
    return local.dt.replace_time_zone(
        session.time_zone, ambiguous="earliest", non_existent="null"
    ).dt.convert_time_zone("UTC")


def _local(target: SqlType) -> pl.Datetime:
    return pl.Datetime("us" if (target.precision or 0) <= 6 else "ns")


def _digits(sql_type: SqlType) -> int:
    return 6 if (sql_type.precision or 0) <= 6 else 9


def _cut_timestamp(value: pl.Expr, source: SqlType, target: SqlType) -> pl.Expr:
    """A timestamp of the source's kind with the target's digits and unit."""
    zone = "UTC" if target.kind is source.kind is Kind.TIMESTAMP_LTZ else None
    have, want = _digits(source), _digits(target)
    cut = _cut(value, have, target, source)
    if have == want:
        return cut
    number = cut.to_physical()
    # Floor, as polars' cast of nanoseconds before 1970 goes towards zero.
    number = number // 1000 if have > want else number * 1000
    return number.cast(pl.Datetime("us" if want == 6 else "ns", zone))


def _cut(value: pl.Expr, digits: int, target: SqlType, source: SqlType) -> pl.Expr:
    precision = target.precision or 0
    if precision >= digits or (source.kind is target.kind and (source.precision or 0) <= precision):
        return value
    unit = pl.lit(10 ** (digits - precision), pl.Int64)
    if target.kind is Kind.TIME:
        physical: pl.DataType = pl.Time()
    else:
        zone = "UTC" if target.kind is source.kind is Kind.TIMESTAMP_LTZ else None
        physical = pl.Datetime("us" if digits == 6 else "ns", zone)
    return (value.to_physical() // unit * unit).cast(physical)
