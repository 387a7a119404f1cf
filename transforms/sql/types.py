"""The SQL types of a job, as Flink SQL names them, and their columns in polars."""

from __future__ import annotations

import dataclasses
import enum
from typing import Literal

import polars as pl

MAX_DECIMAL_PRECISION = 38
"""Flink's and Calcite's limit, and what 128 bits hold."""


class Kind(enum.Enum):
    """The families of types; the value is how SQL spells them."""

    NULL = "NULL"
    BOOLEAN = "BOOLEAN"
    TINYINT = "TINYINT"
    SMALLINT = "SMALLINT"
    INT = "INT"
    BIGINT = "BIGINT"
    FLOAT = "FLOAT"
    DOUBLE = "DOUBLE"
    DECIMAL = "DECIMAL"
    CHAR = "CHAR"
    VARCHAR = "VARCHAR"
    STRING = "STRING"
    BINARY = "BINARY"
    VARBINARY = "VARBINARY"
    BYTES = "BYTES"
    DATE = "DATE"
    TIME = "TIME"
    TIMESTAMP = "TIMESTAMP"
    TIMESTAMP_LTZ = "TIMESTAMP_LTZ"
    INTERVAL = "INTERVAL"
    INTERVAL_MONTH = "INTERVAL MONTH"
    ROW = "ROW"
    ARRAY = "ARRAY"
    MAP = "MAP"


INTEGERS = (Kind.TINYINT, Kind.SMALLINT, Kind.INT, Kind.BIGINT)
FLOATS = (Kind.FLOAT, Kind.DOUBLE)
NUMBERS = (*INTEGERS, Kind.DECIMAL, *FLOATS)
STRINGS = (Kind.CHAR, Kind.VARCHAR, Kind.STRING)
BINARIES = (Kind.BINARY, Kind.VARBINARY, Kind.BYTES)
TIMESTAMPS = (Kind.TIMESTAMP, Kind.TIMESTAMP_LTZ)


@dataclasses.dataclass(frozen=True)
class Field:
    """A named part of a ROW, or a column of a table."""

    name: str
    type: SqlType
    nullable: bool = True

    def __str__(self) -> str:
        return f"`{self.name}` {self.type}" + ("" if self.nullable else " NOT NULL")


@dataclasses.dataclass(frozen=True)
class SqlType:
    """One type. `precision` is DECIMAL's digits or a time's fractional digits; `length` is
    CHAR's, VARCHAR's, BINARY's and VARBINARY's. A MAP has `key` and `element`."""

    kind: Kind
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    fields: tuple[Field, ...] = ()
    element: SqlType | None = None
    key: SqlType | None = None

    def __str__(self) -> str:
        match self.kind:
            case Kind.DECIMAL:
                return f"DECIMAL({self.precision}, {self.scale})"
            case Kind.ROW:
                return f"ROW<{', '.join(str(field) for field in self.fields)}>"
            case Kind.ARRAY:
                return f"ARRAY<{self.element}>"
            case Kind.MAP:
                return f"MAP<{self.key}, {self.element}>"
            case Kind.TIME | Kind.TIMESTAMP | Kind.TIMESTAMP_LTZ:
                return f"{self.kind.value}({self.precision})"
        return self.kind.value if self.length is None else f"{self.kind.value}({self.length})"

    @property
    def is_number(self) -> bool:
        return self.kind in NUMBERS

    @property
    def is_integer(self) -> bool:
        return self.kind in INTEGERS

    @property
    def is_string(self) -> bool:
        return self.kind in STRINGS

    @property
    def is_binary(self) -> bool:
        return self.kind in BINARIES

    @property
    def is_timestamp(self) -> bool:
        return self.kind in TIMESTAMPS


NULL = SqlType(Kind.NULL)
BOOLEAN = SqlType(Kind.BOOLEAN)
TINYINT = SqlType(Kind.TINYINT)
SMALLINT = SqlType(Kind.SMALLINT)
INT = SqlType(Kind.INT)
BIGINT = SqlType(Kind.BIGINT)
FLOAT = SqlType(Kind.FLOAT)
DOUBLE = SqlType(Kind.DOUBLE)
STRING = SqlType(Kind.STRING)
BYTES = SqlType(Kind.BYTES)
DATE = SqlType(Kind.DATE)
INTERVAL = SqlType(Kind.INTERVAL)
"""Days to fractions of a second."""
INTERVAL_MONTH = SqlType(Kind.INTERVAL_MONTH)
"""Years and months, counted in months."""


