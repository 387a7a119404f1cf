"""Columns of dates and times as ISO text, for every value that the columns can hold.

polars formats a time through a calendar library that panics beyond the year 262143 and writes
fractions in steps of three digits; here the text comes from tables, which is also faster.
"""

from __future__ import annotations

import datetime
import functools

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

_SECONDS_A_DAY = 86_400

# The days of 1900 to 2099 are looked up: 730 kB that hold almost every date of a real table.
_TABLE_FIRST_DAY = -25_567
_TABLE_DAYS = 73_049

# Four-digit years, 0000-01-01 to 9999-12-31, counted from 1970-01-01: outside of them ISO text
# has a sign and another width.
_FIRST_DAY = -719_528
_LAST_DAY = 2_932_896

# The Gregorian calendar repeats after 400 years.
_CYCLE_YEARS = 400
_CYCLE_DAYS = 146_097

# Arrow's string view holds texts up to this length in the view itself.
_INLINE_BYTES = 12


def date_texts(dates: pl.Series) -> pl.Series:
    """'2026-01-31' of Date values. Years beyond 9999 have a '+', years before 0 a '-'."""
    days = _ticks(dates, "i4").astype(np.int64)
    matrix = _date_table_rows(days).view(np.uint8).reshape(len(days), 10)
    texts = _strings(matrix, np.full(len(days), 10), dates)
    return _with_wide_years(texts, days, dates)


def time_texts(times: pl.Series) -> pl.Series:
    """'23:59:59.123' of Time values: a fraction of 1 to 9 digits, none when it is zero."""
    ticks = _ticks(times, "i8")
    rows = np.empty(len(ticks), np.dtype([("time", "S8"), *_fraction_layout(3)]))
    seconds = ticks // 10**9
    rows["time"] = _time_table()[seconds]
    lengths = 8 + _write_fraction(rows, ticks - seconds * 10**9, 3)
    return _strings(_bytes_of(rows), lengths, times)


def timestamp_texts(timestamps: pl.Series, separator: str = " ", suffix: str = "") -> pl.Series:
    """'2026-01-31 23:59:59.123' of Datetime values, their own clock time without a zone.

    The fraction has 1 to 9 digits, none when it is zero; `suffix` is '' or one character, as 'Z'.
    """
    unit = getattr(timestamps.dtype, "time_unit", "us")
    groups = {"ms": 1, "us": 2, "ns": 3}[unit]
    ticks = _ticks(timestamps, "i8")
    layout = [("date", "S10"), ("separator", "S1"), ("time", "S8"), *_fraction_layout(groups)]
    rows = np.empty(len(ticks), np.dtype([*layout, ("suffix", "S1")]))
    seconds = ticks // 1000**groups
    days = seconds // _SECONDS_A_DAY
    rows["date"] = _date_table_rows(days)
    rows["separator"] = separator.encode()
    rows["time"] = _time_table()[seconds - days * _SECONDS_A_DAY]
    lengths = 19 + _write_fraction(rows, ticks - seconds * 1000**groups, groups)
    matrix = _bytes_of(rows)
    if suffix:
        matrix[np.arange(len(ticks)), lengths] = ord(suffix)
        lengths += 1
    return _with_wide_years(_strings(matrix, lengths, timestamps), days, timestamps)


def _ticks(values: pl.Series, number: str) -> npt.NDArray[np.int64]:
    """The numbers under the values, 0 where there is none.

    Through Arrow: each Series method that polars dispatches to its expression engine would cost
    as much as the text of a thousand rows.
    """
    # Without the name: one with a NUL in it makes polars panic.
    array = values.alias("").to_arrow()
    numbers = array.buffers()[1]
    if numbers is None or len(array) == 0:
        return np.empty(0, number)
    ticks = np.frombuffer(memoryview(numbers), number)[array.offset : array.offset + len(array)]
    # What lies under a NULL is anyone's number.
    return np.where(array.is_valid().to_numpy(False), ticks, 0) if array.null_count else ticks


def _date_table_rows(days: npt.NDArray[np.int64]) -> npt.NDArray[np.bytes_]:
    index = days - _TABLE_FIRST_DAY
    rows = _date_table()[np.clip(index, 0, _TABLE_DAYS - 1)]
    # A far date among the usual ones, such as 9999-12-31, must not slow down the others.
    far = np.flatnonzero((index < 0) | (index >= _TABLE_DAYS))
    if len(far):
        rows[far] = _date_bytes(np.clip(days[far], _FIRST_DAY, _LAST_DAY))
    return rows


