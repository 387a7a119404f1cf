"""Functions between texts and times."""

from __future__ import annotations

import re
import zoneinfo

import polars as pl

from transforms.sql.expression import Call, Expression
from transforms.sql.functions.arguments import (
    expect_count,
    literal_text,
    null_result,
    of_kinds,
    refusal,
    result,
    text,
)
from transforms.sql.functions.calendar import (
    FIRST_SECOND,
    LAST_SECOND,
    SECOND_MICROS,
    instant_of,
    local_of,
)
from transforms.sql.functions.patterns_of_time import (
    STANDARD_TIMESTAMP,
    literal_parts,
    local_times,
    read_instant,
    reader_of,
    written_parts,
)
from transforms.sql.functions.registration import function
from transforms.sql.functions.time_formats import Part, Style, split_pattern
from transforms.sql.functions.time_reading import Reader
from transforms.sql.functions.time_writing import written
from transforms.sql.functions.unix_texts import unix_local_times
from transforms.sql.functions.usual_times import usual_pattern
from transforms.sql.types import DATE, STRING, STRINGS, TIMESTAMPS, Kind, timestamp, timestamp_ltz

STANDARD_PATTERN = "yyyy-MM-dd HH:mm:ss"
MILLISECOND = 1000

# TO_DATE without a pattern: month and day may be missing, a time of day is not looked at.
STANDARD_DATE = Reader(
    r"^ *(?P<g0>[0-9]{1,4})(?: *- *(?P<g1>[0-9]{1,2})(?: *- *(?P<g2>[0-9]{1,2}))?)?(?: .*)?$",
    tuple(Part(letter, 1) for letter in "yMd"),
    Style.EXACT,
    usual=usual_pattern(split_pattern("yyyy-MM-dd")),
    optional=2,
)


@function("TO_TIMESTAMP")
def to_timestamp(call: Call) -> Expression:
    """TIMESTAMP(3) of a text; NULL where the text is no time."""
    expect_count(call, 1, 2)
    value = text(call, 0)
    seconds = call.arguments[0].unix_seconds
    if seconds is not None and len(call.arguments) == 1:
        zone = call.session.time_zone
        # Writing the text and reading it again would cost more than all else of a usual job.
        times = seconds.map_batches(
            lambda batch: unix_local_times(batch, zone),
            return_dtype=pl.Datetime("us"),
            is_elementwise=True,
        )
        return result(call, times, timestamp(3))
    readers = [STANDARD_TIMESTAMP]
    if len(call.arguments) == 2:
        parts = literal_parts(call, 1, STANDARD_PATTERN)
        if parts is None:
            return null_result(call, timestamp(3))
        # Flink tries its default where the pattern finds nothing.
        readers.insert(0, reader_of(call, parts, Style.SMART))
    return result(call, local_times(value, *readers, unit=MILLISECOND), timestamp(3))


def to_timestamp_ltz_of_text(call: Call) -> Expression:
    """TIMESTAMP_LTZ(3) of a text in UTC, or in the zone that is the third argument."""
    value = text(call, 0)
    readers = [STANDARD_TIMESTAMP]
    if len(call.arguments) > 1:
        parts = literal_parts(call, 1, STANDARD_PATTERN)
        if parts is None:
            return null_result(call, timestamp_ltz(3))
        readers.insert(0, reader_of(call, parts, Style.SMART))
    zone: str | None = "UTC"
    if len(call.arguments) > 2:
        zone = zone_argument(call, 2)
    if zone is None:
        return null_result(call, timestamp_ltz(3))
    local = local_times(value, *readers, unit=MILLISECOND)
    failures = []
    if len(call.arguments) == 1:
        # As in Flink: NULL is for a text that does not fit a pattern of the script's own.
        message = "the text is no time of the form 'yyyy-MM-dd HH:mm:ss'; give the pattern"
        failures = [refusal(call, value.is_not_null() & local.is_null(), message, value)]
    return result(call, instant_of(local, zone), timestamp_ltz(3), failures)


