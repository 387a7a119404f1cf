"""Checks of a call's arguments, and what a function returns of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import polars as pl

from transforms.sql import compile_batches
from transforms.sql.expression import Call, Expression, Failure
from transforms.sql.types import NULL, Kind, SqlType, polars_type

Value = TypeVar("Value", bound=Hashable)

LONGEST_TEXT = 10_000_000
"""Characters. A row that repeats or pads a text beyond this is refused: one wrong number would
take the memory of the worker, and no sink takes such a field."""


def expect_count(call: Call, least: int, most: int | None = None) -> None:
    """SqlError unless the call has from `least` to `most` arguments (`most` None: exactly)."""
    most = least if most is None else most
    count = len(call.arguments)
    if least <= count <= most:
        return
    wanted = str(least) if least == most else f"{least} to {most}"
    message = f"expected {wanted} argument{'' if wanted == '1' else 's'}, not {count}"
    raise call.error(message)


def expect_at_least(call: Call, least: int) -> None:
    """SqlError unless the call has `least` arguments or more."""
    if len(call.arguments) < least:
        message = f"expected at least {least} arguments, not {len(call.arguments)}"
        raise call.error(message)


def _refuse(call: Call, index: int, wanted: str) -> None:
    message = (
        f"argument {index + 1} is {call.arguments[index].type}, expected {wanted}; "
        "CAST it to what is meant"
    )
    raise call.error(message, index)


def is_null(call: Call, index: int) -> bool:
    return call.arguments[index].type.kind is Kind.NULL


def text(call: Call, index: int) -> pl.Expr:
    """The argument as String; SqlError if it is not a text."""
    argument = call.arguments[index]
    if argument.type.kind is Kind.NULL:
        return pl.lit(None, pl.String())
    if not argument.type.is_string:
        _refuse(call, index, "STRING")
    return argument.value


def binary(call: Call, index: int) -> pl.Expr:
    """The argument, text or bytes, as Binary (text as UTF-8)."""
    argument = call.arguments[index]
    if argument.type.kind is Kind.NULL:
        return pl.lit(None, pl.Binary())
    if not (argument.type.is_string or argument.type.is_binary):
        _refuse(call, index, "STRING or BYTES")
    return argument.value.cast(pl.Binary())


def whole(call: Call, index: int) -> pl.Expr:
    """The argument as Int64; SqlError if it is not an integer."""
    argument = call.arguments[index]
    if argument.type.kind is Kind.NULL:
        return pl.lit(None, pl.Int64())
    if not argument.type.is_integer:
        _refuse(call, index, "an integer")
    return argument.value.cast(pl.Int64())


def number_type(call: Call, index: int) -> SqlType:
    """The argument's type; SqlError if it is not a number."""
    argument = call.arguments[index]
    if not (argument.type.is_number or argument.type.kind is Kind.NULL):
        _refuse(call, index, "a number")
    return argument.type


def double(call: Call, index: int) -> pl.Expr:
    """The argument as Float64; SqlError if it is not a number."""
    number_type(call, index)
    return call.arguments[index].value.cast(pl.Float64())


def of_kinds(call: Call, index: int, kinds: Sequence[Kind], wanted: str) -> SqlType:
    """The argument's type; SqlError unless it is one of `kinds` or the NULL literal."""
    found = call.arguments[index].type
    if found.kind not in kinds and found.kind is not Kind.NULL:
        _refuse(call, index, wanted)
    return found


def literal_text(call: Call, index: int, what: str) -> str | None:
    """The text that the script wrote as the argument, or None for NULL; SqlError for a column."""
    text(call, index)
    argument = call.arguments[index]
    if argument.type == NULL:
        return None
    if not argument.literal or not isinstance(argument.constant, str):
        message = f"argument {index + 1}, {what}, must be written as a literal text in quotes"
        raise call.error(message, index)
    return argument.constant


def literal_whole(call: Call, index: int, what: str) -> int | None:
    """The integer that the script wrote as the argument, or None for NULL; else SqlError."""
    whole(call, index)
    argument = call.arguments[index]
    if argument.type == NULL:
        return None
    if not argument.literal or not isinstance(argument.constant, int):
        message = f"argument {index + 1}, {what}, must be written as a literal number"
        raise call.error(message, index)
    return argument.constant


def result(
    call: Call, value: pl.Expr, sql_type: SqlType, failures: Sequence[Failure] = ()
) -> Expression:
    """`value` as the column of `sql_type`, with the failures of the arguments and its own.

    `value` must be NULL where a failure's condition holds or give any value there, never raise.
    """
    typed = _fit_to_batch(value.cast(polars_type(sql_type)))
    return Expression(typed, sql_type, (*call.failures, *failures))


def _fit_to_batch(value: pl.Expr) -> pl.Expr:
    # Of literals alone some expressions make a column of one row, which polars lets stand beside
    # longer ones only if it is told that it is a scalar.
    return value if value.meta.root_names() else value.first()


def null_result(call: Call, sql_type: SqlType) -> Expression:
    """NULL of a type: what a function gives for the NULL literal."""
    return result(call, pl.lit(None, polars_type(sql_type)), sql_type)


def refusal(call: Call, condition: pl.Expr, message: str, value: pl.Expr | None = None) -> Failure:
    """Rows that a function refuses; the message begins with the function's name."""
    shown = None if value is None else _fit_to_batch(value)
    return Failure(_fit_to_batch(condition), f"{call.name}: {message}", call.node, shown)


def per_distinct_value(
    value: pl.Expr, function: Callable[[Value], object], dtype: pl.DataType
) -> pl.Expr:
    """`function` of every distinct value of a column: for what polars has no expression.

    It is Python once a distinct value of a batch; NULL stays NULL.
    """

    def of_series(series: pl.Series) -> pl.Series:
        return compile_batches.per_distinct_value(series, function, dtype)

    return value.map_batches(of_series, return_dtype=dtype, is_elementwise=True)
