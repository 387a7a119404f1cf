"""Sink columns that Avro can hold, rows of them, and what is read back of a value."""

import datetime
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import strategies as st

from transforms.sql import types
from transforms.sql.types import Field, Kind, SqlType, polars_type

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=70)
_UTC = datetime.timezone.utc


def _decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**precision - 1
    near = st.sampled_from([0, 1, -1, 127, 128, -128, -129, 2**63, -(2**63), most, -most])
    unscaled = st.integers(-most, most) | near.filter(lambda it: abs(it) <= most)
    return unscaled.map(
        lambda it: Decimal((int(it < 0), tuple(int(digit) for digit in str(abs(it))), -scale))
    )


VALUES: dict[SqlType, st.SearchStrategy[Any]] = {
    types.NULL: st.none(),
    types.BOOLEAN: st.booleans(),
    types.TINYINT: st.integers(-(2**7), 2**7 - 1),
    types.SMALLINT: st.integers(-(2**15), 2**15 - 1),
    types.INT: st.integers(-(2**31), 2**31 - 1),
    types.BIGINT: st.integers(-(2**63), 2**63 - 1) | st.integers(-200, 200),
    types.FLOAT: st.floats(width=32, allow_nan=False),
    types.DOUBLE: st.floats(allow_nan=False),
    types.decimal(1, 0): _decimals(1, 0),
    types.decimal(10, 2): _decimals(10, 2),
    types.decimal(19, 19): _decimals(19, 19),
    types.decimal(38, 5): _decimals(38, 5),
    types.STRING: _TEXT,
    SqlType(Kind.VARCHAR, length=300): _TEXT,
    types.BYTES: st.binary(max_size=70),
    types.DATE: st.dates(),
    types.time(0): st.times().map(lambda it: it.replace(microsecond=0)),
    types.time(3): st.times(),
    types.timestamp(0): st.datetimes(),
    types.timestamp(3): st.datetimes(),
    types.timestamp(6): st.datetimes(),
    types.timestamp_ltz(3): st.datetimes(timezones=st.just(_UTC)),
    types.timestamp_ltz(6): st.datetimes(timezones=st.just(_UTC)),
}
_NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,3}", fullmatch=True)


def _wrapped(inner: st.SearchStrategy[SqlType]) -> st.SearchStrategy[SqlType]:
    return st.one_of(
        _fields(inner, 3).map(lambda parts: types.row(*parts)),
        inner.map(types.array),
        inner.map(lambda element: types.map_of(types.STRING, element)),
    )


def _fields(inner: st.SearchStrategy[SqlType], most: int) -> st.SearchStrategy[list[Field]]:
    field = st.builds(Field, _NAMES, inner, st.booleans())
    # Names that differ by an underscore can make two records of one name, which is refused.
    return st.lists(
        field, min_size=1, max_size=most, unique_by=lambda it: it.name.replace("_", "")
    ).filter(lambda parts: all("_" not in part.name for part in parts))


def columns() -> st.SearchStrategy[list[Field]]:
    return _fields(st.recursive(st.sampled_from(list(VALUES)), _wrapped, max_leaves=5), 4)


def values(field: Field) -> st.SearchStrategy[Any]:
    strategy: st.SearchStrategy[Any]
    match field.type:
        case SqlType(kind=Kind.ROW, fields=fields):
            strategy = st.fixed_dictionaries({part.name: values(part) for part in fields})
        case SqlType(kind=Kind.ARRAY, element=SqlType() as element):
            strategy = st.lists(values(Field("", element)), max_size=3)
        case SqlType(kind=Kind.MAP, element=SqlType() as element):
            strategy = st.dictionaries(
                st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
                values(Field("", element)),
                max_size=3,
            )
        case _:
            strategy = VALUES[field.type]
    return st.none() | strategy if field.nullable else strategy


def frame_of(fields: list[Field], rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    """The rows as the engine holds them, in the types of the sink's columns."""
    return pl.DataFrame(
        [
            pl.Series(
                field.name,
                [_in_polars(row[place], field.type) for row in rows],
                polars_type(field.type),
                strict=False,
            )
            for place, field in enumerate(fields)
        ]
    )


def _in_polars(value: Any, sql_type: SqlType) -> Any:
    if value is None:
        return None
    match sql_type:
        case SqlType(kind=Kind.ROW, fields=fields):
            return {part.name: _in_polars(value[part.name], part.type) for part in fields}
        case SqlType(kind=Kind.ARRAY, element=SqlType() as element):
            return [_in_polars(part, element) for part in value]
        case SqlType(kind=Kind.MAP, element=SqlType() as element):
            return [{"key": key, "value": _in_polars(part, element)} for key, part in value.items()]
    return value


def in_avro(value: Any, sql_type: SqlType) -> Any:
    """The value as an Avro reader gives it: with Avro's precision, timestamps in UTC."""
    if value is None:
        return None
    precision = sql_type.precision or 0
    match sql_type:
        case SqlType(kind=Kind.ROW, fields=fields):
            return {part.name: in_avro(value[part.name], part.type) for part in fields}
        case SqlType(kind=Kind.ARRAY, element=SqlType() as element):
            return [in_avro(part, element) for part in value]
        case SqlType(kind=Kind.MAP, element=SqlType() as element):
            return {key: in_avro(part, element) for key, part in value.items()}
        case SqlType(kind=Kind.TIMESTAMP | Kind.TIMESTAMP_LTZ | Kind.TIME as kind):
            if precision <= 3:
                value = value.replace(microsecond=value.microsecond // 1000 * 1000)
            return value if kind is Kind.TIME else value.replace(tzinfo=_UTC)
    return value
