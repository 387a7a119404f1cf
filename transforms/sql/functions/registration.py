"""Registers functions so that calls nested in calls stay small.

An implementation may name an argument many times. Were each name the argument's whole expression,
SUBSTRING(SUBSTRING(SUBSTRING(...))) would grow with every level by as many times; so such a call
becomes a step of its own, over columns that its arguments fill once.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence

import polars as pl

from transforms.sql import expression
from transforms.sql.compile_batches import on_batches
from transforms.sql.expression import Call, Expression, Failure, Function
from transforms.sql.types import polars_type


def function(*names: str) -> Callable[[Function], Function]:
    """As `transforms.sql.expression.function`, with every argument evaluated once."""

    def register(implementation: Function) -> Function:
        def compile_call(call: Call) -> Expression:
            return _compiled_once(implementation, call)

        expression.function(*names)(compile_call)
        return implementation

    return register


def _compiled_once(implementation: Function, call: Call) -> Expression:
    inputs: list[pl.Expr] = []
    arguments: list[Expression] = []
    for argument in call.arguments:
        if argument.literal:
            arguments.append(argument)
            continue
        column = pl.col(str(len(inputs)))
        arguments.append(dataclasses.replace(argument, value=column, failures=()))
        inputs.append(argument.value)
    inner = implementation(dataclasses.replace(call, arguments=tuple(arguments)))
    uses = Counter(inner.value.meta.root_names())
    if not inner.failures and all(uses[str(place)] <= 1 for place in range(len(inputs))):
        return implementation(call)
    failures = (_failure_once(failure, inputs) for failure in inner.failures)
    return dataclasses.replace(
        inner,
        value=_once(inner.value, inputs, polars_type(inner.type)),
        failures=(*call.failures, *failures),
        # It speaks of the inputs, which only the value sees.
        unix_seconds=None,
    )


def _failure_once(failure: Failure, inputs: Sequence[pl.Expr]) -> Failure:
    shown = failure.value
    if shown is not None:
        shown = _once(shown.cast(pl.String()), inputs, pl.String())
    condition = _once(failure.condition, inputs, pl.Boolean())
    return dataclasses.replace(failure, condition=condition, value=shown)


def _once(value: pl.Expr, inputs: Sequence[pl.Expr], dtype: pl.DataType) -> pl.Expr:
    if not inputs or not value.meta.root_names():
        return value

    def of_batch(frame: pl.DataFrame) -> pl.Series:
        return frame.with_columns(value=value).get_column("value")

    return on_batches(of_batch, inputs, dtype)
