"""The calendar in columns of integers: days and microseconds since 1970-01-01, any year."""

from __future__ import annotations

from typing import Literal

import polars as pl

DAY_SECONDS = 86_400
SECOND_MICROS = 1_000_000
DAY_MICROS = DAY_SECONDS * SECOND_MICROS
CYCLE_YEARS = 400
CYCLE_SECONDS = 146_097 * DAY_SECONDS
"""The Gregorian calendar repeats after 400 years, to the day of the week."""

FIRST_SECOND = -62_135_596_800
"""0001-01-01 00:00:00 UTC: the first second of a TIMESTAMP."""
LAST_SECOND = 253_402_300_799
"""9999-12-31 23:59:59 UTC: the last second of a TIMESTAMP."""


def days_of(year: pl.Expr, month: pl.Expr, day: pl.Expr) -> pl.Expr:
    """Days since 1970-01-01 of a date; month and day may overflow (month 13 is next January)."""
    # Years are counted from March, so that the leap day is a year's last.
    months = year * 12 + month - 3
    march_year = months // 12
    march_month = months - march_year * 12
    era = march_year // CYCLE_YEARS
    year_of_era = march_year - era * CYCLE_YEARS
    day_of_year = (153 * march_month + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - 719_468


def month_length(year: pl.Expr, month: pl.Expr) -> pl.Expr:
    """The days of a month, 28 to 31."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    february = pl.when(leap).then(29).otherwise(28)
    short = month.is_in([4, 6, 9, 11])
    return pl.when(month == 2).then(february).when(short).then(30).otherwise(31)


def instant_of(local: pl.Expr, zone: str, later: bool = False) -> pl.Expr:
    """The instant (Datetime us UTC) of a local time in `zone`.

    A time that the clock skipped is taken as far behind the gap as it stands in it; of a time
    that came twice the first is taken, or the second if `later`.
    """
    ambiguous: Literal["earliest", "latest"] = "latest" if later else "earliest"
    plain = local.dt.replace_time_zone(zone, ambiguous=ambiguous, non_existent="null")
    before = (local - pl.duration(days=1)).dt.replace_time_zone(
        zone, ambiguous="earliest", non_existent="null"
    )
    shifted = before.dt.convert_time_zone("UTC") + pl.duration(days=1)
    return pl.coalesce(plain.dt.convert_time_zone("UTC"), shifted)


def local_of(instant: pl.Expr, zone: str) -> pl.Expr:
    """The local time (Datetime us without zone) that clocks in `zone` show at an instant."""
    return instant.dt.convert_time_zone(zone).dt.replace_time_zone(None)