@function("TO_DATE")
def to_date(call: Call) -> Expression:
    """DATE of a text; NULL where the text is no date."""
    expect_count(call, 1, 2)
    read = STANDARD_DATE
    if len(call.arguments) == 2:
        parts = literal_parts(call, 1, "yyyy-MM-dd")
        if parts is None:
            return null_result(call, DATE)
        read = reader_of(call, parts, Style.LENIENT)
    value = text(call, 0)

    def of_batch(texts: pl.Series) -> pl.Series:
        seconds = read.read(texts).get_column("seconds")
        inside = seconds.is_between(FIRST_SECOND, LAST_SECOND)
        days = pl.when(inside).then(seconds // 86_400).cast(pl.Int32()).cast(pl.Date())
        return pl.select(days).to_series()

    dates = value.map_batches(of_batch, return_dtype=pl.Date(), is_elementwise=True)
    return result(call, dates, DATE)


@function("DATE_FORMAT")
def date_format(call: Call) -> Expression:
    expect_count(call, 2)
    kinds = (*TIMESTAMPS, Kind.DATE, *STRINGS)
    kind = of_kinds(call, 0, kinds, "TIMESTAMP, TIMESTAMP_LTZ, DATE or STRING")
    parts = written_parts(call, 1, STANDARD_PATTERN, zoned=kind.kind is Kind.TIMESTAMP_LTZ)
    if parts is None or kind.kind is Kind.NULL:
        return null_result(call, STRING)
    value = call.arguments[0].value
    if kind.is_string:
        # Flink reads and writes with SimpleDateFormat here, in UTC.
        standard = split_pattern(STANDARD_PATTERN)
        instant = read_instant(call, value, standard, Style.LENIENT, "UTC")
        inside = _within_calendar(instant)
        return result(call, written(inside, parts, Style.LENIENT), STRING)
    if kind.kind is Kind.TIMESTAMP_LTZ:
        value = value.dt.convert_time_zone(call.session.time_zone)
    if kind.kind is Kind.DATE:
        value = value.cast(pl.Datetime("us"))
    return result(call, written(value, parts, Style.SMART), STRING)


def _within_calendar(instant: pl.Expr) -> pl.Expr:
    """Instants of the years 1 to 9999, the others NULL."""
    micros = instant.cast(pl.Int64())
    first, last = FIRST_SECOND * SECOND_MICROS, (LAST_SECOND + 1) * SECOND_MICROS
    return pl.when((micros >= first) & (micros < last)).then(instant)


# Java's short names of zones that the IANA data base lacks or means otherwise.
_JAVA_ZONES = {
    "ACT": "Australia/Darwin",
    "AET": "Australia/Sydney",
    "AST": "America/Anchorage",
    "BST": "Asia/Dhaka",
    "CST": "America/Chicago",
    "CTT": "Asia/Shanghai",
    "ECT": "Europe/Paris",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "PST": "America/Los_Angeles",
    "VST": "Asia/Ho_Chi_Minh",
    "Z": "UTC",
}


def zone_argument(call: Call, index: int) -> str | None:
    """The IANA name of the time zone at `index`, None for NULL; SqlError for what is no zone."""
    name = literal_text(call, index, "the time zone")
    if name is None:
        return None
    name = _JAVA_ZONES.get(name, name)
    if name in zoneinfo.available_timezones():
        return name
    offset = _fixed_offset(name)
    if offset is None:
        message = (
            f"unknown time zone {name!r}; write a name such as 'Europe/Berlin', or 'GMT+02:00'"
        )
        raise call.error(message, index)
    return offset


def _fixed_offset(name: str) -> str | None:
    match = re.fullmatch(r"(?:GMT|UTC)([+-])(\d{1,2})(?::?00)?", name)
    if match is None:
        return None
    hours = int(match.group(1) + match.group(2))
    # The data base has whole hours only, with the sign turned around.
    return f"Etc/GMT{-hours:+d}" if -12 <= hours <= 14 else None


@function("CONVERT_TZ")
def convert_tz(call: Call) -> Expression:
    expect_count(call, 3)
    value, source, target = text(call, 0), zone_argument(call, 1), zone_argument(call, 2)
    if source is None or target is None:
        return null_result(call, STRING)
    parts = split_pattern(STANDARD_PATTERN)
    instant = _within_calendar(read_instant(call, value, parts, Style.LENIENT, source))
    local = local_of(instant, target)
    return result(call, written(local, parts, Style.LENIENT), STRING)
