"""How columns cross to Beam SQL and come back: as values that both sides hold exactly."""

from __future__ import annotations

import base64
import datetime
import decimal
import typing
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
from apache_beam.typehints import row_type
from apache_beam.typehints.schemas import MillisInstant
from apache_beam.utils.timestamp import Timestamp
from sqlglot import exp

from transforms.sql import types
from transforms.sql.errors import SqlError
from transforms.sql.expression import Expression
from transforms.sql.types import Kind, SqlType, polars_type, time_unit

_NOT_FITTING = (pl.exceptions.PolarsError, OverflowError, TypeError, ValueError)

_EPOCH = datetime.date(1970, 1, 1)

Columns = Sequence[tuple[str, SqlType]]

_BEAM_TYPES: dict[Kind, typing.Any] = {
    Kind.BOOLEAN: bool,
    Kind.TINYINT: np.int8,
    Kind.SMALLINT: np.int16,
    Kind.INT: np.int32,
    Kind.BIGINT: np.int64,
    Kind.FLOAT: np.float32,
    Kind.DOUBLE: np.float64,
    Kind.DECIMAL: decimal.Decimal,
}


def carried_type(sql_type: SqlType, place: exp.Expr) -> SqlType:
    """The type as which values of `sql_type` cross. SqlError for one that does not.

    Times cross as whole numbers of their own unit, since Beam SQL's TIMESTAMP ends at
    milliseconds: nothing is lost, and their order is kept.
    """
    match sql_type.kind:
        case Kind.NULL | Kind.DATE | Kind.INTERVAL_MONTH:
            return types.INT
        case Kind.TIME | Kind.TIMESTAMP | Kind.TIMESTAMP_LTZ | Kind.INTERVAL:
            return types.BIGINT
        case Kind.ROW | Kind.ARRAY | Kind.MAP:
            message = f"a {sql_type.kind.value} does not go to Beam SQL; take a value out of it"
            raise SqlError(message, place)
    if sql_type.is_string:
        return types.STRING
    return types.BYTES if sql_type.is_binary else sql_type


def carried(expression: Expression, place: exp.Expr) -> Expression:
    """The value as it crosses. SqlError for a type that does not."""
    target = carried_type(expression.type, place)
    value = expression.value
    if expression.type.kind is Kind.NULL:
        value = pl.lit(None, pl.Int32)
    elif target.kind in (Kind.INT, Kind.BIGINT):
        value = value.to_physical().cast(polars_type(target))
    return Expression(value, target, expression.failures, node=expression.node)


def restored(name: str, sql_type: SqlType) -> Expression:
    """The column `name` of a frame of carried values, as a value of `sql_type` again."""
    value = pl.col(name)
    match sql_type.kind:
        case Kind.TIMESTAMP | Kind.TIMESTAMP_LTZ:
            value = value.cast(pl.Datetime(time_unit(sql_type)))
            if sql_type.kind is Kind.TIMESTAMP_LTZ:
                value = value.dt.replace_time_zone("UTC")
        case _:
            value = value.cast(polars_type(sql_type))
    return Expression(value, sql_type)


_TIMES: dict[Kind, typing.Any] = {
    Kind.DATE: datetime.date,
    Kind.TIMESTAMP: MillisInstant,
    Kind.TIMESTAMP_LTZ: MillisInstant,
}


def beam_row_type(columns: Columns, times: Mapping[str, Kind]) -> row_type.RowTypeConstraint:
    """The schema of the rows that cross; every column may be NULL. `times` are the columns that
    cross as a DATE or a TIMESTAMP of Beam SQL."""
    fields = [
        (name, _TIMES[times[name]] if name in times else beam_type(sql_type))
        for name, sql_type in columns
    ]
    optional: list[tuple[str, typing.Any]] = [
        (name, typing.Optional[found])  # noqa: UP045 (made at runtime)
        for name, found in fields
    ]
    return row_type.RowTypeConstraint.from_fields(optional)


def time_value(kind: Kind, number: int | None) -> datetime.date | Timestamp | None:
    """A carried time as the value that Beam's schemas have for it."""
    if number is None:
        return None
    return _EPOCH + datetime.timedelta(number) if kind is Kind.DATE else Timestamp(micros=number)


def carried_value(value: typing.Any) -> typing.Any:
    """A value that came back, as its carried type has it."""
    if isinstance(value, Timestamp):
        return value.micros
    if isinstance(value, datetime.date):
        return (value - _EPOCH).days
    return value


def beam_type(sql_type: SqlType) -> typing.Any:
    """The Python type that Beam's schemas have for a carried type."""
    if sql_type.is_string:
        return str
    return bytes if sql_type.is_binary else _BEAM_TYPES[sql_type.kind]


def json_reader(sql_type: SqlType) -> Callable[[typing.Any], typing.Any] | None:
    """What makes the Python value of a carried type from its JSON value; None where it is one."""
    if sql_type.is_binary:
        return base64.b64decode
    if sql_type.kind is Kind.DECIMAL:
        return decimal.Decimal
    return float if sql_type.kind in types.FLOATS else None


def column_of(
    values: Sequence[typing.Any], sql_type: SqlType
) -> tuple[pl.Series, list[tuple[int, str]]]:
    """The values of a carried type as a column, and the numbers of those that it cannot hold,
    each with the reason; they are NULL in the column."""
    dtype = polars_type(sql_type)
    if sql_type.kind is Kind.DECIMAL:
        values = [_rescaled(value, sql_type.scale or 0) for value in values]
    elif sql_type.kind in types.FLOATS:
        values = [None if value is None else float(value) for value in values]
    if all(_has_digits(value, sql_type) for value in values):
        try:
            return pl.Series("", values, dtype=dtype, strict=True), []
        except _NOT_FITTING:
            # One by one, so that those that do not fit are the only ones refused.
            pass
    fitting: list[typing.Any] = []
    failures: list[tuple[int, str]] = []
    for number, value in enumerate(values):
        try:
            if not _has_digits(value, sql_type):
                message = f"{value} has too many digits"
                raise ValueError(message)
            pl.Series("", [value], dtype=dtype, strict=True)
        except _NOT_FITTING:
            failures.append((number, f"{value!r} does not fit {sql_type}"))
            fitting.append(None)
        else:
            fitting.append(value)
    return pl.Series("", fitting, dtype=dtype, strict=True), failures


def _has_digits(value: typing.Any, sql_type: SqlType) -> bool:
    """False for a decimal of more digits than its type has; polars would take some of them."""
    if not isinstance(value, decimal.Decimal) or sql_type.kind is not Kind.DECIMAL:
        return True
    return value.adjusted() < (sql_type.precision or 0) - (sql_type.scale or 0) or not value


def _rescaled(value: decimal.Decimal | int | None, scale: int) -> decimal.Decimal | None:
    """A number with `scale` digits after the point, rounded half up as SQL rounds."""
    if value is None:
        return None
    with decimal.localcontext() as context:
        context.prec = 2 * types.MAX_DECIMAL_PRECISION
        try:
            step = decimal.Decimal(1).scaleb(-scale)
            return decimal.Decimal(value).quantize(step, decimal.ROUND_HALF_UP)
        except decimal.InvalidOperation:
            # Too many digits for any DECIMAL: refused as it is.
            return decimal.Decimal(value)
