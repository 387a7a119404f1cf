"""The aggregates of a window: what of them Beam SQL computes, and their values by its columns."""

from __future__ import annotations

import dataclasses
import decimal
from collections.abc import Sequence

import polars as pl

from transforms.sql import types
from transforms.sql.beam_sql_columns import carried, restored
from transforms.sql.compile import cast
from transforms.sql.errors import SqlError
from transforms.sql.expression import Expression, Failure, Session
from transforms.sql.types import MAX_DECIMAL_PRECISION, Kind, SqlType
from transforms.sql.windows_grouping import AggregateCall

_LEAST_AVERAGE_SCALE = 6
"""Digits after the point that AVG of a DECIMAL has at least, in Flink SQL."""

_COUNTED = types.INT

_WHOLE = pl.Decimal(MAX_DECIMAL_PRECISION, 0)
_BITS = {Kind.TINYINT: 8, Kind.SMALLINT: 16, Kind.INT: 32, Kind.BIGINT: 64}


@dataclasses.dataclass(frozen=True)
class Computed:
    """One column that Beam SQL computes: `function` of the input's column `argument`."""

    name: str
    function: str
    argument: str | None
    type: SqlType

    def sql(self) -> str:
        return f"{self.function}({self.argument or '*'}) AS {self.name}"


@dataclasses.dataclass(frozen=True)
class Aggregate:
    """An aggregate as the statement means it.

    argument: the column of the input that it is computed from, as it crosses; None for COUNT(*).
    computed: Beam SQL's part. value: the aggregate, over the columns that come out.
    """

    argument: Expression | None
    computed: tuple[Computed, ...]
    value: Expression


def aggregate(call: AggregateCall, argument: Expression | None, session: Session) -> Aggregate:
    """What a call of a script stands for. SqlError where its argument has no such aggregate."""
    name = call.name
    if argument is None:
        count = Computed(name, "COUNT", None, types.BIGINT)
        return Aggregate(None, (count,), restored(name, types.BIGINT))
    if call.function == "COUNT":
        known = pl.when(argument.value.is_not_null()).then(1).cast(pl.Int32)
        counted = Expression(known, _COUNTED, argument.failures)
        count = Computed(name, "COUNT", name, types.BIGINT)
        return Aggregate(counted, (count,), restored(name, types.BIGINT))
    if call.function in ("MIN", "MAX"):
        _check_ordered(call, argument.type)
        crossing = carried(argument, call.node)
        found = Computed(name, call.function, name, crossing.type)
        return Aggregate(crossing, (found,), restored(name, argument.type))
    if not argument.type.is_number:
        message = f"{call.function} of a {argument.type}; expected a number"
        raise SqlError(message, call.node)
    summed, total = _summed(call, argument, session)
    sums = Computed(name, "SUM", name, total)
    value = Expression(pl.col(name), total)
    if call.function == "SUM":
        result = _sum_type(argument.type)
        checked = dataclasses.replace(value, failures=_outside(call, value, result))
        return Aggregate(summed, (sums,), cast(checked, result, call.node, session=session))
    counts = Computed(f"{name}n", "COUNT", name, types.BIGINT)
    return Aggregate(summed, (sums, counts), _average(call, argument.type, value, counts))


def _check_ordered(call: AggregateCall, sql_type: SqlType) -> None:
    if sql_type.kind in (Kind.BOOLEAN, Kind.ROW, Kind.ARRAY, Kind.MAP) or sql_type.is_binary:
        message = f"{call.function} of a {sql_type}; expected a number, a string or a time"
        raise SqlError(message, call.node)


def _outside(call: AggregateCall, total: Expression, result: SqlType) -> tuple[Failure, ...]:
    """Refuses a sum that its type does not hold: a CAST would begin again at the lowest."""
    if not result.is_integer:
        return ()
    bits = _BITS[result.kind] - 1
    number = total.value.cast(_WHOLE)
    low, high = (pl.lit(decimal.Decimal(one), _WHOLE) for one in (-(2**bits), 2**bits - 1))
    message = f"{call.function} is more than a {result} holds; CAST its argument to a DECIMAL"
    return (Failure((number < low) | (number > high), message, call.node, total.value),)


def _sum_type(sql_type: SqlType) -> SqlType:
    if sql_type.kind is Kind.DECIMAL:
        return types.decimal(MAX_DECIMAL_PRECISION, sql_type.scale or 0)
    return sql_type


def _summed(
    call: AggregateCall, argument: Expression, session: Session
) -> tuple[Expression, SqlType]:
    """The argument as it is summed up, and the type of the sum.

    Of a type that the sum does not leave: Beam SQL's sum of BIGINTs begins again at the lowest
    when it passes the highest, and ours is refused.
    """
    if argument.type.kind in types.FLOATS:
        total = types.DOUBLE
    elif argument.type.kind is Kind.DECIMAL:
        total = types.decimal(MAX_DECIMAL_PRECISION, argument.type.scale or 0)
    elif argument.type.kind is Kind.BIGINT:
        total = types.decimal(MAX_DECIMAL_PRECISION, 0)
    else:
        total = types.BIGINT
    return cast(argument, total, call.node, session=session), total


def _average(
    call: AggregateCall, sql_type: SqlType, total: Expression, counts: Computed
) -> Expression:
    """The sum by the count, of Flink's type for it; NULL where nothing was summed up."""
    count = pl.when(pl.col(counts.name) > 0).then(pl.col(counts.name))
    if sql_type.kind in types.FLOATS:
        value = total.value / count
        result = sql_type
    elif sql_type.kind is Kind.DECIMAL:
        scale = max(_LEAST_AVERAGE_SCALE, sql_type.scale or 0)
        result = types.decimal(MAX_DECIMAL_PRECISION, scale)
        value = _exact(total.value, count, scale)
    else:
        result = sql_type
        value = _exact(total.value, count, None)
    return Expression(value.cast(types.polars_type(result)), result, node=call.node)


def _exact(total: pl.Expr, count: pl.Expr, scale: int | None) -> pl.Expr:
    """The quotient: rounded half up to `scale` digits, or cut to a whole number for None."""
    dtype = pl.Int64() if scale is None else pl.Decimal(MAX_DECIMAL_PRECISION, scale)

    def divide(columns: Sequence[pl.Series]) -> pl.Series:
        # Row by row: it is a few rows a window, and polars' division keeps no such scale.
        pairs = zip(*columns, strict=True)
        return pl.Series("", [_quotient(a, b, scale) for a, b in pairs], dtype=dtype)

    return pl.map_batches([total, count], divide, return_dtype=dtype, is_elementwise=True)


def _quotient(
    total: decimal.Decimal | int | None, count: int | None, scale: int | None
) -> decimal.Decimal | int | None:
    if total is None or count is None:
        return None
    # Twice the digits, so that rounding happens once.
    with decimal.localcontext() as context:
        context.prec = 2 * MAX_DECIMAL_PRECISION
        if scale is None:
            return int(decimal.Decimal(total) // count)
        step = decimal.Decimal(1).scaleb(-scale)
        context.rounding = decimal.ROUND_HALF_UP
        return (decimal.Decimal(total) / count).quantize(step)
