"""LIKE and SIMILAR TO."""

from __future__ import annotations

import functools
import re

import polars as pl
from sqlglot import exp

from transforms.sql import types
from transforms.sql.compile_batches import on_batches
from transforms.sql.errors import SqlError
from transforms.sql.expression import Expression, Failure
from transforms.sql.types import Kind

# SQL's own signs of SIMILAR TO; every other character stands for itself.
_SIMILAR_SIGNS = "|*+?{}()[]^-,"


def like(
    text: Expression, pattern: Expression, escape: Expression | None, place: exp.Expr
) -> Expression:
    """text LIKE pattern [ESCAPE escape]: % is any text, lines included, _ any one character.

    There is no escape character unless ESCAPE names one. A pattern of the script that is wrong is
    an SqlError, one from a column a Failure.
    """
    _check_strings("LIKE", text, pattern, place)
    sign = _escape(escape, place)
    failures = text.failures + pattern.failures
    if pattern.type.kind is Kind.NULL or text.type.kind is Kind.NULL:
        return Expression(pl.lit(None, pl.Boolean), types.BOOLEAN, failures)
    if pattern.literal:
        return Expression(
            _matches(text.value, _required(str(pattern.constant), sign, place)),
            types.BOOLEAN,
            failures,
        )
    function = functools.partial(_column_of_patterns, escape=sign)
    matches = on_batches(function, [text.value, pattern.value], pl.Boolean())
    wrong = matches.is_null() & text.value.is_not_null() & pattern.value.is_not_null()
    message = f"the LIKE pattern has the escape {sign!r} before another character than % _ {sign}"
    return Expression(
        matches, types.BOOLEAN, (*failures, Failure(wrong, message, place, pattern.value))
    )


def _check_strings(what: str, text: Expression, pattern: Expression, place: exp.Expr) -> None:
    for operand in (text, pattern):
        if not operand.type.is_string and operand.type.kind is not Kind.NULL:
            message = f"{what} takes strings, got {operand.type}; write CAST(... AS STRING)"
            raise SqlError(message, place)


def _escape(escape: Expression | None, place: exp.Expr) -> str | None:
    if escape is None:
        return None
    if not escape.literal or len(str(escape.constant)) != 1:
        message = "ESCAPE takes one character in quotes, as in ESCAPE '!'"
        raise SqlError(message, place)
    return str(escape.constant)


def _required(pattern: str, escape: str | None, place: exp.Expr) -> list[str | None]:
    parts = _parts(pattern, escape)
    if parts is None:
        message = (
            f"the LIKE pattern {pattern!r} has the escape {escape!r} before another character "
            f"than %, _ and {escape!r}"
        )
        raise SqlError(message, place)
    return parts


def _parts(pattern: str, escape: str | None) -> list[str | None] | None:
    """The pattern as literal stretches, None for each %, and "" for each _.

    None where an escape is not followed by %, _ or itself.
    """
    parts: list[str | None] = []
    literal = ""
    signs = iter(pattern)
    for sign in signs:
        if escape is not None and sign == escape:
            escaped = next(signs, "")
            if escaped not in ("%", "_", escape):
                return None
            literal += escaped
        elif sign in "%_":
            parts += [literal] if literal else []
            parts.append(None if sign == "%" else "")
            literal = ""
        else:
            literal += sign
    return parts + ([literal] if literal else [])


def _matches(text: pl.Expr, parts: list[str | None]) -> pl.Expr:
    match parts:
        case []:
            return text == ""
        case [str(literal)] if literal:
            return text == literal
        case [str(literal), None] if literal:
            return text.str.starts_with(literal)
        case [None, str(literal)] if literal:
            return text.str.ends_with(literal)
        case [None, str(literal), None] if literal:
            return text.str.contains(literal, literal=True)
    return text.str.contains(_regex(parts))


def _regex(parts: list[str | None]) -> str:
    signs = {None: ".*", "": "."}
    # \A and \z, since $ also matches before a last line feed in some engines.
    body = "".join(signs.get(part) or _quoted(part or "") for part in parts)
    return rf"(?s)\A(?:{body})\z"


def _quoted(text: str) -> str:
    return "".join(f"\\x{{{ord(sign):x}}}" if not sign.isalnum() else sign for sign in text)


def _column_of_patterns(frame: pl.DataFrame, escape: str | None) -> pl.Series:
    # One scan for each distinct pattern of the batch.
    compiled = {
        pattern: _parts(pattern, escape)
        for pattern in frame.get_column("1").drop_nulls().unique().to_list()
    }
    found = pl.Series([None] * frame.height, dtype=pl.Boolean)
    for pattern, parts in compiled.items():
        if parts is not None:
            here = frame.get_column("1") == pattern
            matches = frame.select(_matches(pl.col("0"), parts)).to_series()
            found = matches.zip_with(here.fill_null(value=False), found)
    return found


def similar(
    text: Expression, pattern: Expression, escape: Expression | None, place: exp.Expr
) -> Expression:
    """text SIMILAR TO pattern: LIKE with | * + ? {} () and []. The pattern is a literal."""
    _check_strings("SIMILAR TO", text, pattern, place)
    if not pattern.literal:
        message = "SIMILAR TO takes a pattern in quotes; for one from a column use REGEXP"
        raise SqlError(message, place)
    failures = text.failures + pattern.failures
    if pattern.constant is None or text.type.kind is Kind.NULL:
        return Expression(pl.lit(None, pl.Boolean), types.BOOLEAN, failures)
    regex = _similar_regex(str(pattern.constant), _escape(escape, place))
    try:
        pl.select(pl.lit("").str.contains(regex))
    except pl.exceptions.PolarsError as error:
        message = (
            f"the SIMILAR TO pattern {pattern.constant!r} is not valid; expected % and _ and "
            "pairs of () [] {} around what they group"
        )
        raise SqlError(message, place) from error
    return Expression(text.value.str.contains(regex), types.BOOLEAN, failures)


def _similar_regex(pattern: str, escape: str | None) -> str:
    body = ""
    signs = iter(pattern)
    in_brackets = False
    for sign in signs:
        if escape is not None and sign == escape:
            body += re.escape(next(signs, escape))
        elif in_brackets or sign in "[]":
            in_brackets = sign != "]"
            body += sign
        elif sign in "%_":
            body += ".*" if sign == "%" else "."
        elif sign in _SIMILAR_SIGNS and sign not in "^-,":
            body += sign
        else:
            body += sign if sign in "-," else _quoted(sign)
    return rf"(?s)\A(?:{body})\z"
