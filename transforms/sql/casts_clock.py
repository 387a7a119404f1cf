"""Dates and times that strings say, in the forms that Flink SQL reads."""

from __future__ import annotations

import calendar
import datetime
import functools
import re

import polars as pl

from transforms.sql.compile_batches import per_distinct_value

_DATE = re.compile(r"(\d{1,4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?(?: .*)?", re.ASCII | re.DOTALL)
_TIME = re.compile(r"(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?)?)?", re.ASCII)
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?: (\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{0,9}))?)?", re.ASCII
)
_USUAL_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_USUAL_TIMESTAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-5][0-9](?:\.[0-9]{1,9})?$"
# polars lets nanoseconds after 2262 wrap around.
_USUAL_NANOSECONDS = _USUAL_TIMESTAMP.replace("[0-9]{4}", "(?:1[7-9]|2[01])[0-9]{2}")
_EPOCH = datetime.date(1970, 1, 1)
_NANOSECONDS = 1_000_000_000


def date_of_text(frame: pl.DataFrame) -> pl.Series:
    """Dates as 2026-1-2, also 2026-01 and 2026, and the day of a timestamp."""
    text = frame.get_column("0").str.strip_chars(" ")
    usual = pl.when(pl.col("t").str.contains(_USUAL_DATE)).then(
        pl.col("t").str.to_date("%Y-%m-%d", strict=False)
    )
    dates = pl.DataFrame({"t": text}).select(usual).to_series()
    if dates.null_count() == text.null_count():
        return dates
    rest = per_distinct_value(text.set(dates.is_not_null(), None), _date, pl.Int32())
    all_dates: pl.Series = dates.zip_with(dates.is_not_null(), rest.cast(pl.Date))
    return all_dates


def _date(text: str) -> int | None:
    found = _DATE.fullmatch(text)
    if not found:
        return None
    year, month, day = (int(part or 1) for part in found.groups())
    try:
        return (datetime.date(year, month, day) - _EPOCH).days
    except ValueError:
        return None


def time_of_text(frame: pl.DataFrame, precision: int) -> pl.Series:
    """Times as 1:2:3.456, also 01:02 and 01; digits beyond `precision` are cut."""
    function = functools.partial(_time, precision=precision)
    text = frame.get_column("0").str.strip_chars(" ")
    times: pl.Series = per_distinct_value(text, function, pl.Int64()).cast(pl.Time)
    return times


def _time(text: str, precision: int) -> int | None:
    found = _TIME.fullmatch(text)
    if not found:
        return None
    hour, minute, second = (int(part or 0) for part in found.groups()[:3])
    if hour > 23 or minute > 59 or second > 59:
        return None
    return _clock(hour, minute, second, found[4], precision)


def _clock(hour: int, minute: int, second: int, fraction: str | None, precision: int) -> int:
    digits = int((fraction or "")[:precision].ljust(9, "0"))
    return (hour * 3600 + minute * 60 + second) * _NANOSECONDS + digits


def timestamp_of_text(frame: pl.DataFrame, precision: int, physical: pl.DataType) -> pl.Series:
    """Timestamps as 2026-1-2 3:4:5.678, also a date alone; digits beyond `precision` are cut.

    As in Flink a day that its month lacks is the month's last day, and 24:00:00 the next day.
    """
    text = frame.get_column("0")
    pattern = _USUAL_TIMESTAMP if physical == pl.Datetime("us") else _USUAL_NANOSECONDS
    usual = pl.when(pl.col("t").str.contains(pattern)).then(
        pl.col("t").str.to_datetime(
            "%Y-%m-%d %H:%M:%S%.f",
            time_unit="us" if physical == pl.Datetime("us") else "ns",
            strict=False,
        )
    )
    stamps = pl.DataFrame({"t": text}).select(usual).to_series()
    digits = 6 if physical == pl.Datetime("us") else 9
    if precision < digits:
        unit = 10 ** (digits - precision)
        stamps = (stamps.to_physical() // unit * unit).cast(physical)
    if stamps.null_count() == text.null_count():
        return stamps
    rest = per_distinct_value(
        text.set(stamps.is_not_null(), None),
        functools.partial(_timestamp, precision=precision, digits=digits),
        pl.Int64(),
    )
    all_stamps: pl.Series = stamps.zip_with(stamps.is_not_null(), rest.cast(physical))
    return all_stamps


def _timestamp(text: str, precision: int, digits: int) -> int | None:
    found = _TIMESTAMP.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    if not (1 <= year and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    midnight = hour == 24 and minute == second == int(found[7] or 0) == 0
    if (hour > 23 and not midnight) or minute > 59 or second > 59:
        return None
    day = min(day, calendar.monthrange(year, month)[1])
    days = (datetime.date(year, month, day) - _EPOCH).days
    nanoseconds = days * 86_400 * _NANOSECONDS + _clock(hour, minute, second, found[7], precision)
    units: int = nanoseconds // 10 ** (9 - digits)
    return units if abs(units) < 2**63 else None
