"""A writer's field read as a declared column: which types fit, and how values become polars'.

Fits what Avro's own schema resolution widens (int to long, float to double, bytes to string), the
time types that Debezium and Kafka Connect mean by `connect.name`, and decimals wherever no digit is
lost. Anything else is a mismatch that says what to declare instead.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa

from transforms.sql.types import Kind, SqlType, polars_type, time_unit
from transforms.sql.writer_nested import read_array, read_map, read_row
from transforms.sql.writer_types import (
    DEBEZIUM_TIMES,
    DEBEZIUM_TIMESTAMPS,
    Reading,
    SchemaMismatch,
    declaration_for,
    semantic_type,
)

_TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_INTEGER_RANGE = {Kind.TINYINT: 2**7, Kind.SMALLINT: 2**15}
_DIGITS = {pa.int32(): 10, pa.int64(): 19}
_INT64_LIMIT = 2**63


def reading(field: pa.Field[Any], declared: SqlType) -> Reading:
    """How `field` of a writer's schema is read as `declared`. Raises SchemaMismatch."""
    found = _reading(field, declared)
    if found is None:
        name = semantic_type(field)
        written = f"{field.type}" + (f" ({name})" if name else "")
        message = (
            f"{field.name!r} is declared {declared}, and the topic has {written}; "
            f"declare it {declaration_for(field)}"
        )
        raise SchemaMismatch(message)
    return found


def _reading(field: pa.Field[Any], declared: SqlType) -> Reading | None:
    arrow = field.type
    match declared.kind:
        case Kind.BOOLEAN if pa.types.is_boolean(arrow):
            return _plain(declared)
        case Kind.TINYINT | Kind.SMALLINT if arrow == pa.int32():
            limit = _INTEGER_RANGE[declared.kind]
            return Reading(
                _same,
                lambda value: value.cast(polars_type(declared), strict=False),
                lambda value: ~value.is_between(-limit, limit - 1),
                f"a number from {-limit} to {limit - 1}",
            )
        case Kind.INT if arrow == pa.int32() or _is_day_or_milliseconds(arrow):
            return _plain(declared, pa.int32())
        case Kind.BIGINT if arrow in (pa.int32(), pa.int64()) or _is_long_time(arrow):
            return _plain(declared, pa.int64())
        case Kind.FLOAT if arrow in (pa.float32(), pa.int32(), pa.int64()):
            return _plain(declared)
        case Kind.DOUBLE if arrow in (pa.float32(), pa.float64(), pa.int32(), pa.int64()):
            return _plain(declared)
        case Kind.DECIMAL:
            return _decimal(field, declared)
        case Kind.BYTES | Kind.VARBINARY | Kind.BINARY if _is_text_or_bytes(arrow):
            return _plain(declared, pa.binary())
        case Kind.STRING | Kind.VARCHAR | Kind.CHAR:
            return _text(field, declared)
        case Kind.DATE if arrow == pa.date32() or semantic_type(field) == "Date":
            return _plain(declared, pa.date32())
        case Kind.TIME:
            return _time(field, declared)
        case Kind.TIMESTAMP | Kind.TIMESTAMP_LTZ:
            return _timestamp(field, declared)
        case Kind.ROW if pa.types.is_struct(arrow):
            return read_row(field, declared, reading)
        case Kind.ARRAY if pa.types.is_list(arrow):
            return read_array(field, declared, reading)
        case Kind.MAP if pa.types.is_map(arrow):
            return read_map(field, declared, reading)
    return None


def _same(column: pa.Array[Any]) -> pa.Array[Any]:
    return column


def _plain(declared: SqlType, arrow: pa.DataType | None = None) -> Reading:
    """Every value fits; `arrow` is the type with the same meaning that polars casts from."""
    target = polars_type(declared)
    select = _same if arrow is None else lambda column: column.cast(arrow)
    return Reading(select, lambda value: value.cast(target))


def _is_text_or_bytes(arrow: pa.DataType) -> bool:
    return pa.types.is_string(arrow) or pa.types.is_binary(arrow)


def _is_day_or_milliseconds(arrow: pa.DataType) -> bool:
    return arrow in (pa.date32(), pa.time32("ms"))


def _is_long_time(arrow: pa.DataType) -> bool:
    return pa.types.is_timestamp(arrow) or pa.types.is_time64(arrow)


def _is_variable_scale(field: pa.Field[Any]) -> bool:
    return semantic_type(field) == "VariableScaleDecimal" and pa.types.is_struct(field.type)


def variable_scale_text(column: pa.Array[Any]) -> pa.Array[Any]:
    """Decimals that each have a scale of their own (a struct of scale and big-endian bytes), as
    text. Debezium sends PostgreSQL's NUMERIC without a scale so."""
    # Python's integers hold any number of digits; such columns are rare, so a loop will do.
    texts = [
        None
        if value is None
        else _scaled_text(int.from_bytes(value["value"], "big", signed=True), value["scale"])
        for value in column.to_pylist()
    ]
    return pa.array(texts, pa.string())


