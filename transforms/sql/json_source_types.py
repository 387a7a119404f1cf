"""What a declared column is in JSON: the Arrow type that it is parsed as, and its value of that.

As Flink's json format has it: a DATE, a TIME and a TIMESTAMP are texts, BYTES are base64, a MAP is
an object, and a text column takes whatever is there, objects as their JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pyarrow as pa

from transforms.sql.casts_strings import converted_string
from transforms.sql.errors import SqlError
from transforms.sql.expression import Session
from transforms.sql.tables import Table, column_type
from transforms.sql.types import Kind, SqlType, element_type, key_type, polars_type, timestamp_ltz
from transforms.sql.writer_nested import read_array, read_map, read_row
from transforms.sql.writer_types import Reading
from transforms.sql.writer_values import reading

_SIMPLE: dict[Kind, pa.DataType] = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.TINYINT: pa.int32(),
    Kind.SMALLINT: pa.int32(),
    Kind.INT: pa.int32(),
    Kind.BIGINT: pa.int64(),
    Kind.FLOAT: pa.float32(),
    Kind.DOUBLE: pa.float64(),
}
_ZONED = {"connect.name": "io.debezium.time.ZonedTimestamp"}


def json_type(declared: SqlType) -> pa.DataType:
    """The Arrow type that a value is parsed as. Raises ValueError for a type that JSON has not."""
    if declared.kind in _SIMPLE:
        return _SIMPLE[declared.kind]
    match declared.kind:
        case Kind.DECIMAL:
            return pa.decimal128(declared.precision or 0, declared.scale or 0)
        case Kind.ROW:
            fields = [pa.field(field.name, json_type(field.type)) for field in declared.fields]
            return pa.struct(fields)
        case Kind.ARRAY:
            return pa.list_(json_type(element_type(declared)))
        case Kind.MAP:
            if not key_type(declared).is_string:
                message = f"the names of a JSON object are texts, and {declared} has other keys"
                raise ValueError(message)
            return pa.map_(pa.string(), json_type(element_type(declared)))
    return pa.string()


def json_schema(table: Table, names: set[str]) -> pa.Schema:
    """The columns `names` of a table as they are parsed. Raises SqlError at the column."""
    fields: list[pa.Field[Any]] = []
    for column in table.physical_columns():
        if column.name in names:
            try:
                fields.append(pa.field(column.name, json_type(column_type(column))))
            except ValueError as error:
                raise SqlError(str(error), column.node) from error
    return pa.schema(fields)


def check_message_columns(table: Table) -> None:
    """SqlError where the columns of a source are none that its format can give."""
    columns = table.physical_columns()
    if table.options.get("format") != "raw":
        json_schema(table, {column.name for column in columns})
        return
    simple = [one for one in columns if column_type(one).is_string or column_type(one).is_binary]
    if len(columns) != 1 or not simple:
        names = ", ".join(f"{column.name} {column.type}" for column in columns) or "none"
        message = f"'format' = 'raw' gives one column STRING or BYTES, and {table.name} has {names}"
        raise SqlError(message, table.option_node("format"))


def has_type(arrow: pa.DataType, is_wanted: Callable[[pa.DataType], bool]) -> bool:
    """Whether a type is one that is wanted, or has such a one in it."""
    if is_wanted(arrow):
        return True
    return any(has_type(arrow.field(place).type, is_wanted) for place in range(arrow.num_fields))


def json_reading(field: pa.Field[Any], declared: SqlType) -> Reading:
    """How a parsed field is read as `declared`. Raises SchemaMismatch."""
    match declared.kind:
        case Kind.ROW:
            return read_row(field, declared, json_reading)
        case Kind.ARRAY:
            return read_array(field, declared, json_reading)
        case Kind.MAP:
            return read_map(field, declared, json_reading)
        case Kind.DATE | Kind.TIME:
            return _clock(declared)
        case Kind.TIMESTAMP | Kind.TIMESTAMP_LTZ:
            return _instant(declared)
        case Kind.BYTES | Kind.VARBINARY | Kind.BINARY:
            return Reading(
                _same,
                _from_base64,
                lambda text: _from_base64(text).is_null() & text.is_not_null(),
                "bytes in base64",
            )
    return reading(field, declared)


def _same(column: pa.Array[Any]) -> pa.Array[Any]:
    return column


def _from_base64(text: pl.Expr) -> pl.Expr:
    return text.str.decode("base64", strict=False)


def _clock(declared: SqlType) -> Reading:
    def value(text: pl.Expr) -> pl.Expr:
        return converted_string(text, declared, Session()).value.cast(polars_type(declared))

    form = "2026-01-31" if declared.kind is Kind.DATE else "23:59:59.5"
    return Reading(
        _same,
        value,
        lambda text: value(text).is_null() & text.is_not_null(),
        f"a text such as '{form}'",
    )


def _instant(declared: SqlType) -> Reading:
    """A timestamp as SQL or ISO 8601 writes it; with a zone where it is an instant."""
    zoned = declared.kind is Kind.TIMESTAMP_LTZ
    field = pa.field("text", pa.string(), metadata=_ZONED)
    inner = reading(field, timestamp_ltz(declared.precision or 0))
    refuses = inner.refuses

    def iso(text: pl.Expr) -> pl.Expr:
        with_t = text.str.replace(" ", "T", literal=True)
        return with_t if zoned else with_t + "Z"

    def value(text: pl.Expr) -> pl.Expr:
        instant = inner.value(iso(text))
        return instant if zoned else instant.dt.replace_time_zone(None)

    form = "2026-01-31 12:00:00.5" + ("Z" if zoned else "")
    return Reading(
        _same,
        value,
        None if refuses is None else lambda text: refuses(iso(text)),
        f"a text such as '{form}'",
    )
