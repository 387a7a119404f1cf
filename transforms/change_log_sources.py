"""The columns of change log rows as Arrow has them, and a connector's `source` in their shape."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from transforms.change_log_values import Array
from transforms.source_coordinates import AUDIT_COLUMNS, POSTGRESQL, SPANNER

_TEXT, _NUMBER = pa.string(), pa.int64()
_MOMENT = pa.timestamp("us", tz="UTC")

MYSQL_SOURCE = pa.struct(
    [
        ("version", _TEXT),
        ("connector", _TEXT),
        ("name", _TEXT),
        ("ts_ms", _NUMBER),
        ("snapshot", _TEXT),
        ("db", _TEXT),
        ("table", _TEXT),
        ("server_id", _NUMBER),
        ("gtid", _TEXT),
        ("file", _TEXT),
        ("pos", _NUMBER),
        ("row", _NUMBER),
        ("thread", _NUMBER),
        ("query", _TEXT),
    ]
)
POSTGRESQL_SOURCE = pa.struct(
    [
        ("version", _TEXT),
        ("connector", _TEXT),
        ("name", _TEXT),
        ("ts_ms", _NUMBER),
        ("snapshot", _TEXT),
        ("db", _TEXT),
        ("schema", _TEXT),
        ("table", _TEXT),
        ("txId", _NUMBER),
        ("lsn", _NUMBER),
        ("xmin", _NUMBER),
    ]
)
AUDIT_SOURCE = pa.struct(
    [
        ("version", _TEXT),
        ("connector", _TEXT),
        ("name", _TEXT),
        ("ts_ms", _NUMBER),
        ("snapshot", _TEXT),
        ("db", _TEXT),
        ("schema", _TEXT),
        ("table", _TEXT),
        ("updated_us", _NUMBER),
        ("revision", _NUMBER),
    ]
)
SPANNER_SOURCE = pa.struct(
    [
        ("version", _TEXT),
        ("connector", _TEXT),
        ("name", _TEXT),
        ("ts_ms", _NUMBER),
        ("ts_us", _NUMBER),
        ("snapshot", _TEXT),
        ("db", _TEXT),
        ("schema", _TEXT),
        ("table", _TEXT),
        ("sequence", _TEXT),
        ("mod_number", _NUMBER),
        ("project_id", _TEXT),
        ("instance_id", _TEXT),
        ("change_stream_name", _TEXT),
        ("server_transaction_id", _TEXT),
        ("transaction_tag", _TEXT),
        ("is_system_transaction", pa.bool_()),
    ]
)
SOURCE_SHAPES = {
    "mysql": MYSQL_SOURCE,
    "mariadb": MYSQL_SOURCE,
    POSTGRESQL: POSTGRESQL_SOURCE,
    AUDIT_COLUMNS: AUDIT_SOURCE,
    SPANNER: SPANNER_SOURCE,
}
"""A connector's `source` as its log has it; `kami.tables` has the same in BigQuery's types."""
TRANSACTION = pa.struct(
    [("id", _TEXT), ("total_order", _NUMBER), ("data_collection_order", _NUMBER)]
)


def log_schema(source: pa.StructType) -> pa.Schema:
    """The columns of a batch of change log rows; JSON is text."""
    columns: list[tuple[str, pa.DataType]] = [
        ("_key", _TEXT),
        ("key", _TEXT),
        ("before", _TEXT),
        ("after", _TEXT),
        ("op", _TEXT),
        ("ts_ms", _MOMENT),
        ("transaction", TRANSACTION),
        ("database_name", _TEXT),
        ("ddl", _TEXT),
        ("source", source),
        ("_order_key", _TEXT),
        ("_event_id", _TEXT),
        ("_ingested_at", _MOMENT),
        ("_topic", _TEXT),
        ("_topic_partition", _NUMBER),
        ("_offset", _NUMBER),
        ("_old_key", _TEXT),
        ("_new_key", _TEXT),
        ("_missing_columns", pa.list_(_TEXT)),
    ]
    return pa.schema(columns)


def nulls(length: int, kind: Any) -> Array:
    """A column of nothing."""
    column: Array = pa.nulls(length, kind)
    return column


def shaped(struct: Array | None, shape: pa.StructType, length: int) -> pa.StructArray:
    """A struct with the fields of `shape`, NULL where the given one lacks them; a struct that is
    NULL stays so."""
    found: dict[str, Array] = {}
    mask = None
    if isinstance(struct, pa.StructArray):
        found = dict(zip((field.name for field in struct.type), struct.flatten(), strict=True))
        mask = struct.is_null() if struct.null_count else None
    else:
        mask = pa.array([True] * length, pa.bool_())
    children = [as_type(found.get(field.name), field.type, length) for field in shape]
    return pa.StructArray.from_arrays(children, fields=list(shape), mask=mask)


def as_type(column: Array | None, kind: pa.DataType, length: int) -> Array:
    """The column in the type of a log's column; NULLs where it is not there, or is another kind
    of value altogether."""
    if column is None:
        return nulls(length, kind)
    if column.type == kind:
        return column
    try:
        cast: Array = column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return nulls(length, kind)
    return cast


def milliseconds(column: Array | None, length: int) -> Array:
    """Milliseconds since 1970 as a timestamp; NULL where no year of four digits has them."""
    if column is None or not pa.types.is_integer(column.type):
        return nulls(length, _MOMENT)
    whole: Any = column.cast(pa.int64())
    numbers = pc.fill_null(whole, 0).to_numpy()
    sane = column.is_valid().to_numpy(zero_copy_only=False) & (abs(numbers) < _LAST_MILLISECOND)
    micros: Array = pa.array(numbers * 1000, pa.int64(), mask=~sane)
    return micros.cast(_MOMENT)


_LAST_MILLISECOND = 253_402_300_800_000
