"""What Arrow's types are in the records of Debezium's connectors: Avro with Connect's names.

| Arrow | Avro, and Connect's name |
|---|---|
| bool | boolean |
| int8, int16, int32, uint8, uint16 | int |
| int64, uint32 | long |
| uint64 | bytes, Decimal of 20 digits |
| float, double | float, double |
| decimal128, decimal256 | bytes, org.apache.kafka.connect.data.Decimal |
| string; binary | string; bytes |
| date32 | int, io.debezium.time.Date |
| time32 (ms), time64 (us), time64 (ns) | int, Time; long, MicroTime; long, NanoTime |
| timestamp without a zone (s and ms, us, ns) | long, Timestamp; MicroTimestamp; NanoTimestamp |
| timestamp with a zone | string, io.debezium.time.ZonedTimestamp |
| list | array |
| null | string, always NULL |

A field's metadata `connect.name`, with `connect.parameters` as JSON, says what Arrow's type alone
does not: `io.debezium.data.Json` on a string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.change_log_times import moment_texts
from transforms.sql.source import polars_series
from transforms.sql.types import BIGINT, BOOLEAN, BYTES, DOUBLE, FLOAT, STRING, Kind, SqlType

Array: TypeAlias = "pa.Array[Any]"
Field: TypeAlias = "pa.Field[Any]"

_AVRO_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DECIMAL = "org.apache.kafka.connect.data.Decimal"
_TIME = "io.debezium.time."
_UINT64_DIGITS = 20


class EnvelopeError(ValueError):
    """A table whose rows cannot become change events; the message says what to do."""


class WrittenType(NamedTuple):
    """How values of a column are written.

    avro: the schema, without the union with null. sql: the type of what `converted` gives, whose
    bytes are Avro's. converted: takes the column as Arrow has it.
    """

    avro: Any
    sql: SqlType
    converted: Callable[[Array], Array]


def written_type(field: Field) -> WrittenType:
    """How the values of a column are written. Raises EnvelopeError: of a type that has none."""
    if not _AVRO_NAME.fullmatch(field.name):
        message = (
            f"column {field.name!r} is no name in Avro: expected letters, digits and _, not a "
            "digit first; give it another name by a query of its own (AS)"
        )
        raise EnvelopeError(message)
    return _written(field.type, _semantics(field), f"column {field.name!r}")


def _written(kind: pa.DataType, semantics: dict[str, Any], place: str) -> WrittenType:
    if pa.types.is_boolean(kind):
        return WrittenType(_named("boolean", semantics), BOOLEAN, _same)
    if pa.types.is_integer(kind) and kind != pa.uint64():
        wide = kind in (pa.int64(), pa.uint32())
        # Connect has no type of one byte in Avro, so that its own type is said besides.
        small = {pa.int8(): "int16", pa.int16(): "int16", pa.uint8(): "int16"}.get(kind)
        more = semantics or ({"connect.type": small} if small else {})
        return WrittenType(_named("long" if wide else "int", more), BIGINT, _integers)
    if pa.types.is_float32(kind):
        return WrittenType(_named("float", semantics), FLOAT, _same)
    if pa.types.is_float64(kind):
        return WrittenType(_named("double", semantics), DOUBLE, _same)
    if isinstance(kind, pa.Decimal128Type | pa.Decimal256Type):
        if not 0 <= kind.scale <= kind.precision:
            message = (
                f"{place} is {kind} in Arrow; expected a scale from 0 to its digits: CAST it by a "
                "query of its own"
            )
            raise EnvelopeError(message)
        return WrittenType(_decimal(kind.precision, kind.scale), BYTES, decimal_bytes)
    if kind == pa.uint64():
        return WrittenType(_decimal(_UINT64_DIGITS, 0), BYTES, _unsigned_bytes)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return WrittenType(_named("string", semantics), STRING, _same)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return WrittenType(_named("bytes", semantics), BYTES, _same)
    if pa.types.is_fixed_size_binary(kind):
        return WrittenType(_named("bytes", semantics), BYTES, _binary)
    if pa.types.is_null(kind):
        return WrittenType(_named("string", semantics), STRING, _texts)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _list(kind, semantics, place)
    found = _of_time(kind, semantics)
    if found is None:
        message = (
            f"{place} is {kind} in Arrow, which change events have no type for; write it as text "
            "or JSON by a query of its own (CAST ... AS ...)"
        )
        raise EnvelopeError(message)
    return found


def _of_time(kind: pa.DataType, semantics: dict[str, Any]) -> WrittenType | None:
    if pa.types.is_date32(kind):
        return WrittenType(_named("int", semantics or _semantic("Date")), BIGINT, _integers)
    if isinstance(kind, pa.Time32Type | pa.Time64Type):
        name = {"ms": "Time", "us": "MicroTime", "ns": "NanoTime"}.get(kind.unit)
        if name is None:
            return None
        wire = "int" if kind.unit == "ms" else "long"
        return WrittenType(_named(wire, semantics or _semantic(name)), BIGINT, _integers)
    if not isinstance(kind, pa.TimestampType):
        return None
    if kind.tz is not None:
        named = _named("string", semantics or _semantic("ZonedTimestamp"))
        return WrittenType(named, STRING, _zoned)
    name = {"us": "MicroTimestamp", "ns": "NanoTimestamp"}.get(kind.unit, "Timestamp")
    converted = _seconds if kind.unit == "s" else _integers
    return WrittenType(_named("long", semantics or _semantic(name)), BIGINT, converted)


def _list(kind: Any, semantics: dict[str, Any], place: str) -> WrittenType:
    item = _written(kind.value_type, _semantics(kind.value_field), f"an element of {place}")

    def converted(column: Array) -> Array:
        lists: Any = column
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
        offsets: Any = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int64())
        mask = column.is_null() if column.null_count else None
        return pa.LargeListArray.from_arrays(offsets, item.converted(lists.flatten()), mask=mask)

    array = {"type": "array", "items": ["null", item.avro], **semantics}
    return WrittenType(array, SqlType(Kind.ARRAY, element=item.sql), converted)


def _semantics(field: Field) -> dict[str, Any]:
    """Connect's members of a field's metadata."""
    metadata = field.metadata or {}
    found: dict[str, Any] = {}
    if b"connect.name" in metadata:
        found["connect.version"] = 1
        if b"connect.parameters" in metadata:
            found["connect.parameters"] = json.loads(metadata[b"connect.parameters"])
        found["connect.name"] = metadata[b"connect.name"].decode()
    return found


def _semantic(name: str) -> dict[str, Any]:
    return {"connect.version": 1, "connect.name": f"{_TIME}{name}"}


def _named(wire: str, more: dict[str, Any]) -> Any:
    return {"type": wire, **more} if more else wire


def _decimal(precision: int, scale: int) -> dict[str, Any]:
    return {
        "type": "bytes",
        "scale": scale,
        "precision": precision,
        "connect.version": 1,
        "connect.parameters": {
            "scale": str(scale),
            "connect.decimal.precision": str(precision),
        },
        "connect.name": _DECIMAL,
        "logicalType": "decimal",
    }


def decimal_bytes(column: Array) -> Array:
    """Decimals (of 128 or 256 bits) as Avro has them: the fewest bytes of two's complement."""
    width = column.type.bit_width // 8
    raw = memoryview(column.buffers()[1] or pa.py_buffer(b""))
    octets = np.frombuffer(raw, np.uint8, count=width * len(column), offset=width * column.offset)
    big = octets.reshape(-1, width)[:, ::-1]
    negative = big[:, :1] >> 7
    # A byte in front says nothing where it repeats the sign that the next one begins with.
    spare = (big[:, :-1] == negative * np.uint8(255)) & (big[:, 1:] >> 7 == negative)
    leading = np.logical_and.accumulate(spare, axis=1).sum(axis=1)
    written = np.arange(width) >= leading[:, None]
    offsets = np.zeros(len(column) + 1, np.int64)
    np.cumsum(width - leading, out=offsets[1:])
    made: Array = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(),
        len(column),
        [None, pa.py_buffer(offsets.data), pa.py_buffer(np.ascontiguousarray(big[written]).data)],
    )
    return made if not column.null_count else pc.if_else(column.is_valid(), made, None)


def _unsigned_bytes(column: Array) -> Array:
    return decimal_bytes(column.cast(pa.decimal128(_UINT64_DIGITS, 0)))


def _same(column: Array) -> Array:
    return column


def _integers(column: Array) -> Array:
    if column.type.bit_width == 32 and not pa.types.is_integer(column.type):
        column = column.cast(pa.int32())
    return column.cast(pa.int64())


def _seconds(column: Array) -> Array:
    return _integers(column.cast(pa.timestamp("ms")))


def _zoned(column: Array) -> Array:
    ticks: Any = column.cast(pa.int64())
    unit = column.type.unit
    if unit == "s":
        ticks, unit = pc.multiply(ticks, 1000), "ms"
    texts: Array = moment_texts(polars_series(ticks), unit, "Z").to_arrow()
    return texts


def _binary(column: Array) -> Array:
    return column.cast(pa.large_binary())


def _texts(column: Array) -> Array:
    return column.cast(pa.string())
