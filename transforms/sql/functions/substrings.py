"""Functions of text that cut or search it. Positions count code points from 1."""

from __future__ import annotations

import polars as pl

from transforms.sql.expression import Call, Expression
from transforms.sql.functions.arguments import expect_count, result, text, whole
from transforms.sql.functions.registration import function
from transforms.sql.functions.strings import characters
from transforms.sql.types import INT, STRING, array


@function("SUBSTRING", "SUBSTR")
def substring(call: Call) -> Expression:
    expect_count(call, 2, 3)
    value, start = text(call, 0), whole(call, 1)
    count = value.str.len_chars().cast(pl.Int64())
    # 0 is the first position as 1 is; a negative one counts from the end.
    offset = pl.when(start > 0).then(start - 1).when(start < 0).then(start + count).otherwise(0)
    length = whole(call, 2) if len(call.arguments) == 3 else count
    cut = value.str.slice(offset.clip(0), length.clip(0))
    cut = pl.when(offset >= 0).then(cut).otherwise(pl.lit(""))
    # Flink gives NULL for a negative length.
    return result(
        call, pl.when((length >= 0) & start.is_not_null() & value.is_not_null()).then(cut), STRING
    )


@function("LEFT")
def left(call: Call) -> Expression:
    expect_count(call, 2)
    value, length = text(call, 0), whole(call, 1)
    cut = value.str.head(length.clip(0))
    return result(call, pl.when(length.is_not_null()).then(cut), STRING)


@function("RIGHT")
def right(call: Call) -> Expression:
    expect_count(call, 2)
    value, length = text(call, 0), whole(call, 1)
    cut = value.str.tail(length.clip(0))
    return result(call, pl.when(length.is_not_null()).then(cut), STRING)


def position_of(wanted: pl.Expr, value: pl.Expr) -> pl.Expr:
    """The place of the first `wanted` in `value`, from 1; 0 where there is none.

    polars' find counts bytes; the text before the match is counted instead.
    """
    before = value.str.splitn(wanted, 2).struct.field("field_0").str.len_chars().cast(pl.Int64())
    found = pl.when(value.str.contains(wanted, literal=True)).then(before + 1).otherwise(0)
    found = pl.when(wanted == "").then(1).otherwise(found)
    return pl.when(value.is_not_null() & wanted.is_not_null()).then(found)


def position_from(wanted: pl.Expr, value: pl.Expr, start: pl.Expr) -> pl.Expr:
    """The place of the first `wanted` at `start` or behind; `start` below 1 is 1."""
    skipped = (start - 1).clip(0)
    found = position_of(wanted, value.str.slice(skipped))
    behind = pl.when(found > 0).then(found + skipped).otherwise(0)
    behind = pl.when(wanted == "").then(1).otherwise(behind)
    return pl.when(found.is_not_null() & start.is_not_null()).then(behind)


@function("POSITION", "LOCATE")
def locate(call: Call) -> Expression:
    expect_count(call, 2, 3)
    wanted, value = text(call, 0), text(call, 1)
    if len(call.arguments) == 2:
        return result(call, position_of(wanted, value), INT)
    return result(call, position_from(wanted, value, whole(call, 2)), INT)


@function("INSTR")
def instr(call: Call) -> Expression:
    expect_count(call, 2)
    return result(call, position_of(text(call, 1), text(call, 0)), INT)


@function("OVERLAY")
def overlay(call: Call) -> Expression:
    expect_count(call, 3, 4)
    value, new, start = text(call, 0), text(call, 1), whole(call, 2)
    count = value.str.len_chars().cast(pl.Int64())
    length = whole(call, 3) if len(call.arguments) == 4 else new.str.len_chars().cast(pl.Int64())
    offset = (start - 1).clip(0)
    rest = value.str.slice(offset + length.clip(0).clip(upper_bound=count))
    # Flink replaces all of the rest for a length of 0 or less.
    rest = pl.when(length > 0).then(rest).otherwise(pl.lit(""))
    laid = pl.concat_str([value.str.head(offset), new, rest])
    outside = (start < 1) | (start > count)
    known = new.is_not_null() & start.is_not_null() & length.is_not_null()
    return result(call, pl.when(known).then(pl.when(outside).then(value).otherwise(laid)), STRING)


@function("SPLIT_INDEX")
def split_index(call: Call) -> Expression:
    expect_count(call, 3)
    value, index = text(call, 0), whole(call, 2)
    if call.arguments[1].type.is_integer:
        delimiter = whole(call, 1).cast(pl.UInt32()).cast(pl.String())
        code = call.arguments[1].constant
        if not isinstance(code, int) or not 0 < code < 0xD800:
            message = "argument 2 as a number must be the literal code of a character"
            raise call.error(message, 1)
        delimiter = pl.lit(chr(code))
    else:
        delimiter = text(call, 1)
    parts = value.str.split(delimiter)
    # Flink: no delimiter leaves the text whole, and an empty text has no parts.
    parts = pl.when(delimiter == "").then(pl.concat_list([value])).otherwise(parts)
    part = parts.list.get(index.clip(0), null_on_oob=True)
    possible = (index >= 0) & (value != "") & delimiter.is_not_null()
    return result(call, pl.when(possible).then(part), STRING)


@function("SPLIT")
def split(call: Call) -> Expression:
    expect_count(call, 2)
    value, delimiter = text(call, 0), text(call, 1)
    parts = pl.when(delimiter == "").then(characters(value)).otherwise(value.str.split(delimiter))
    known = value.is_not_null() & delimiter.is_not_null()
    return result(call, pl.when(known).then(parts), array(STRING))
