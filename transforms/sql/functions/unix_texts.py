"""Seconds since 1970 as texts, as FROM_UNIXTIME writes them."""

from __future__ import annotations

import polars as pl

from transforms.sql.functions.calendar import (
    CYCLE_SECONDS,
    CYCLE_YEARS,
    FIRST_SECOND,
    LAST_SECOND,
    SECOND_MICROS,
)
from transforms.sql.functions.patterns_of_time import STANDARD_TIMESTAMP, read_local
from transforms.sql.functions.time_formats import Part, Style, split_pattern
from transforms.sql.functions.time_writing import written
from transforms.sql.time_text import timestamp_texts

DEFAULT_PATTERN = "yyyy-MM-dd HH:mm:ss"
STANDARD_PARTS = split_pattern(DEFAULT_PATTERN)


def ordinary_local_times(seconds: pl.Series, zone: str) -> pl.Series | None:
    """The seconds as Datetime(us), the clock time of `zone`; None if one is outside of the years
    that FROM_UNIXTIME writes with four digits."""
    least, most = seconds.min(), seconds.max()
    if not (isinstance(least, int) and isinstance(most, int)):
        return None
    if not FIRST_SECOND + 86_400 <= least <= most <= LAST_SECOND - 86_400:
        return None
    if zone == "UTC":
        utc: pl.Series = (seconds * SECOND_MICROS).cast(pl.Datetime("us"))
        return utc
    instants: pl.Series = (seconds * SECOND_MICROS).cast(pl.Datetime("us", "UTC"))
    return instants.dt.convert_time_zone(zone).dt.replace_time_zone(None)


def write_unix_seconds(seconds: pl.Series, parts: tuple[Part, ...], zone: str) -> pl.Series:
    """Any Int64 of seconds as text. polars holds years up to 262,000 only, so those beyond 9999 are
    written as the same day of the 400 year cycle from 1970, with their own year.

    Java counts in milliseconds of 64 bits that wrap around, and so do we. Before 1582 Java would
    give days of the Julian calendar; these are Gregorian.
    """
    local = ordinary_local_times(seconds, zone) if parts == STANDARD_PARTS else None
    if local is not None:
        return timestamp_texts(local)
    frame = seconds.to_frame("seconds").with_columns(
        seconds=(pl.col("seconds") * 1000) // 1000,
    )
    ordinary = pl.col("seconds").is_between(FIRST_SECOND + 86_400, LAST_SECOND - 86_400)
    cycles = pl.when(ordinary).then(0).otherwise(pl.col("seconds") // CYCLE_SECONDS)
    frame = frame.with_columns(cycles=cycles)
    micros = (pl.col("seconds") - pl.col("cycles") * CYCLE_SECONDS) * SECOND_MICROS
    time = micros.cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)
    if frame.get_column("cycles").eq(0).all():
        return frame.select(written(time, parts, Style.LENIENT)).to_series()
    year = time.dt.year().cast(pl.Int64()) + pl.col("cycles") * CYCLE_YEARS
    # Java counts the years before 1 from 1 again: its pattern shows no era.
    year = pl.when(year < 1).then(1 - year).otherwise(year)
    return frame.select(written(time, parts, Style.LENIENT, year)).to_series()


def unix_local_times(seconds: pl.Series, zone: str) -> pl.Series:
    """What TO_TIMESTAMP reads in the texts that FROM_UNIXTIME writes, as Datetime(us)."""
    local = ordinary_local_times(seconds, zone)
    if local is not None:
        return local
    texts = write_unix_seconds(seconds, STANDARD_PARTS, zone)
    times: pl.Series = read_local(texts, STANDARD_TIMESTAMP).cast(pl.Datetime("us"))
    return times
