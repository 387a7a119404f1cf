"""FORMAT_DATE_ANY: one form for dates that come in another form from every source.

`FORMAT_DATE_ANY(value, 'dd.MM.yyyy|yyyyMMdd|epoch_millis', 'yyyy-MM-dd')` reads the value by the
first of the patterns that fits it wholly, and writes it by the last argument. The value is a text,
an integer, a DATE or a TIMESTAMP; a value that no pattern fits is refused, never guessed.
"""

from __future__ import annotations

import polars as pl

from transforms.sql.expression import Call, Expression
from transforms.sql.functions.arguments import (
    expect_count,
    literal_text,
    null_result,
    of_kinds,
    refusal,
    result,
)
from transforms.sql.functions.calendar import FIRST_SECOND, LAST_SECOND, SECOND_MICROS
from transforms.sql.functions.patterns_of_time import written_parts
from transforms.sql.functions.registration import function
from transforms.sql.functions.time_formats import PatternError, Style, split_pattern
from transforms.sql.functions.time_reading import Reader, reader
from transforms.sql.functions.time_writing import written
from transforms.sql.types import INTEGERS, STRING, STRINGS, TIMESTAMPS, Kind

EPOCHS = {
    "epoch_seconds": SECOND_MICROS,
    "epoch_millis": 1_000,
    "epoch_micros": 1,
    "epoch_days": 86_400 * SECOND_MICROS,
}
"""Words for numbers since 1970-01-01 UTC, in microseconds."""


def _readers(call: Call, patterns: str) -> list[Reader | int]:
    readers: list[Reader | int] = []
    for pattern in patterns.split("|"):
        if pattern in EPOCHS:
            readers.append(EPOCHS[pattern])
            continue
        try:
            parts = split_pattern(pattern)
            if all(part.is_text for part in parts):
                message = (
                    f"the pattern {pattern!r} has no field; write patterns such as dd.MM.yyyy or "
                    f"{', '.join(EPOCHS)}, with | between them"
                )
                raise call.error(message, 1)
            readers.append(reader(parts, Style.EXACT))
        except PatternError as error:
            raise call.error(str(error), 1) from error
    return readers


def read_any(texts: pl.Series, readers: list[Reader | int]) -> pl.Series:
    """Microseconds since 1970 by the first reader that fits; NULL where none does.

    A text with an offset is in UTC then.
    """
    found: list[pl.Series] = []
    if not isinstance(readers[0], int):
        usual = readers[0].usual_micros(texts)
        if usual is not None:
            return usual
    for read in readers:
        if isinstance(read, int):
            number = pl.col("text").str.extract("^([+-]?[0-9]{1,19})$").cast(pl.Int128())
            unit = pl.lit(read, dtype=pl.Int128())
            micros = texts.to_frame("text").select(number * unit).to_series()
        else:
            frame = read.read(texts)
            seconds = pl.col("seconds") - pl.col("offset").fill_null(0)
            exact = seconds.cast(pl.Int128()) * SECOND_MICROS + pl.col("nanos") // 1000
            micros = frame.select(exact).to_series()
        found.append(micros)
    first = pl.select(pl.coalesce(found)).to_series()
    inside = first.is_between(FIRST_SECOND * SECOND_MICROS, (LAST_SECOND + 1) * SECOND_MICROS - 1)
    return pl.select(pl.when(inside).then(first).cast(pl.Int64())).to_series()


@function("FORMAT_DATE_ANY")
def format_date_any(call: Call) -> Expression:
    expect_count(call, 3)
    kinds = (*STRINGS, *INTEGERS, Kind.DATE, *TIMESTAMPS)
    kind = of_kinds(call, 0, kinds, "STRING, an integer, DATE or TIMESTAMP")
    patterns = literal_text(call, 1, "the patterns to read")
    parts = written_parts(call, 2, "", zoned=kind.kind is Kind.TIMESTAMP_LTZ)
    if patterns is None or parts is None or kind.kind is Kind.NULL:
        return null_result(call, STRING)
    readers = _readers(call, patterns)
    value = call.arguments[0].value
    if kind.kind is Kind.DATE or kind.is_timestamp:
        # What is a time already needs no reading.
        if kind.kind is Kind.TIMESTAMP_LTZ:
            value = value.dt.convert_time_zone(call.session.time_zone)
        elif kind.kind is Kind.DATE:
            value = value.cast(pl.Datetime("us"))
        return result(call, written(value, parts, Style.SMART), STRING)

    def of_batch(texts: pl.Series) -> pl.Series:
        times = read_any(texts, readers).to_frame("time")
        time = pl.col("time").cast(pl.Datetime("us"))
        return times.select(written(time, parts, Style.SMART)).to_series()

    texts = value.cast(pl.String())
    formatted = texts.map_batches(of_batch, return_dtype=pl.String(), is_elementwise=True)
    refused = value.is_not_null() & formatted.is_null()
    message = f"the value fits none of the patterns {patterns!r}; add its pattern after a |"
    return result(call, formatted, STRING, [refusal(call, refused, message, texts)])