def decimal(precision: int, scale: int) -> SqlType:
    return SqlType(Kind.DECIMAL, precision=precision, scale=scale)


def time(precision: int = 0) -> SqlType:
    return SqlType(Kind.TIME, precision=precision)


def timestamp(precision: int = 6) -> SqlType:
    return SqlType(Kind.TIMESTAMP, precision=precision)


def timestamp_ltz(precision: int = 6) -> SqlType:
    return SqlType(Kind.TIMESTAMP_LTZ, precision=precision)


def row(*fields: Field) -> SqlType:
    return SqlType(Kind.ROW, fields=fields)


def array(element: SqlType) -> SqlType:
    return SqlType(Kind.ARRAY, element=element)


def map_of(key: SqlType, element: SqlType) -> SqlType:
    return SqlType(Kind.MAP, key=key, element=element)


def element_type(sql_type: SqlType) -> SqlType:
    """The type of an ARRAY's elements or a MAP's values. Raises TypeError for other types."""
    if sql_type.element is None:
        message = f"{sql_type} has no elements; expected an ARRAY or a MAP"
        raise TypeError(message)
    return sql_type.element


def key_type(sql_type: SqlType) -> SqlType:
    """The type of a MAP's keys. Raises TypeError for other types."""
    if sql_type.key is None:
        message = f"{sql_type} has no keys; expected a MAP"
        raise TypeError(message)
    return sql_type.key


def time_unit(sql_type: SqlType) -> Literal["us", "ns"]:
    """The unit in which polars holds a TIMESTAMP or TIMESTAMP_LTZ of that precision."""
    return "us" if (sql_type.precision or 0) <= 6 else "ns"


_POLARS: dict[Kind, pl.DataType] = {
    Kind.NULL: pl.Null(),
    Kind.BOOLEAN: pl.Boolean(),
    Kind.TINYINT: pl.Int8(),
    Kind.SMALLINT: pl.Int16(),
    Kind.INT: pl.Int32(),
    Kind.BIGINT: pl.Int64(),
    Kind.FLOAT: pl.Float32(),
    Kind.DOUBLE: pl.Float64(),
    Kind.DATE: pl.Date(),
    Kind.TIME: pl.Time(),
    Kind.INTERVAL: pl.Duration("us"),
    Kind.INTERVAL_MONTH: pl.Int32(),
}


def polars_type(sql_type: SqlType) -> pl.DataType:
    """The polars type that a column of `sql_type` has in the in-process engine.

    DECIMAL(p, s) is Decimal(38, s): polars computes with 38 digits, and the engine checks `p`.
    TIMESTAMP(p) is in microseconds, above 6 digits in nanoseconds; TIMESTAMP_LTZ the same in UTC.
    A MAP is a list of key and value, as in Arrow.
    """
    match sql_type:
        case SqlType(kind=Kind.DECIMAL, scale=int(scale)):
            return pl.Decimal(MAX_DECIMAL_PRECISION, scale)
        case SqlType(kind=Kind.TIMESTAMP):
            return pl.Datetime(time_unit(sql_type))
        case SqlType(kind=Kind.TIMESTAMP_LTZ):
            return pl.Datetime(time_unit(sql_type), "UTC")
        case SqlType(kind=Kind.ROW, fields=fields):
            return pl.Struct([pl.Field(field.name, polars_type(field.type)) for field in fields])
        case SqlType(kind=Kind.ARRAY, element=SqlType() as element):
            return pl.List(polars_type(element))
        case SqlType(kind=Kind.MAP, key=SqlType() as key, element=SqlType() as element):
            entry = [pl.Field("key", polars_type(key)), pl.Field("value", polars_type(element))]
            return pl.List(pl.Struct(entry))
    if sql_type.is_string:
        return pl.String()
    if sql_type.is_binary:
        return pl.Binary()
    return _POLARS[sql_type.kind]
