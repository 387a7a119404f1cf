"""Functions of regular expressions.

A pattern is written in the script, so that it is checked before the start. It is matched by a
linear-time engine: a pattern with look-around or a back-reference, which Java has, is refused.
"""

from __future__ import annotations

import re

import polars as pl
from polars.exceptions import PolarsError

from transforms.sql.expression import Call, Expression
from transforms.sql.functions.arguments import (
    expect_count,
    literal_text,
    literal_whole,
    null_result,
    result,
    text,
)
from transforms.sql.functions.registration import function
from transforms.sql.types import BOOLEAN, INT, STRING

_ASCII_CLASSES = {
    "d": "[0-9]",
    "D": "[^0-9]",
    "w": "[A-Za-z0-9_]",
    "W": "[^A-Za-z0-9_]",
    "s": r"[ \t\n\x0B\f\r]",
    "S": r"[^ \t\n\x0B\f\r]",
}


def from_java(pattern: str) -> str:
    r"""Java's pattern in the engine's words: \d, \w and \s are of ASCII, \Q...\E is a quote."""
    translated = ""
    rest = pattern
    while rest:
        before, escape, rest = rest.partition("\\")
        translated += before
        if not escape:
            break
        letter, rest = rest[:1], rest[1:]
        if letter == "Q":
            quoted, _, rest = rest.partition("\\E")
            translated += re.escape(quoted)
        else:
            translated += _ASCII_CLASSES.get(letter, escape + letter)
    return translated


def checked_pattern(call: Call, index: int) -> str | None:
    """The literal pattern at `index`; SqlError if it cannot be compiled, None for NULL."""
    pattern = literal_text(call, index, "the regular expression")
    if pattern is None:
        return None
    translated = from_java(pattern)
    try:
        pl.Series([""]).str.contains(translated)
    except PolarsError as error:
        reason = next(
            (line[6:].strip() for line in str(error).splitlines() if line.startswith("error:")),
            "not a regular expression",
        )
        message = (
            f"the regular expression {pattern!r} is refused: {reason}; write it without "
            "look-around and back-references, and check its brackets"
        )
        raise call.error(message, index) from error
    return translated


@function("REGEXP")
def regexp(call: Call) -> Expression:
    expect_count(call, 2)
    value = text(call, 0)
    pattern = checked_pattern(call, 1)
    if pattern is None:
        return null_result(call, BOOLEAN)
    if pattern == "":
        # Flink finds nothing with the empty pattern here.
        return result(call, pl.when(value.is_not_null()).then(pl.lit(False)), BOOLEAN)
    return result(call, value.str.contains(pattern), BOOLEAN)


@function("REGEXP_REPLACE")
def regexp_replace(call: Call) -> Expression:
    expect_count(call, 3)
    value, new = text(call, 0), text(call, 2)
    pattern = checked_pattern(call, 1)
    if pattern is None:
        return null_result(call, STRING)
    # Flink takes the replacement as it is written: $1 is no reference to a group.
    quoted = new.str.split("$").list.join("$$")
    return result(call, value.str.replace_all(pattern, quoted), STRING)


@function("REGEXP_EXTRACT")
def regexp_extract(call: Call) -> Expression:
    expect_count(call, 2, 3)
    value = text(call, 0)
    pattern = checked_pattern(call, 1)
    group = literal_whole(call, 2, "the group") if len(call.arguments) == 3 else 0
    if pattern is None or group is None:
        return null_result(call, STRING)
    if not 0 <= group <= _groups(pattern):
        return null_result(call, STRING)
    return result(call, value.str.extract(pattern, group), STRING)


def _groups(pattern: str) -> int:
    schema = pl.Series([""]).str.extract_groups(f"(?:{pattern})()").dtype
    return len(schema.fields) - 1 if isinstance(schema, pl.Struct) else 0


@function("REGEXP_SUBSTR")
def regexp_substring(call: Call) -> Expression:
    expect_count(call, 2)
    value = text(call, 0)
    pattern = checked_pattern(call, 1)
    if pattern is None:
        return null_result(call, STRING)
    return result(call, value.str.extract(pattern, 0), STRING)


@function("REGEXP_COUNT")
def regexp_count(call: Call) -> Expression:
    expect_count(call, 2)
    value = text(call, 0)
    pattern = checked_pattern(call, 1)
    if pattern is None:
        return null_result(call, INT)
    return result(call, value.str.count_matches(pattern), INT)