def _date_bytes(days: npt.NDArray[np.int64]) -> npt.NDArray[np.bytes_]:
    return np.datetime_as_string(days.astype("datetime64[D]")).astype("S10")


@functools.cache
def _date_table() -> npt.NDArray[np.bytes_]:
    return _date_bytes(np.arange(_TABLE_FIRST_DAY, _TABLE_FIRST_DAY + _TABLE_DAYS))


@functools.cache
def _time_table() -> npt.NDArray[np.bytes_]:
    days = range(_SECONDS_A_DAY)
    return np.array([f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in days], "S8")


@functools.cache
def _thousand_table() -> tuple[npt.NDArray[np.bytes_], npt.NDArray[np.int64]]:
    """'000' to '999', and how many of the three digits stand without trailing zeros."""
    texts = [f"{number:03}" for number in range(1000)]
    kept = [len(text.rstrip("0")) for text in texts]
    return np.array(texts, "S3"), np.array(kept, np.int64)


def _fraction_layout(groups: int) -> list[tuple[str, str]]:
    return [("point", "S1"), *((f"digits{group}", "S3") for group in range(groups))]


def _write_fraction(
    rows: npt.NDArray[np.void], fraction: npt.NDArray[np.int64], groups: int
) -> npt.NDArray[np.int64]:
    """Writes the point and the digits, three a group; the lengths that are left of them."""
    texts, kept = _thousand_table()
    rows["point"] = b"."
    lengths = np.zeros(len(rows), np.int64)
    for group in range(groups):
        unit = 1000 ** (groups - 1 - group)
        number = fraction // unit
        fraction = fraction - number * unit
        rows[f"digits{group}"] = texts[number]
        # A group that is zero leaves the length at what the groups before it need.
        lengths = np.where(number > 0, 1 + 3 * group + kept[number], lengths)
    return lengths


def _bytes_of(rows: npt.NDArray[np.void]) -> npt.NDArray[np.uint8]:
    return rows.view(np.uint8).reshape(len(rows), rows.dtype.itemsize)


def _strings(
    matrix: npt.NDArray[np.uint8], lengths: npt.NDArray[np.int64], like: pl.Series
) -> pl.Series:
    """The first `lengths[i]` bytes of each row as a String column, NULL where `like` is.

    Views point into the matrix as it is, so that rows of different lengths are not copied.
    """
    count, width = matrix.shape
    views = np.zeros((count, 16), np.uint8)
    words = views.view("<i4")
    words[:, 0] = lengths
    is_long = lengths > _INLINE_BYTES
    views[:, 4:8] = matrix[:, :4]
    words[:, 3] = np.arange(0, count * width, width)
    if not is_long.all():
        head = np.zeros((count, _INLINE_BYTES), np.uint8)
        head[:, : min(width, _INLINE_BYTES)] = matrix[:, :_INLINE_BYTES]
        head[np.arange(_INLINE_BYTES) >= lengths[:, None]] = 0
        views[:, 4:] = np.where(is_long[:, None], views[:, 4:], head)
    validity = None
    if like.null_count():
        known = like.alias("").to_arrow().is_valid().to_numpy(False)
        validity = pa.py_buffer(np.packbits(known, bitorder="little").tobytes())
    buffers = [validity, pa.py_buffer(views.tobytes()), pa.py_buffer(matrix.tobytes())]
    return pl.Series(pa.Array.from_buffers(pa.string_view(), count, buffers))


def _with_wide_years(texts: pl.Series, days: npt.NDArray[np.int64], values: pl.Series) -> pl.Series:
    """The texts with the dates put right whose year does not have four digits."""
    wide = np.flatnonzero((days < _FIRST_DAY) | (days > _LAST_DAY))
    if len(wide) == 0:
        return texts
    rest = texts.gather(wide).str.slice(10)
    dates = pl.Series([_wide_date(int(day)) for day in days[wide]], dtype=pl.String)
    return texts.scatter(wide, dates + rest)


def _wide_date(day: int) -> str:
    cycles, rest = divmod(day - _FIRST_DAY, _CYCLE_DAYS)
    # datetime knows no year 0, so the cycle's place is looked up 400 years later.
    date = datetime.date.fromordinal(datetime.date(_CYCLE_YEARS, 1, 1).toordinal() + rest)
    year = date.year + (cycles - 1) * _CYCLE_YEARS
    sign = "-" if year < 0 else "+" if year > 9999 else ""
    return f"{sign}{abs(year):04}-{date.month:02}-{date.day:02}"
