"""CAST, TRY_CAST and the conversions that need neither."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from sqlglot import exp

from transforms.sql.casts_nested import converted
from transforms.sql.casts_rules import Conversion, can_cast, is_implicit
from transforms.sql.compile_literals import literal, null_of
from transforms.sql.errors import SqlError
from transforms.sql.expression import Expression, Failure, Session
from transforms.sql.statements import JsonCall
from transforms.sql.types import Kind, SqlType, polars_type


def cast(
    expression: Expression,
    target: SqlType,
    place: exp.Expr,
    *,
    safe: bool = False,
    session: Session,
) -> Expression:
    """CAST(expression AS target); with `safe` TRY_CAST, which gives NULL in place of a Failure.

    A literal is converted at once, and SqlError if it cannot be.
    """
    source = expression.type
    if source == target:
        return expression
    if source.kind is Kind.NULL:
        return Expression(null_of(target).value, target, expression.failures)
    if not can_cast(source, target):
        message = f"a CAST from {source} to {target} is not supported"
        raise SqlError(message, place)
    conversion = converted(expression.value, source, target, session)
    if expression.literal:
        return _converted_literal(expression, conversion, target, place, safe)
    return _with_failure(expression, conversion, target, place, safe=safe)


def coerce(
    expression: Expression, target: SqlType, place: exp.Expr, session: Session
) -> Expression:
    """The conversion that needs no CAST, as into a sink's column; SqlError if there is none.

    Strings keep their length: VARCHAR(n) and CHAR(n) are not enforced.
    """
    source = expression.type
    if not is_implicit(source, target):
        message = f"{source} does not go into {target} by itself"
        if can_cast(source, target):
            message += f"; write CAST({_text(place)} AS {target})"
        raise SqlError(message, place)
    if _is_text(source) and _is_text(target) and source.is_string == target.is_string:
        return Expression(
            expression.value,
            target,
            expression.failures,
            expression.literal,
            expression.constant,
        )
    if source == target or source.kind is Kind.NULL:
        return cast(expression, target, place, session=session)
    if expression.parts:
        return _row_of_parts(expression.parts, target, place, session)
    conversion = converted(expression.value, source, target, session, keep_lengths=True)
    if expression.literal:
        return _converted_literal(expression, conversion, target, place, safe=False)
    return _with_failure(expression, conversion, target, place, safe=False)


def _row_of_parts(
    parts: Sequence[Expression], target: SqlType, place: exp.Expr, session: Session
) -> Expression:
    """ROW(...) with each of its fields converted before they are put together."""
    fields = [
        coerce(part, field.type, part.node or place, session)
        for part, field in zip(parts, target.fields, strict=True)
    ]
    columns = [
        part.value.alias(field.name) for part, field in zip(fields, target.fields, strict=True)
    ]
    failures = tuple(failure for part in fields for failure in part.failures)
    return Expression(pl.struct(columns), target, failures, parts=tuple(fields))


def _is_text(sql_type: SqlType) -> bool:
    return sql_type.is_string or sql_type.is_binary


def _text(place: exp.Expr) -> str:
    # Our own nodes have no text in sqlglot.
    text = "..." if place.find(JsonCall) else place.sql()
    return text if len(text) <= 40 else "..."


def _with_failure(
    expression: Expression, conversion: Conversion, target: SqlType, place: exp.Expr, *, safe: bool
) -> Expression:
    if conversion.failed is None:
        return Expression(conversion.value, target, expression.failures)
    if safe:
        value = conversion.value
        if target.kind in (Kind.ROW, Kind.ARRAY, Kind.MAP):
            value = pl.when(conversion.failed.fill_null(value=False)).then(None).otherwise(value)
        return Expression(value, target, expression.failures)
    message = f"the {expression.type} is not a valid {target}"
    failure = Failure(conversion.failed, message, place, expression.value)
    return Expression(conversion.value, target, (*expression.failures, failure))


def _converted_literal(
    expression: Expression, conversion: Conversion, target: SqlType, place: exp.Expr, safe: bool
) -> Expression:
    failed = pl.lit(value=False) if conversion.failed is None else conversion.failed
    frame = pl.select(value=conversion.value, failed=failed.fill_null(value=False))
    if frame["failed"].item():
        if safe:
            return null_of(target)
        message = f"{expression.constant!r} is not a valid {target}"
        raise SqlError(message, place)
    constant = frame["value"].item()
    if target.kind in (Kind.TIMESTAMP, Kind.TIMESTAMP_LTZ, Kind.TIME):
        # Python's times end at microseconds: a column of nanoseconds is kept as its number.
        physical = pl.lit(frame["value"].to_physical().item(), pl.Int64)
        return Expression(physical.cast(polars_type(target)), target, (), True, constant)
    return literal(constant, target)
