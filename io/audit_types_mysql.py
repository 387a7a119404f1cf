"""MySQL's and MariaDB's types in Arrow, so that rows say what the connector's would say.

The session's time zone is UTC. A zero date is NULL, or 1970-01-01 where the column takes no NULL.
"""

from __future__ import annotations

import pyarrow as pa

from pipeline_io.audit_readings import (
    BITS,
    ENUM,
    ENUM_SET,
    JSON,
    YEAR,
    Reading,
    decimal_type,
    field_of,
    type_words,
)
from pipeline_io.snapshot_mysql_columns import select_expression

_INTEGERS: dict[str, tuple[pa.DataType, pa.DataType]] = {
    "tinyint": (pa.int16(), pa.int16()),
    "smallint": (pa.int16(), pa.int32()),
    "mediumint": (pa.int32(), pa.int32()),
    **dict.fromkeys(("int", "integer"), (pa.int32(), pa.int64())),
    "bigint": (pa.int64(), pa.decimal128(20, 0)),
}
"""Signed and unsigned."""

_BYTES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
_GEOMETRIES = {
    *("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring"),
    *("multipolygon", "geometrycollection", "geomcollection"),
}
_DATE = "TO_DAYS({value}) - 719528"
_TIMES = "TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', {value})"
# The hours of a TIME go beyond a day and below zero, and MICROSECOND has no sign.
_TIME = (
    "IF(LEFT(CAST({value} AS CHAR), 1) = '-', -1, 1) "
    "* (ABS(TIME_TO_SEC({value})) * 1000000 + MICROSECOND({value}))"
)


def mysql_reading(name: str, source_type: str, *, nullable: bool = True) -> Reading:
    """How a column is read.

    Args:
        source_type: `COLUMN_TYPE` of information_schema, such as `int(10) unsigned`.
    """
    words, numbers = type_words(source_type)
    kind = words.split()[0] if words else "text"
    unsigned = "unsigned" in words or "zerofill" in words

    def made(
        arrow: pa.DataType,
        expression: str | None = None,
        *,
        connect_name: str | None = None,
        order: str | None = None,
        ticks: bool = False,
    ) -> Reading:
        if ticks and not nullable and kind != "time":
            expression = f"IFNULL({expression}, 0)"
        field = field_of(name, arrow, nullable=nullable, connect_name=connect_name)
        return Reading(field, source_type, expression, ticks=ticks, order=order)

    if kind in _INTEGERS:
        arrow = _INTEGERS[kind][unsigned]
        if pa.types.is_decimal(arrow):
            return made(arrow, "CAST({value} AS DECIMAL(20, 0))", order="{value}")
        # ZEROFILL prints zeros before the digits.
        return made(arrow, "({value} + 0)" if "zerofill" in words else None)
    if kind in ("decimal", "numeric"):
        arrow_decimal = decimal_type(*(*numbers, *(10, 0)[len(numbers) :])[:2])
        return made(arrow_decimal or pa.string())
    if kind in ("float", "double", "real"):
        arrow = pa.float32() if kind == "float" else pa.float64()
        return made(arrow, select_expression("{value}", kind) if kind == "float" else None)
    if kind == "bit" and numbers in ((), (1,)):
        return made(pa.bool_(), "({value} = 1)")
    if kind == "bit":
        return made(pa.binary(), "REVERSE(CAST({value} AS BINARY))", connect_name=BITS)
    if kind in _BYTES:
        return made(pa.binary())
    if kind == "date":
        return made(pa.date32(), _DATE, ticks=True)
    if kind == "datetime":
        return made(pa.timestamp("us"), _TIMES, ticks=True)
    if kind == "timestamp":
        return made(pa.timestamp("us", "UTC"), _TIMES, ticks=True)
    if kind == "time":
        return made(pa.time64("us"), _TIME, ticks=True)
    if kind == "year":
        return made(pa.int32(), "({value} + 0)", connect_name=YEAR)
    if kind in ("enum", "set"):
        # They sort by their numbers and compare with a text by their texts.
        name_of_kind = ENUM if kind == "enum" else ENUM_SET
        return made(pa.string(), connect_name=name_of_kind, order="CAST({value} AS CHAR)")
    if kind == "json":
        return made(pa.string(), "CAST({value} AS CHAR)", connect_name=JSON)
    if kind in _GEOMETRIES:
        return made(pa.string(), "ST_AsText({value})")
    return made(pa.string())
