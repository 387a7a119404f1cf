"""A writer's field read as a declared column: which types fit, and how values become polars'.

Fits what Avro's own schema resolution widens (int to long, float to double, bytes to string), the
time types that Debezium and Kafka Connect mean by `connect.name`, and decimals wherever no digit is
lost. Anything else is a mismatch that says what to declare instead.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa

from transforms.sql.casts_text import text_of_bytes
from transforms.sql.types import Kind, SqlType, polars_type
from transforms.sql.writer_nested import read_array, read_map, read_row
from transforms.sql.writer_times import read_date, read_time, read_timestamp
from transforms.sql.writer_types import Reading, SchemaMismatch, declaration_for, semantic_type

_INTEGER_RANGE = {Kind.TINYINT: 2**7, Kind.SMALLINT: 2**15}
_DIGITS = {pa.int32(): 10, pa.int64(): 19}


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
        case Kind.BIGINT if arrow == pa.int32() or _is_day_or_milliseconds(arrow):
            return _plain(declared, pa.int32())
        case Kind.BIGINT if arrow == pa.int64() or _is_long_time(arrow):
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
        case Kind.DATE:
            return read_date(field)
        case Kind.TIME:
            return read_time(field, declared)
        case Kind.TIMESTAMP | Kind.TIMESTAMP_LTZ:
            return read_timestamp(field, declared)
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
    if pa.types.is_decimal128(field.type):
        return Reading(_same, lambda value: value.cast(pl.String))
    if pa.types.is_decimal256(field.type):
        return Reading(_wide_decimal_text, lambda value: value)
    if pa.types.is_binary(field.type):
        return Reading(
            _same,
            lambda value: text_of_bytes(value)[0],
            lambda value: text_of_bytes(value)[1],
            "UTF-8 text; declare the column BYTES",
        )
    return None


def _wide_decimal_text(column: pa.Array[Any]) -> pa.Array[Any]:
    # Arrow's own text has an exponent where zeros follow the point: 0E-10.
    texts = [None if value is None else f"{value:f}" for value in column.to_pylist()]
    return pa.array(texts, pa.string())
