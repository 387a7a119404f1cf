"""AND, OR, NOT, IS, CASE and the functions that choose between their arguments.

What is not reached cannot fail: a branch's failures count only where the branch is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl
from sqlglot import exp

from transforms.sql import types
from transforms.sql.casts import cast
from transforms.sql.casts_rules import is_float
from transforms.sql.compile_batches import on_batches
from transforms.sql.compile_comparisons import compare, once
from transforms.sql.compile_decimals import with_scale
from transforms.sql.errors import SqlError
from transforms.sql.expression import Call, Expression, Session, function
from transforms.sql.type_rules import common_type
from transforms.sql.types import Kind, SqlType, polars_type


def is_true(condition: pl.Expr) -> pl.Expr:
    """TRUE where `condition` is TRUE, else FALSE, never NULL."""
    return condition.fill_null(value=False)


def boolean(operand: Expression, what: str, place: exp.Expr) -> Expression:
    """`operand`, which has to be a BOOLEAN or NULL."""
    if operand.type.kind is Kind.NULL:
        return Expression(pl.lit(None, pl.Boolean), types.BOOLEAN, operand.failures)
    if operand.type.kind is not Kind.BOOLEAN:
        message = f"{what} takes BOOLEAN, got {operand.type}; write a comparison, as in x <> 0"
        raise SqlError(message, place)
    return operand


def conjunction(left: Expression, right: Expression) -> Expression:
    """left AND right: `right` cannot fail where `left` is FALSE."""
    reached = left.value.fill_null(value=True)
    failures = left.failures + right.failing_only_where(reached)
    return Expression(left.value & right.value, types.BOOLEAN, failures)


def disjunction(left: Expression, right: Expression) -> Expression:
    """left OR right: `right` cannot fail where `left` is TRUE."""
    reached = ~is_true(left.value)
    failures = left.failures + right.failing_only_where(reached)
    return Expression(left.value | right.value, types.BOOLEAN, failures)


def negation(operand: Expression) -> Expression:
    return Expression(~operand.value, types.BOOLEAN, operand.failures)


def is_test(operand: Expression, wanted: bool | None) -> Expression:
    """operand IS TRUE, IS FALSE or, for None, IS NULL (IS UNKNOWN)."""
    if wanted is None:
        value = operand.value.is_null()
    else:
        value = is_true(operand.value if wanted else ~operand.value)
    return Expression(value, types.BOOLEAN, operand.failures)


def case(
    branches: Sequence[tuple[Expression, Expression]],
    otherwise: Expression,
    place: exp.Expr,
    session: Session,
) -> Expression:
    """The value of the first branch whose condition is TRUE, else `otherwise`."""
    values = [value for _, value in branches] + [otherwise]
    values = to_common_type(values, "the branches of CASE", place, session)
    # From the last branch to the first: each is reached where those before it are not TRUE.
    chosen, failures = values[-1].value, values[-1].failures
    for (condition, _), value in zip(reversed(branches), reversed(values[:-1]), strict=True):
        taken = is_true(condition.value)
        chosen = pl.when(taken).then(value.value).otherwise(chosen)
        skipped = Expression(chosen, value.type, failures).failing_only_where(~taken)
        failures = condition.failures + value.failing_only_where(taken) + skipped
    return Expression(chosen, values[-1].type, once(failures))


def to_common_type(
    values: Sequence[Expression], what: str, place: exp.Expr, session: Session
) -> list[Expression]:
    """All values as the type that they have in common; SqlError if there is none."""
    common = common_type(value.type for value in values)
    if common is None:
        kinds = ", ".join(dict.fromkeys(str(value.type) for value in values))
        message = f"{what} have no type in common: {kinds}; CAST them to one type"
        raise SqlError(message, place)
    return [cast(value, common, place, session=session) for value in values]


def _arguments(call: Call, least: int, most: int | None = None) -> None:
    count = len(call.arguments)
    if count < least or (most is not None and count > most):
        if most is None:
            wanted = f"at least {least}"
        else:
            wanted = str(least) if least == most else f"{least} to {most}"
        message = f"takes {wanted} argument(s), got {count}"
        raise call.error(message)


@function("COALESCE")
def coalesce(call: Call) -> Expression:
    """The first argument that is not NULL; later ones cannot fail where it is found."""
    _arguments(call, 1)
    values = to_common_type(call.arguments, call.name, call.node, call.session)
    failures, missing = values[0].failures, values[0].value.is_null()
    for value in values[1:]:
        failures += value.failing_only_where(missing)
        missing = missing & value.value.is_null()
    return Expression(pl.coalesce([value.value for value in values]), values[0].type, failures)


@function("IFNULL")
def ifnull(call: Call) -> Expression:
    """The first argument, or the second where that is NULL."""
    _arguments(call, 2, 2)
    return coalesce(call)


@function("NULLIF")
def nullif(call: Call) -> Expression:
    """The first argument, or NULL where it equals the second."""
    _arguments(call, 2, 2)
    first, second = call.arguments
    equal = compare("=", first, second, call.node, call.session)
    value = pl.when(~is_true(equal.value)).then(first.value)
    return Expression(value, first.type, once(first.failures + equal.failures))


@function("IF")
def if_then_else(call: Call) -> Expression:
    """IF(condition, when TRUE, otherwise)."""
    _arguments(call, 3, 3)
    condition = boolean(call.arguments[0], "IF", call.node)
    return case([(condition, call.arguments[1])], call.arguments[2], call.node, call.session)


@function("GREATEST", "LEAST")
def extreme(call: Call) -> Expression:
    """The largest or smallest argument; NULL if any is NULL."""
    _arguments(call, 1)
    values = to_common_type(call.arguments, call.name, call.node, call.session)
    common = values[0].type
    if common.kind in (Kind.NULL, Kind.ROW, Kind.ARRAY, Kind.MAP, Kind.BOOLEAN):
        message = f"takes numbers, strings, dates and times, got {common}"
        raise call.error(message)
    largest = call.name.upper() == "GREATEST"
    return Expression(_extreme(values, common, largest), common, call.failures)


def _extreme(values: Sequence[Expression], common: SqlType, largest: bool) -> pl.Expr:
    decimals = common.kind is Kind.DECIMAL
    inputs = [value.value.to_physical() if decimals else value.value for value in values]

    def on_batch(frame: pl.DataFrame) -> pl.Series:
        found = pl.max_horizontal(pl.all()) if largest else pl.min_horizontal(pl.all())
        if largest and is_float(common):
            # polars leaves NaN out; to Java it is the largest.
            found = pl.when(pl.any_horizontal(pl.all().is_nan())).then(math.nan).otherwise(found)
        return frame.select(pl.when(~pl.any_horizontal(pl.all().is_null())).then(found)).to_series()

    returns = pl.Int128() if decimals else polars_type(common)
    found = on_batches(on_batch, inputs, returns)
    return with_scale(found, common) if decimals else found
