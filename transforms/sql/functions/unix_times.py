"""Functions between numbers since 1970 and times."""

from __future__ import annotations

import dataclasses

import polars as pl

from transforms.sql.expression import NOW, Call, Expression
from transforms.sql.functions.arguments import (
    expect_count,
    literal_whole,
    null_result,
    number_type,
    result,
    text,
    whole,
)
from transforms.sql.functions.calendar import (
    FIRST_SECOND,
    LAST_SECOND,
    SECOND_MICROS,
)
from transforms.sql.functions.patterns_of_time import literal_parts, read_instant, written_parts
from transforms.sql.functions.registration import function
from transforms.sql.functions.time_formats import Style
from transforms.sql.functions.time_texts import to_timestamp_ltz_of_text
from transforms.sql.functions.unix_texts import (
    DEFAULT_PATTERN,
    STANDARD_PARTS,
    write_unix_seconds,
)
from transforms.sql.types import BIGINT, STRING, timestamp_ltz

NOT_A_TIME = -(2**63)
"""What UNIX_TIMESTAMP gives for a text that is no time, as Flink documents it."""


@function("UNIX_TIMESTAMP")
def unix_timestamp(call: Call) -> Expression:
    expect_count(call, 0, 2)
    if not call.arguments:
        return result(call, pl.col(NOW).dt.epoch("s"), BIGINT)
    parts = literal_parts(call, 1, DEFAULT_PATTERN)
    value = text(call, 0)
    if parts is None:
        return null_result(call, BIGINT)
    instant = read_instant(call, value, parts, Style.LENIENT, call.session.time_zone)
    # Java cuts the milliseconds off towards zero.
    micros = instant.cast(pl.Int64())
    seconds = (
        pl.when(micros < 0).then(-(-micros // SECOND_MICROS)).otherwise(micros // SECOND_MICROS)
    )
    found = pl.when(seconds.is_null()).then(pl.lit(NOT_A_TIME, pl.Int64())).otherwise(seconds)
    return result(call, pl.when(value.is_not_null()).then(found), BIGINT)


@function("FROM_UNIXTIME")
def from_unixtime(call: Call) -> Expression:
    expect_count(call, 1, 2)
    parts = written_parts(call, 1, DEFAULT_PATTERN, zoned=True)
    seconds = whole(call, 0)
    if parts is None:
        return null_result(call, STRING)
    zone = call.session.time_zone

    def of_batch(batch: pl.Series) -> pl.Series:
        return write_unix_seconds(batch, parts, zone)

    texts = seconds.map_batches(of_batch, return_dtype=pl.String(), is_elementwise=True)
    found = result(call, texts, STRING)
    return dataclasses.replace(found, unix_seconds=seconds) if parts == STANDARD_PARTS else found


@function("TO_TIMESTAMP_LTZ")
def to_timestamp_ltz(call: Call) -> Expression:
    """TIMESTAMP_LTZ of a number since 1970, NULL outside the years 1 to 9999; or of a text."""
    expect_count(call, 1, 3)
    if call.arguments[0].type.is_string:
        return to_timestamp_ltz_of_text(call)
    expect_count(call, 1, 2)
    kind = number_type(call, 0)
    precision = literal_whole(call, 1, "the precision") if len(call.arguments) == 2 else 3
    if precision is None:
        return null_result(call, timestamp_ltz(3))
    if precision not in (0, 3, 6, 9):
        message = (
            f"the precision is {precision}, expected 0 (seconds), 3 (milliseconds), "
            "6 (microseconds) or 9 (nanoseconds)"
        )
        raise call.error(message, 1)
    value = call.arguments[0].value
    # A DOUBLE keeps its fraction of a unit to the millisecond; a DECIMAL is cut to whole units.
    if kind.is_integer:
        units = value.cast(pl.Int128())
    elif kind.scale is not None:
        units = value.truncate(0).cast(pl.Int128())
    else:
        small = pl.when(value.abs() < 1e18).then(value.cast(pl.Float64()))
        units = (small * 1000 if precision == 0 else small).cast(pl.Int128())
        precision = precision or 3
    micros = units * 10 ** (6 - precision) if precision <= 6 else units // 1000
    inside = micros.is_between(FIRST_SECOND * SECOND_MICROS, (LAST_SECOND + 1) * SECOND_MICROS - 1)
    instant = pl.when(inside).then(micros).cast(pl.Int64()).cast(pl.Datetime("us", "UTC"))
    return result(call, instant, timestamp_ltz(max(3, min(precision, 6))))
