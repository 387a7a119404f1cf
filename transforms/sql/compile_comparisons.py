"""Comparisons: = <> < > <= >=, IS [NOT] DISTINCT FROM, BETWEEN and IN."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Sequence

import polars as pl
from sqlglot import exp

from transforms.sql import compile_decimals, types
from transforms.sql.casts import cast
from transforms.sql.casts_rules import is_float
from transforms.sql.errors import SqlError
from transforms.sql.expression import Expression, Failure, Session
from transforms.sql.type_rules import common_type, is_exact
from transforms.sql.types import Field, Kind, SqlType

_CLOCKS = (Kind.DATE, Kind.TIME, *types.TIMESTAMPS)
_DIRECT = (Kind.BOOLEAN, Kind.DATE, Kind.TIME, Kind.INTERVAL, Kind.INTERVAL_MONTH)


def compare(
    sign: str, left: Expression, right: Expression, place: exp.Expr, session: Session
) -> Expression:
    """left `sign` right as a BOOLEAN: NULL where either is NULL.

    Exact numbers are compared exactly, strings by code point, floats as IEEE says (NaN equals
    nothing).
    """
    if sign == "<>":
        equal = compare("=", left, right, place, session)
        return Expression(~equal.value, types.BOOLEAN, equal.failures)
    left, right = _of_one_family(left, right, place, session)
    if is_exact(left.type) and is_exact(right.type) and left.type != right.type:
        value = compile_decimals.compared(sign, (left.value, left.type), (right.value, right.type))
        return Expression(value, types.BOOLEAN, left.failures + right.failures)
    if left.type.kind is Kind.ROW:
        return _rows(sign, left, right, place, session)
    value = compile_decimals.COMPARISONS[sign](left.value, right.value)
    if is_float(left.type):
        # To polars NaN equals NaN and is above all numbers.
        value = value & left.value.is_not_nan() & right.value.is_not_nan()
    return Expression(value, types.BOOLEAN, left.failures + right.failures)


def once(failures: Sequence[Failure]) -> tuple[Failure, ...]:
    """Failures without repeats, as of an operand that is compared more than once."""
    # By identity: polars makes an expression of ==.
    return tuple({id(failure): failure for failure in failures}.values())


def _of_one_family(
    left: Expression, right: Expression, place: exp.Expr, session: Session
) -> tuple[Expression, Expression]:
    """Both sides as types that compare with each other; SqlError if there are none."""

    def both(target: SqlType) -> tuple[Expression, Expression]:
        return (
            cast(left, target, place, session=session),
            cast(right, target, place, session=session),
        )

    one, other = left.type, right.type
    kinds = {one.kind, other.kind}
    if kinds == {Kind.NULL}:
        return both(types.BOOLEAN)
    if Kind.NULL in kinds:
        return both(one if other.kind is Kind.NULL else other)
    if one.is_number and other.is_number:
        if is_exact(one) and is_exact(other):
            return left, right
        return both(one if one == other else types.DOUBLE)
    if (one.is_string and other.is_string) or (one.is_binary and other.is_binary):
        return left, right
    if one.kind in _CLOCKS and other.is_string:
        return both(_clock_of_text(one))
    if other.kind in _CLOCKS and one.is_string:
        return both(_clock_of_text(other))
    common = common_type((one, other))
    if common is not None and common.kind in (*_DIRECT, *types.TIMESTAMPS, Kind.ARRAY):
        return both(common)
    if common is not None and common.kind is Kind.ROW:
        return left, right
    hint = "; CAST one of them to the type of the other"
    if common is not None:
        hint = "; compare their fields or elements"
    message = f"{one} and {other} do not compare{hint}"
    raise SqlError(message, place)


def _clock_of_text(clock: SqlType) -> SqlType:
    # A string may say more digits than the column keeps: they must not be cut before comparing.
    if clock.kind in (Kind.TIME, *types.TIMESTAMPS):
        return SqlType(clock.kind, precision=max(clock.precision or 0, 6))
    return clock


def _rows(
    sign: str, left: Expression, right: Expression, place: exp.Expr, session: Session
) -> Expression:
    if sign != "=":
        message = f"rows compare by = and <> alone, not by {sign}; compare their fields"
        raise SqlError(message, place)
    fields = [
        compare("=", _part(left, one), _part(right, other), place, session)
        for one, other in zip(left.type.fields, right.type.fields, strict=True)
    ]
    equal = functools.reduce(operator.and_, (field.value for field in fields), pl.lit(value=True))
    present = left.value.is_not_null() & right.value.is_not_null()
    return Expression(pl.when(present).then(equal), types.BOOLEAN, left.failures + right.failures)


def _part(whole: Expression, field: Field) -> Expression:
    return Expression(whole.value.struct.field(field.name), field.type)


def distinct(left: Expression, right: Expression, place: exp.Expr, session: Session) -> Expression:
    """left IS DISTINCT FROM right: never NULL, and NULL is like NULL alone."""
    equal = compare("=", left, right, place, session)
    one_null = left.value.is_null() != right.value.is_null()
    value = one_null | (~equal.value).fill_null(value=False)
    return Expression(value, types.BOOLEAN, equal.failures)


def between(
    operand: Expression, low: Expression, high: Expression, place: exp.Expr, session: Session
) -> Expression:
    """operand BETWEEN low AND high."""
    above = compare(">=", operand, low, place, session)
    below = compare("<=", operand, high, place, session)
    reached = above.value.fill_null(value=True)
    failures = above.failures + _new(above, below).failing_only_where(reached)
    return Expression(above.value & below.value, types.BOOLEAN, failures)


def _new(before: Expression, after: Expression) -> Expression:
    """`after` without the failures of `before`, such as those of an operand that they share."""
    known = {id(failure) for failure in before.failures}
    failures = tuple(failure for failure in after.failures if id(failure) not in known)
    return dataclasses.replace(after, failures=failures)


def is_in(
    operand: Expression, options: Sequence[Expression], place: exp.Expr, session: Session
) -> Expression:
    """operand IN (options): NULL where nothing matches and operand or an option is NULL."""
    known = [option for option in options if not (option.literal and option.constant is None)]
    plain = all(
        option.literal and option.constant is not None and _same_meaning(operand.type, option.type)
        for option in known
    )
    if plain and known and operand.type.kind is not Kind.NULL:
        value, failures = operand.value, operand.failures
        if operand.type.is_integer:
            value = value.cast(pl.Int64)
        found = value.is_in([option.constant for option in known])
    else:
        # As of OR, an option cannot fail where one before it matches.
        found, failures = pl.lit(value=False), operand.failures
        for option in known:
            match = _new(operand, compare("=", operand, option, place, session))
            failures += match.failing_only_where(~found.fill_null(value=False))
            found = found | match.value
    if len(known) < len(options):
        found = found | pl.lit(None, pl.Boolean)
    return Expression(found, types.BOOLEAN, failures)


def _same_meaning(one: SqlType, other: SqlType) -> bool:
    return (one.is_integer and other.is_integer) or (one.is_string and other.is_string)
