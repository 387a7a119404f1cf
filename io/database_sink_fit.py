"""Whether a column of a database takes each value of a column of a script, exactly."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from sqlalchemy import types as sql

from pipeline_io.database_sink_table import SinkColumn

_TYPES: Any = pa.types

_DOUBLE_DIGITS = 15
_MOST_BITS_OF_DOUBLE = 32
_BITS_OF_FLOAT = 32


def misfit(column: SinkColumn, target: Any, kind: str) -> str | None:
    """Why a column cannot take the values of another, and what would; None where it can.

    target: SQLAlchemy's type of the table's column. kind: SQLAlchemy's name of the database. What
    only some values break (a text that is too long, a number out of range) is the database's to
    refuse, row by row.
    """
    of = column.type
    if isinstance(target, sql.NullType):
        # A type that SQLAlchemy does not know takes texts.
        return None if _TYPES.is_string(of) else _cast("STRING")
    if _TYPES.is_string(of):
        return _text(column, target)
    if _TYPES.is_binary(of):
        return None if _is(target, sql.LargeBinary, sql._Binary) else _cast("STRING")  # noqa: SLF001
    if _TYPES.is_boolean(of):
        takes_numbers = kind != "postgresql" and isinstance(target, sql.Integer)
        return None if takes_numbers or isinstance(target, sql.Boolean) else _cast("INT")
    if _TYPES.is_integer(of):
        return _integer(of, target, kind)
    if _TYPES.is_decimal(of):
        return _decimal(of, target, kind)
    if _TYPES.is_floating(of):
        return _float(of, target, kind)
    return _time(column, target, kind)


def _is(target: Any, *classes: Any) -> bool:
    return isinstance(target, classes)


def _cast(to: str) -> str:
    return f"CAST it AS {to} in the script, or change the column"


def _is_decimal_column(target: Any) -> bool:
    return isinstance(target, sql.Numeric) and not isinstance(target, sql.Float)


def _text(column: SinkColumn, target: Any) -> str | None:
    if column.is_json:
        takes = _is(target, sql.String, sql.JSON)
        return None if takes else "it is written as JSON: make the column JSON or text"
    others = (sql.Numeric, sql.Integer, sql.Boolean, sql.Date, sql.DateTime, sql.Time)
    if _is(target, *others, sql.LargeBinary, sql._Binary):  # noqa: SLF001
        return f"CAST it AS the type of the column ({target!r}) in the script"
    return None


def _integer(of: Any, target: Any, kind: str) -> str | None:
    if isinstance(target, sql.Integer):
        return None
    if isinstance(target, sql.Float):
        exact = of.bit_width < _MOST_BITS_OF_DOUBLE or (
            of.bit_width == _MOST_BITS_OF_DOUBLE and not _is_single(target, kind)
        )
        return None if exact else _cast("DOUBLE, which has fewer digits,")
    if isinstance(target, sql.Numeric):
        return None
    return _cast("the column's type")


def _decimal(of: Any, target: Any, kind: str) -> str | None:
    if isinstance(target, sql.String):
        return None
    if isinstance(target, sql.Integer) and of.scale == 0 and kind != "sqlite":
        return None
    if not _is_decimal_column(target):
        return _cast("the column's type")
    if kind == "sqlite":
        # Its NUMERIC columns are floats.
        exact = of.precision <= _DOUBLE_DIGITS
        return None if exact else "SQLite makes a float of it: make the column TEXT"
    if target.scale is not None and of.scale > target.scale:
        return (
            f"the column has {target.scale} digits behind the point, and others would be rounded: "
            f"CAST it AS DECIMAL({target.precision}, {target.scale}) in the script, or change the "
            "column"
        )
    return None


def _float(of: Any, target: Any, kind: str) -> str | None:
    if not isinstance(target, sql.Float):
        return _cast("the column's type")
    if of.bit_width > _BITS_OF_FLOAT and _is_single(target, kind):
        return "the column has 7 digits, and others would be lost: CAST it AS FLOAT in the script"
    return None


def _is_single(target: Any, kind: str) -> bool:
    """Whether a column of floating-point numbers has 32 bits."""
    if kind == "sqlite" or isinstance(target, (sql.Double, sql.DOUBLE_PRECISION)):
        return False
    if kind in ("mysql", "mariadb"):
        return str(target.__visit_name__) == "FLOAT"
    return isinstance(target, sql.REAL)


def _time(column: SinkColumn, target: Any, kind: str) -> str | None:
    of = column.type
    if kind == "sqlite" and isinstance(target, sql.String):
        return None
    if _TYPES.is_date(of):
        return None if _is(target, sql.Date, sql.DateTime) else _cast("the column's type")
    wanted = sql.Time if _TYPES.is_time(of) else sql.DateTime
    if not isinstance(target, wanted):
        return _cast("the column's type")
    digits = getattr(target, "fsp", None) if kind in ("mysql", "mariadb") else None
    if kind in ("mysql", "mariadb"):
        digits = digits or 0
    elif kind == "postgresql":
        digits = getattr(target, "precision", None)
    if digits is not None and column.digits is not None and column.digits > digits:
        return (
            f"the column keeps {digits} digits of a second, and others would be rounded: declare "
            f"{digits} digits in the script, where more are cut, or change the column"
        )
    return None
