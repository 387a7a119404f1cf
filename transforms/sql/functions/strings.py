"""Functions of text: case, trimming, joining, padding. They count code points, never bytes."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from transforms.sql.expression import Call, Expression
from transforms.sql.functions.arguments import (
    LONGEST_TEXT,
    expect_at_least,
    expect_count,
    literal_text,
    refusal,
    result,
    text,
    whole,
)
from transforms.sql.functions.registration import function
from transforms.sql.types import BOOLEAN, INT, STRING


def register_text_function(names: tuple[str, ...], build: Callable[[pl.Expr], pl.Expr]) -> None:
    """Registers a function of one text that gives a text."""

    @function(*names)
    def of_text(call: Call) -> Expression:
        expect_count(call, 1)
        return result(call, build(text(call, 0)), STRING)


def characters(value: pl.Expr) -> pl.Expr:
    """The code points of a text, as a list of texts."""
    return value.str.split("")


def _initcap(value: pl.Expr) -> pl.Expr:
    # Flink's words are of ASCII letters and digits: 'äpfel' becomes 'äPfel'.
    part = pl.element()
    word = part.str.head(1).str.to_uppercase() + part.str.slice(1).str.to_lowercase()
    capital = pl.when(part.str.contains("^[A-Za-z0-9]")).then(word).otherwise(part)
    parts = value.str.extract_all("[A-Za-z0-9]+|[^A-Za-z0-9]+")
    return parts.list.eval(capital).list.join("")


register_text_function(("UPPER",), lambda value: value.str.to_uppercase())
register_text_function(("LOWER",), lambda value: value.str.to_lowercase())
register_text_function(("INITCAP",), _initcap)
# polars' own reverse keeps grapheme clusters together; SQL reverses code points.
register_text_function(("REVERSE",), lambda value: characters(value).list.reverse().list.join(""))


@function("CHAR_LENGTH", "CHARACTER_LENGTH", "LENGTH")
def char_length(call: Call) -> Expression:
    expect_count(call, 1)
    return result(call, text(call, 0).str.len_chars(), INT)


Strip = Callable[[pl.Expr, pl.Expr], pl.Expr]

_STRIPS: dict[tuple[str, ...], Strip] = {
    ("TRIM", "TRIM_BOTH", "BTRIM"): lambda value, cut: value.str.strip_chars(cut),
    ("TRIM_LEADING", "LTRIM"): lambda value, cut: value.str.strip_chars_start(cut),
    ("TRIM_TRAILING", "RTRIM"): lambda value, cut: value.str.strip_chars_end(cut),
}


def _register_strip(names: tuple[str, ...], strip: Strip) -> None:
    @function(*names)
    def trim(call: Call) -> Expression:
        expect_count(call, 1, 2)
        # Without characters SQL trims the space alone: a tab or a line's end stays.
        cut = text(call, 1) if len(call.arguments) == 2 else pl.lit(" ")
        value = text(call, 0)
        stripped = pl.when(cut.is_not_null()).then(strip(value, cut))
        return result(call, stripped, STRING)


for _names, _strip in _STRIPS.items():
    _register_strip(_names, _strip)


@function("CONCAT")
def concat(call: Call) -> Expression:
    expect_at_least(call, 1)
    parts = [text(call, index) for index in range(len(call.arguments))]
    return result(call, pl.concat_str(parts), STRING)


@function("CONCAT_WS")
def concat_with_separator(call: Call) -> Expression:
    expect_at_least(call, 2)
    separator = text(call, 0)
    parts = [text(call, index) for index in range(1, len(call.arguments))]
    constant = call.arguments[0].constant
    if isinstance(constant, str):
        return result(call, pl.concat_str(parts, separator=constant, ignore_nulls=True), STRING)
    # The separator stands first to give the list its rows, should all parts be literals.
    listed = pl.concat_list([separator, *parts]).list.slice(1)
    joined = listed.list.drop_nulls().list.join(separator)
    return result(call, joined, STRING)


@function("REPLACE")
def replace(call: Call) -> Expression:
    expect_count(call, 3)
    value, old, new = (text(call, index) for index in range(3))
    constant = call.arguments[1].constant
    if isinstance(constant, str):
        return result(call, value.str.replace_all(constant, new, literal=True), STRING)
    # polars replaces no pattern that differs by row; splitting does. The empty pattern stands
    # before, between and after all characters.
    value = pl.when(old.is_not_null()).then(value)
    joined = value.str.split(old).list.join(new)
    replaced = pl.when(old == "").then(pl.concat_str([new, joined, new])).otherwise(joined)
    emptied = pl.when((value == "") & (old == "")).then(new).otherwise(replaced)
    return result(call, pl.when(old.is_not_null() & new.is_not_null()).then(emptied), STRING)


def _repeated(value: pl.Expr, count: pl.Expr) -> pl.Expr:
    return value.repeat_by(count).list.join("")


@function("REPEAT")
def repeat(call: Call) -> Expression:
    expect_count(call, 2)
    value, count = text(call, 0), whole(call, 1).clip(0)
    too_long = value.str.len_chars().cast(pl.Float64()) * count > LONGEST_TEXT
    repeated = _repeated(value, pl.when(too_long | value.is_null()).then(0).otherwise(count))
    repeated = pl.when(value.is_not_null() & count.is_not_null()).then(repeated)
    message = f"the repeated text is longer than {LONGEST_TEXT:,} characters; repeat it less"
    return result(call, repeated, STRING, [refusal(call, too_long, message, count)])


def _register_pad(name: str, at_start: bool) -> None:
    @function(name)
    def pad(call: Call) -> Expression:
        expect_count(call, 3)
        value, length, filler = text(call, 0), whole(call, 1), text(call, 2)
        too_long = (length > LONGEST_TEXT) & value.is_not_null() & filler.is_not_null()
        missing = (length - value.str.len_chars()).clip(0)
        missing = pl.when(too_long).then(0).otherwise(missing)
        width = filler.str.len_chars().cast(pl.Int64())
        times = pl.when(width > 0).then((missing + width - 1) // width).otherwise(0)
        padding = _repeated(filler, times).str.head(missing)
        cut = value.str.head(length.clip(0))
        padded = pl.concat_str([padding, cut] if at_start else [cut, padding])
        # Flink gives NULL for a negative length and for an empty filler.
        possible = (length >= 0) & (width > 0) & value.is_not_null()
        message = f"the length is above {LONGEST_TEXT:,} characters; pad it less"
        failure = refusal(call, too_long, message, length)
        return result(call, pl.when(possible).then(padded), STRING, [failure])


_register_pad("LPAD", at_start=True)
_register_pad("RPAD", at_start=False)


@function("STARTSWITH")
def starts_with(call: Call) -> Expression:
    expect_count(call, 2)
    return result(call, text(call, 0).str.starts_with(text(call, 1)), BOOLEAN)


@function("ENDSWITH")
def ends_with(call: Call) -> Expression:
    expect_count(call, 2)
    return result(call, text(call, 0).str.ends_with(text(call, 1)), BOOLEAN)


@function("TRANSLATE")
def translate(call: Call) -> Expression:
    expect_count(call, 3)
    value = text(call, 0)
    old = literal_text(call, 1, "the characters to replace")
    new = literal_text(call, 2, "their replacements")
    if old is None or new is None:
        # Flink takes an unknown list of replacements as an empty one, and no list as no change.
        old, new = old or "", new or ""
    table: dict[str, str] = {}
    for position, character in enumerate(old):
        table.setdefault(character, new[position : position + 1])
    if not table:
        return result(call, value, STRING)
    translated = value.str.replace_many(list(table), list(table.values()))
    return result(call, translated, STRING)
