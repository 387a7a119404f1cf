"""Arrow columns as the values that a driver binds, exactly."""

from __future__ import annotations

import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_TYPES: Any = pa.types
_COMPUTE: Any = pc

_ELEMENTS = {
    pa.bool_(): "boolean",
    pa.int8(): "smallint",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float32(): "real",
    pa.float64(): "double precision",
    pa.string(): "text",
    pa.binary(): "bytea",
    pa.date32(): "date",
    pa.time64("us"): "time",
}


def postgres_element(kind: pa.DataType) -> str:
    """PostgreSQL's type of an Arrow column's values. Raises TypeError."""
    if _TYPES.is_decimal(kind):
        return "numeric"
    if isinstance(kind, pa.TimestampType):
        return "timestamp" if kind.tz is None else "timestamptz"
    if kind not in _ELEMENTS:
        message = f"no column of a database has values of Arrow's {kind}"
        raise TypeError(message)
    return _ELEMENTS[kind]


def values_of(column: Any, kind: str) -> list[Any]:
    """The values of a column, for a database of that kind (SQLAlchemy's name).

    A decimal is a text with all its digits where the driver would make a float of it; SQLite gets
    times as the texts that SQLAlchemy reads.
    """
    of = column.type
    if _TYPES.is_decimal(of) and kind in ("sqlite", "mysql", "mariadb"):
        return [None if value is None else format(value, "f") for value in column.to_pylist()]
    if kind == "sqlite" and _TYPES.is_timestamp(of):
        wall_clock = _COMPUTE.cast(column, pa.timestamp("us"))
        return list(_COMPUTE.cast(wall_clock, pa.string()).to_pylist())
    if kind == "sqlite" and (_TYPES.is_time(of) or _TYPES.is_date(of)):
        return list(_COMPUTE.cast(column, pa.string()).to_pylist())
    if _TYPES.is_timestamp(of) and of.tz is not None:
        # A wall clock in UTC: only PostgreSQL has a type with a zone.
        wall_clock = _COMPUTE.cast(column, pa.timestamp("us")).to_pylist()
        zone = datetime.timezone.utc if kind == "postgresql" else None
        return [None if value is None else value.replace(tzinfo=zone) for value in wall_clock]
    return list(column.to_pylist())
