"""The pattern arguments of calls, and columns read and written by them."""

from __future__ import annotations

import polars as pl

from transforms.sql.expression import Call
from transforms.sql.functions.arguments import literal_text
from transforms.sql.functions.calendar import SECOND_MICROS, instant_of
from transforms.sql.functions.time_formats import Part, PatternError, Style, split_pattern
from transforms.sql.functions.time_reading import Reader, reader
from transforms.sql.functions.time_writing import check_writable
from transforms.sql.functions.usual_times import usual_pattern


def literal_parts(call: Call, index: int, default: str) -> tuple[Part, ...] | None:
    """The parts of the pattern at `index`, of `default` without one; None for NULL; SqlError for
    what is no pattern."""
    pattern: str | None = default
    if index < len(call.arguments):
        pattern = literal_text(call, index, "the pattern")
    if pattern is None:
        return None
    try:
        return split_pattern(pattern)
    except PatternError as error:
        raise call.error(str(error), index) from error


def written_parts(call: Call, index: int, default: str, zoned: bool) -> tuple[Part, ...] | None:
    """As `literal_parts`, for writing: SqlError where a zone is to be shown that is not there."""
    parts = literal_parts(call, index, default)
    if parts is None:
        return None
    try:
        check_writable(parts, zoned)
    except PatternError as error:
        raise call.error(str(error), index) from error
    return parts


def reader_of(call: Call, parts: tuple[Part, ...], style: Style, index: int = 1) -> Reader:
    """The reader of a pattern; SqlError for a field that cannot be read."""
    try:
        return reader(parts, style)
    except PatternError as error:
        raise call.error(str(error), index) from error


# Flink's default: one or two digits, and the time of the day may be missing.
STANDARD_TIMESTAMP = Reader(
    r"^(?P<g0>[0-9]{4})-(?P<g1>[0-9]{1,2})-(?P<g2>[0-9]{1,2})"
    r"(?: (?P<g3>[0-9]{1,2}):(?P<g4>[0-9]{1,2}):(?P<g5>[0-9]{1,2})(?:\.(?P<g6>[0-9]{0,9}))?)?$",
    tuple(Part(letter, 1) for letter in "yMdHmsS"),
    Style.SMART,
    usual=usual_pattern(split_pattern("yyyy-MM-dd HH:mm:ss")),
    optional=4,
)


def read_local(texts: pl.Series, *readers: Reader, unit: int = 1) -> pl.Series:
    """Microseconds since 1970 of the local times in a batch of texts, cut to `unit` microseconds;
    the first reader that finds a time counts, NULL where none does."""
    usual = readers[0].usual_micros(texts)
    if usual is not None:
        return usual if unit == 1 else usual // unit * unit
    return pl.select(
        pl.coalesce(
            [
                frame.select(
                    pl.col("seconds") * SECOND_MICROS + pl.col("nanos") // 1000 // unit * unit
                ).to_series()
                for frame in (read.read(texts) for read in readers)
            ]
        )
    ).to_series()


def local_times(value: pl.Expr, *readers: Reader, unit: int = 1) -> pl.Expr:
    """A column of texts as Datetime(us), NULL where the text is no time."""

    def of_batch(texts: pl.Series) -> pl.Series:
        times: pl.Series = read_local(texts, *readers, unit=unit).cast(pl.Datetime("us"))
        return times

    return value.map_batches(of_batch, return_dtype=pl.Datetime("us"), is_elementwise=True)


def read_instant(
    call: Call, value: pl.Expr, parts: tuple[Part, ...], style: Style, zone: str, index: int = 1
) -> pl.Expr:
    """A column of texts as Datetime(us, UTC): by the offset in the text, or else as the local time
    of `zone`."""
    read = reader_of(call, parts, style, index)

    def of_batch(texts: pl.Series) -> pl.Series:
        frame = read.read(texts)
        micros = pl.col("seconds") * SECOND_MICROS + pl.col("nanos") // 1000
        # Years that polars lacks are no times here.
        micros = pl.when(pl.col("seconds").abs() < 2**42).then(micros)
        local = micros.cast(pl.Datetime("us"))
        # SimpleDateFormat takes the second of two equal local times, DateTimeFormatter the first.
        by_zone = instant_of(local, zone, later=style is Style.LENIENT)
        by_offset = (micros - pl.col("offset") * SECOND_MICROS).cast(pl.Datetime("us", "UTC"))
        return frame.select(pl.coalesce(by_offset, by_zone)).to_series()

    return value.map_batches(of_batch, return_dtype=pl.Datetime("us", "UTC"), is_elementwise=True)
