"""PostgreSQL's types in Arrow, so that rows say what the connector's would say.

Times are asked for as integers: Python's have no infinity, no year BC and no 24:00.
"""

from __future__ import annotations

import re

import pyarrow as pa

from pipeline_io.audit_readings import (
    BITS,
    ENUM,
    JSON,
    MICRO_DURATION,
    UUID,
    XML,
    ZONED_TIME,
    Reading,
    decimal_type,
    field_of,
    type_words,
)
from pipeline_io.snapshot_postgres_columns import select_expression

# What the connector writes for 'infinity' and '-infinity'.
INFINITE_DAYS = (-622_191_234, -625_821_272)
INFINITE_US = (9_223_372_036_825_200_000, -9_223_372_036_832_400_000)

_DATE = (
    "CASE WHEN isfinite({value}) THEN {value} - DATE '1970-01-01' "
    f"WHEN {{value}} > DATE '1970-01-01' THEN {INFINITE_DAYS[0]} "
    f"WHEN {{value}} IS NOT NULL THEN {INFINITE_DAYS[1]} END"
)
# Seconds and microseconds apart: before version 14 both together are a double.
_MICROSECONDS = (
    "extract(epoch from date_trunc('second', {value}))::bigint * 1000000 "
    "+ extract(microseconds from {value})::bigint % 1000000"
)
_TIMESTAMP = (
    f"CASE WHEN isfinite({{value}}) THEN {_MICROSECONDS} "
    f"WHEN {{value}} = 'infinity' THEN {INFINITE_US[0]} "
    f"WHEN {{value}} IS NOT NULL THEN {INFINITE_US[1]} END"
)
_TIME = (
    "extract(hour from {value})::bigint * 3600000000 + extract(minute from {value})::bigint "
    "* 60000000 + extract(microseconds from {value})::bigint"
)
_INTEGERS: dict[str, pa.DataType] = {
    **dict.fromkeys(("smallint", "int2"), pa.int16()),
    **dict.fromkeys(("integer", "int", "int4"), pa.int32()),
    **dict.fromkeys(("bigint", "int8", "oid"), pa.int64()),
}
_FLOATS: dict[str, pa.DataType] = {
    **dict.fromkeys(("real", "float4"), pa.float32()),
    **dict.fromkeys(("double precision", "float8"), pa.float64()),
}
_TIMESTAMPS: dict[str, pa.DataType] = {
    **dict.fromkeys(("timestamp", "timestamp without time zone"), pa.timestamp("us")),
    **dict.fromkeys(("timestamptz", "timestamp with time zone"), pa.timestamp("us", "UTC")),
}
_ELEMENTS: dict[str, pa.DataType] = {
    **_INTEGERS,
    **_FLOATS,
    **dict.fromkeys(("boolean", "bool"), pa.bool_()),
}
_NAMED_TEXTS = {"json": JSON, "jsonb": JSON, "xml": XML, "uuid": UUID, "hstore": JSON}
# As they are: a cast to text would cut the blanks at the end of a CHAR.
_PLAIN_TEXTS = {"text", "varchar", "character varying", "char", "character", "bpchar"}


def postgresql_reading(
    name: str, source_type: str, *, nullable: bool = True, is_enum: bool = False
) -> Reading:
    """How a column is read.

    Args:
        source_type: as `format_type` has it, a domain's being that of its base.
    """
    kind, numbers = type_words(source_type)

    def made(
        arrow: pa.DataType,
        expression: str | None = None,
        *,
        connect_name: str | None = None,
        ticks: bool = False,
    ) -> Reading:
        field = field_of(name, arrow, nullable=nullable, connect_name=connect_name)
        return Reading(field, source_type, expression, ticks=ticks, native=source_type)

    if source_type.endswith("[]"):
        return _array(name, source_type, nullable=nullable)
    if is_enum:
        return made(pa.string(), "{value}::text", connect_name=ENUM)
    if kind in _INTEGERS:
        return made(_INTEGERS[kind])
    if kind in _FLOATS:
        return made(_FLOATS[kind])
    if kind in ("numeric", "decimal"):
        return _numeric(name, source_type, numbers, nullable=nullable)
    if kind == "money":
        return made(pa.decimal128(19, 2), "{value}::numeric(19, 2)")
    if kind in ("boolean", "bool"):
        return made(pa.bool_())
    if kind == "date":
        return made(pa.date32(), _DATE, ticks=True)
    if kind in _TIMESTAMPS:
        return made(_TIMESTAMPS[kind], _TIMESTAMP, ticks=True)
    if kind in ("time", "time without time zone"):
        return made(pa.time64("us"), _TIME, ticks=True)
    if kind in ("timetz", "time with time zone"):
        return made(pa.string(), select_expression("{value}", kind), connect_name=ZONED_TIME)
    if kind == "interval":
        interval = f"({select_expression('{value}', kind)})::bigint"
        return made(pa.int64(), interval, connect_name=MICRO_DURATION)
    if kind == "bytea":
        return made(pa.binary())
    if kind == "bit" and numbers in ((), (1,)):
        return made(pa.bool_(), "({value} = B'1')")
    if kind in ("bit", "bit varying", "varbit"):
        bits = f"decode({select_expression('{value}', 'varbit')}, 'base64')"
        return made(pa.binary(), bits, connect_name=BITS)
    if kind == "hstore":
        return made(pa.string(), "hstore_to_json({value})::text", connect_name=JSON)
    if kind in _PLAIN_TEXTS:
        return made(pa.string())
    return made(pa.string(), "{value}::text", connect_name=_NAMED_TEXTS.get(kind))


def _numeric(name: str, source_type: str, numbers: tuple[int, ...], *, nullable: bool) -> Reading:
    if numbers and (arrow := decimal_type(*(*numbers, 0)[:2])) is not None:
        # NaN has no place in a decimal: NULL, as the connector sends it.
        field = field_of(name, arrow, nullable=True)
        expression = "NULLIF({value}, 'NaN')"
        return Reading(field, source_type, expression, native=source_type)
    field = field_of(name, pa.string(), nullable=True)
    return Reading(field, source_type, select_expression("{value}", "numeric"), native=source_type)


def _array(name: str, source_type: str, *, nullable: bool) -> Reading:
    element, _ = type_words(re.sub(r"\[\]$", "", source_type))
    inner = _ELEMENTS.get(element)
    expression = None if inner is not None else "{value}::text[]"
    field = field_of(name, pa.list_(inner or pa.string()), nullable=nullable)
    return Reading(field, source_type, expression)