def _scaled_text(unscaled: int, scale: int) -> str:
    if scale <= 0:
        return str(unscaled * 10**-scale)
    digits = str(abs(unscaled)).rjust(scale + 1, "0")
    return f"{'-' if unscaled < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"


def _decimal(field: pa.Field[Any], declared: SqlType) -> Reading | None:
    arrow = field.type
    precision, scale = declared.precision or 0, declared.scale or 0
    target = polars_type(declared)
    if arrow in _DIGITS:
        enough = precision - scale >= _DIGITS[arrow]
        return Reading(_same, lambda value: value.cast(target)) if enough else None
    if pa.types.is_decimal(arrow):
        # Every digit of the writer must have its place in the declared type.
        if scale < arrow.scale or precision - scale < arrow.precision - arrow.scale:
            return None
        return Reading(
            lambda column: column.cast(pa.decimal128(38, scale)), lambda value: value.cast(target)
        )
    if _is_variable_scale(field):
        # As text first, so that a value with more digits is refused instead of rounded.
        whole = precision - scale
        return Reading(
            variable_scale_text,
            lambda value: value.cast(target, strict=False),
            lambda value: ~value.str.contains(rf"^-?0*\d{{0,{whole}}}(\.\d{{0,{scale}}}0*)?$"),
            f"at most {whole} digits before and {scale} after the point",
        )
    return None


def _text(field: pa.Field[Any], declared: SqlType) -> Reading | None:
    if pa.types.is_string(field.type):
        return Reading(_same, lambda value: value)
    if _is_variable_scale(field):
        return Reading(variable_scale_text, lambda value: value)
    if pa.types.is_decimal(field.type):
        return Reading(lambda column: column.cast(pa.string()), lambda value: value)
    if pa.types.is_binary(field.type):
        return Reading(
            _same,
            lambda value: value.cast(pl.String, strict=False),
            lambda value: value.cast(pl.String, strict=False).is_null() & value.is_not_null(),
            "UTF-8 text",
        )
    return None


def _time(field: pa.Field[Any], declared: SqlType) -> Reading | None:
    unit = DEBEZIUM_TIMES.get(semantic_type(field), "")
    if pa.types.is_time(field.type):
        unit = field.type.unit
    if not unit:
        return None
    integers = pa.int32() if field.type in (pa.int32(), pa.time32("ms")) else pa.int64()
    nanoseconds = 1_000_000_000 // _TICKS[unit]
    kept: int = 10 ** (9 - (declared.precision or 0))
    day = 86_400 * _TICKS[unit]

    def value(ticks: pl.Expr) -> pl.Expr:
        inside = pl.when(ticks.is_between(0, day - 1)).then(ticks.cast(pl.Int64))
        return (inside * nanoseconds // kept * kept).cast(pl.Time)

    return Reading(
        lambda column: column.cast(integers),
        value,
        lambda ticks: ~ticks.is_between(0, day - 1),
        "a time of day; declare the column BIGINT for times below 0 or beyond 24 hours",
    )


def _timestamp(field: pa.Field[Any], declared: SqlType) -> Reading | None:
    name = semantic_type(field)
    target = polars_type(declared)
    zoned = declared.kind is Kind.TIMESTAMP_LTZ
    if name == "ZonedTimestamp" and pa.types.is_string(field.type) and zoned:
        return Reading(
            _same,
            lambda value: _whole_digits(_parsed(value), declared).cast(target),
            lambda value: _parsed(value).is_null() & value.is_not_null(),
            "a time in ISO 8601 with its zone, of the years 1 to 262142",
        )
    unit = DEBEZIUM_TIMESTAMPS.get(name, "") if field.type == pa.int64() and not zoned else ""
    if pa.types.is_timestamp(field.type) and (field.type.tz is not None or not zoned):
        unit = field.type.unit
    if not unit:
        return None
    column_unit = time_unit(declared)
    factor = _TICKS[column_unit] // _TICKS[unit] if _TICKS[column_unit] >= _TICKS[unit] else 0
    divisor = _TICKS[unit] // _TICKS[column_unit] if not factor else 1

    def value(ticks: pl.Expr) -> pl.Expr:
        scaled = ticks * factor if factor else ticks // divisor
        return _whole_digits(scaled.cast(pl.Datetime(column_unit)), declared).cast(target)

    limit = _INT64_LIMIT // max(factor, 1) - 1
    return Reading(
        lambda column: column.cast(pa.int64()),
        value,
        (lambda ticks: ~ticks.is_between(-limit, limit)) if factor > 1 else None,
        f"a time that 64 bits hold in {column_unit}",
    )


def _parsed(value: pl.Expr) -> pl.Expr:
    # %+ is ISO 8601 with any zone offset, 'Z' and signed years included.
    return value.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)


def _whole_digits(value: pl.Expr, declared: SqlType) -> pl.Expr:
    """Fractional digits beyond the declared precision cut off, towards the past as Flink does."""
    precision = declared.precision or 0
    step: int = 10 ** ((6 if precision <= 6 else 9) - precision)
    if step == 1:
        return value
    ticks = value.to_physical()
    return (ticks - ticks % step).cast(pl.Datetime(time_unit(declared)))
