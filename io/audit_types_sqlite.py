"""SQLite's declared types in Arrow, and those of databases that are known by SQLAlchemy alone."""

from __future__ import annotations

import pyarrow as pa
import sqlalchemy.types as sql_types

from pipeline_io.audit_readings import JSON, Reading, decimal_type, field_of, type_words

SECONDS_FUNCTION = "audit_us"
"""A function that connections to SQLite get: microseconds of a text, NULL where it is no time."""


def sqlite_reading(name: str, source_type: str, *, nullable: bool = True) -> Reading:
    """How a column is read, by its declared type: SQLite's rules of affinity, and besides them
    booleans, dates, timestamps, JSON and decimals with a scale."""
    kind, numbers = type_words(source_type)

    def made(
        arrow: pa.DataType,
        expression: str | None = None,
        *,
        connect_name: str | None = None,
        ticks: bool = False,
        as_decimal: bool = False,
    ) -> Reading:
        field = field_of(name, arrow, nullable=nullable, connect_name=connect_name)
        return Reading(field, source_type, expression, ticks=ticks, as_decimal=as_decimal)

    if kind.startswith("bool"):
        return made(pa.bool_(), "({value} <> 0)")
    if kind.startswith(("datetime", "timestamp")):
        return made(pa.timestamp("us"), f"{SECONDS_FUNCTION}({{value}})", ticks=True)
    if kind == "date":
        return made(pa.date32(), "CAST(julianday({value}) - 2440587.5 AS INTEGER)", ticks=True)
    if kind == "json":
        return made(pa.string(), connect_name=JSON)
    if "int" in kind:
        return made(pa.int64())
    if any(word in kind for word in ("char", "clob", "text")):
        return made(pa.string())
    if "blob" in kind:
        return made(pa.binary())
    if any(word in kind for word in ("real", "floa", "doub")):
        return made(pa.float64())
    if kind in ("numeric", "decimal") and numbers:
        arrow = decimal_type(*(*numbers, 0)[:2])
        if arrow is not None:
            return made(arrow, as_decimal=True)
    return made(pa.string(), "CAST({value} AS TEXT)")


def generic_reading(
    name: str, column_type: sql_types.TypeEngine[object], *, nullable: bool = True
) -> Reading:
    """How a column of any other database is read: as the driver gives it."""
    source_type = str(column_type)

    def made(arrow: pa.DataType, *, as_decimal: bool = False) -> Reading:
        field = field_of(name, arrow, nullable=nullable)
        return Reading(field, source_type, as_decimal=as_decimal)

    match column_type:
        case sql_types.Boolean():
            return made(pa.bool_())
        case sql_types.Integer():
            return made(pa.int64())
        case sql_types.Float():
            return made(pa.float64())
        case sql_types.Numeric(precision=int(digits), scale=int(scale)):
            arrow = decimal_type(digits, scale)
            return made(arrow, as_decimal=True) if arrow is not None else made(pa.string())
        case sql_types.DateTime(timezone=True):
            return made(pa.timestamp("us", "UTC"))
        case sql_types.DateTime():
            return made(pa.timestamp("us"))
        case sql_types.Date():
            return made(pa.date32())
        case sql_types.Time():
            return made(pa.time64("us"))
        case sql_types.LargeBinary():
            return made(pa.binary())
    return made(pa.string())
