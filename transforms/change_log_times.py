"""Dates and times of change events as ISO text, from the numbers that connectors write.

What no calendar holds comes as PostgreSQL says it (`infinity`), a time beyond a day as MySQL does
(`-838:59:59`), and a year beyond four digits with a sign.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from transforms.sql.time_text import date_texts, time_texts, timestamp_texts

_DAY_SECONDS = 86_400
_TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_UNITS: dict[str, Literal["ms", "us", "ns"]] = {"ms": "ms", "us": "us", "ns": "ns"}

DATE_INFINITIES = {
    # What the connector writes of 'infinity' and '-infinity', in a snapshot and when it streams:
    # a conversion that runs over. All are days before the first one that PostgreSQL knows.
    -622_191_234: "infinity",
    -625_821_272: "-infinity",
    -2_147_472_692: "infinity",
    -2_147_472_691: "-infinity",
}
_FIRST_REAL_DAY = -2_500_000
"""Before 4714 BC, where PostgreSQL's and MySQL's calendars begin."""

INFINITE_MILLISECONDS = {9_223_372_036_825_200: "infinity", -9_223_372_036_832_400: "-infinity"}
"""The driver's numbers for PostgreSQL's infinite timestamps; microseconds are 1000 times these."""
ISO_INFINITIES = {
    # The same numbers, as the connector prints them by time.precision.mode=isostring.
    "+292278994-08-16": "infinity",
    "+292269055-12-02": "-infinity",
    "-5877611-06-21": "infinity",
    "-5877611-06-22": "-infinity",
    "+294247-01-10T04:00:25.2": "infinity",
    "-290308-12-21T19:59:27.6": "-infinity",
}
_FINITE_MILLISECONDS = 9_223_372_036_000_000

_STEP = math.gcd(2**64, 1_000)
_TURNS = 1_000 // _STEP
_INVERSE = pow(2**64 // _STEP, -1, _TURNS)
"""Nanoseconds of 64 bits that ran over n times are off by n * 2^64: n modulo _TURNS follows from
the nanoseconds that are left over of a whole number of microseconds, a multiple of _STEP."""

_ZERO_TAIL = r"(\.[0-9]*?)0+(Z?)$"


def day_texts(days: pl.Series) -> pl.Series:
    """'2026-01-31' of days since 1970-01-01 (Int32)."""
    texts = date_texts(days.cast(pl.Date))
    lowest = days.min()
    if isinstance(lowest, int) and lowest < _FIRST_REAL_DAY:
        texts = _replaced(texts, days, DATE_INFINITIES)
    return texts


def clock_texts(ticks: pl.Series, unit: str) -> pl.Series:
    """'23:59:59.5' of a number of `unit` (ms, us, ns) since midnight, with a sign below it and
    more than 24 hours beyond."""
    day = _DAY_SECONDS * _TICKS[unit]
    outside = ((ticks < 0) | (ticks >= day)).fill_null(False)
    if not outside.any():
        nanoseconds = ticks.cast(pl.Int64) * (1_000_000_000 // _TICKS[unit])
        return time_texts(nanoseconds.cast(pl.Time))
    inside = ticks.zip_with(~outside, pl.Series([None], dtype=ticks.dtype))
    texts = clock_texts(inside, unit)
    found = outside.arg_true()
    # A loop is right here: MySQL's TIME is a time of day almost always.
    durations = [_duration_text(int(number), _TICKS[unit]) for number in ticks.gather(found)]
    return texts.scatter(found, durations)


def moment_texts(ticks: pl.Series, unit: str, zone: str = "") -> pl.Series:
    """'2026-01-31T23:59:59.5' of a number of `unit` since 1970; `zone` is '' or 'Z'."""
    ticks = ticks.cast(pl.Int64)
    texts = timestamp_texts(ticks.cast(pl.Datetime(_unit(unit))), "T", zone)
    if unit == "ns":
        return _turned_back(texts, ticks, zone)
    factor = _TICKS[unit] // _TICKS["ms"]
    lowest, highest = ticks.min(), ticks.max()
    limit = _FINITE_MILLISECONDS * factor
    if (
        isinstance(lowest, int)
        and isinstance(highest, int)
        and (lowest < -limit or highest > limit)
    ):
        infinite = {number * factor: text for number, text in INFINITE_MILLISECONDS.items()}
        texts = _replaced(texts, ticks, infinite)
    return texts


def iso_texts(texts: pl.Series) -> pl.Series:
    """ISO texts of dates and times without a zone, in the forms of the other functions."""
    # They say the session's clock, which has no zone, as if it were UTC.
    texts = without_zeros(texts.str.strip_suffix("Z"))
    signed = (texts.str.starts_with("+") | texts.str.starts_with("-")).fill_null(False)
    if not signed.any():
        return texts
    named: pl.Series = texts.replace(ISO_INFINITIES)
    return named


def zoned_texts(texts: pl.Series) -> pl.Series:
    """ISO texts with a zone (timestamps, or times of day), in UTC and without zeros at the end of
    the fraction; what is no such text stays as it is."""
    texts = without_zeros(texts)
    is_utc = texts.str.ends_with("Z")
    if is_utc.all():
        return texts
    # An offset in place of Z: other versions of the connector, and 'infinity', which has neither.
    parsed = texts.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    moved = (~is_utc & parsed.is_not_null()).fill_null(False)
    zoned: pl.Series = moment_texts(parsed.to_physical(), "us", "Z").zip_with(moved, texts)
    return zoned


def without_zeros(texts: pl.Series) -> pl.Series:
    """The texts with their fraction of seconds cut to its digits that say something."""
    # Texts are looked for first, since a regular expression costs several times as much.
    padded: pl.Series = texts.str.contains(".", literal=True) & (
        texts.str.ends_with("0Z") | texts.str.ends_with("0")
    )
    found = padded.fill_null(False).arg_true()
    if not len(found):
        return texts
    cut = texts.gather(found).str.replace(_ZERO_TAIL, "${1}${2}").str.replace(r"\.(Z?)$", "${1}")
    return texts.scatter(found, cut)


def _duration_text(number: int, ticks: int) -> str:
    sign, rest = ("-", -number) if number < 0 else ("", number)
    seconds, fraction = divmod(rest, ticks)
    text = f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    digits = f"{fraction:0{len(str(ticks)) - 1}d}".rstrip("0")
    return f"{text}.{digits}" if digits else text


def _turned_back(texts: pl.Series, nanoseconds: pl.Series, zone: str) -> pl.Series:
    """The texts, those of times before 1677 and after 2262 as they were before their nanoseconds
    ran over 64 bits.

    The databases have whole microseconds, and 2^64 is no multiple of 1000: what is left over tells
    how often a number ran over, up to 62 times, some 36,000 years.
    """
    numbers: npt.NDArray[np.int64] = nanoseconds.fill_null(0).to_numpy()
    left = numbers % 1_000
    found = np.flatnonzero((left != 0) & (left % _STEP == 0))
    if not len(found):
        return texts
    left = left[found]
    turns = (-(left // _STEP) * _INVERSE) % _TURNS
    turns = np.where(turns > _TURNS // 2, turns - _TURNS, turns)
    whole, rest = divmod(2**64, 1_000)
    microseconds = numbers[found] // 1_000 + turns * whole + (left + turns * rest) // 1_000
    return texts.scatter(found, moment_texts(pl.Series(microseconds), "us", zone))


def _unit(unit: str) -> Literal["ms", "us", "ns"]:
    return _UNITS[unit]


def _replaced(texts: pl.Series, numbers: pl.Series, by_number: dict[int, str]) -> pl.Series:
    values: npt.NDArray[np.int64] = numbers.fill_null(0).cast(pl.Int64).to_numpy()
    for number, text in by_number.items():
        found = np.flatnonzero(values == number)
        if len(found):
            texts = texts.scatter(found, text)
    return texts
