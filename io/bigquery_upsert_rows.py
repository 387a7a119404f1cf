"""Arrow rows as protobuf messages, which is what BigQuery takes changes as: its Arrow format has
no column that says what a row does.

| Arrow | protobuf |
|---|---|
| string; binary; int64; double; bool | the same |
| decimal | string, with all digits |
| date32 | int32, days since 1970 |
| time64, timestamp | string |
| timestamp with a time zone | int64, microseconds since 1970 |
| list; struct | repeated; a message of its own |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

# Their stubs know less than they do.
_ARROW: Any = pa
_COMPUTE: Any = pc
_TYPES: Any = pa.types
_Field: Any = FieldDescriptorProto

_VARINT, _EIGHT_BYTES, _LENGTH = 0, 1, 2
_LONGEST_VARINT = 10
_EMPTY: Any = pa.scalar(b"", pa.large_binary())


def descriptor(schema: pa.Schema) -> DescriptorProto:
    """The message of rows with these columns."""
    return _message("Row", list(schema))


def serialized(rows: pa.RecordBatch) -> list[bytes]:
    """The message of each row; a column that is NULL is left out."""
    found: list[bytes] = _encoded(list(rows.schema), rows.columns, rows.num_rows).to_pylist()
    return found


def _message(name: str, fields: Sequence[pa.Field[Any]]) -> DescriptorProto:
    made = DescriptorProto(name=name)
    for number, field in enumerate(fields, start=1):
        kind: Any = field.type
        label = _Field.LABEL_OPTIONAL
        if _TYPES.is_list(kind):
            kind, label = kind.value_type, _Field.LABEL_REPEATED
        added = made.field.add(name=field.name, number=number, label=label)
        if _TYPES.is_struct(kind):
            added.type = _Field.TYPE_MESSAGE
            added.type_name = f"Field{number}"
            made.nested_type.append(_message(f"Field{number}", list(kind)))
        else:
            added.type = _scalar(kind)
    return made


def _scalar(kind: Any) -> Any:
    if _TYPES.is_int64(kind) or (_TYPES.is_timestamp(kind) and kind.tz is not None):
        return _Field.TYPE_INT64
    if _TYPES.is_date(kind):
        return _Field.TYPE_INT32
    if _TYPES.is_float64(kind):
        return _Field.TYPE_DOUBLE
    if _TYPES.is_boolean(kind):
        return _Field.TYPE_BOOL
    return _Field.TYPE_BYTES if _TYPES.is_binary(kind) else _Field.TYPE_STRING


def _encoded(fields: Sequence[pa.Field[Any]], columns: Iterable[Any], count: int) -> Any:
    """The members of each row one after another, as large_binary."""
    pieces = [
        _member(number, column)
        for number, (_, column) in enumerate(zip(fields, columns, strict=True), start=1)
    ]
    return _COMPUTE.binary_join_element_wise(*pieces, _EMPTY) if pieces else _empty(count)


def _member(number: int, column: Any) -> Any:
    """A field with its tag; nothing where it is NULL."""
    if not _TYPES.is_list(column.type):
        return _tagged(number, column)
    elements = _tagged(number, column.flatten())
    lengths = _COMPUTE.fill_null(_COMPUTE.list_value_length(column), 0).to_numpy()
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    _, offsets, data = elements.buffers()
    starts = np.frombuffer(
        memoryview(offsets), np.int64, count=len(elements) + 1, offset=8 * elements.offset
    )
    # What a list has is side by side already.
    return _binary(starts[ends], data)


def _tagged(number: int, column: Any) -> Any:
    kind = column.type
    if _TYPES.is_struct(kind):
        wire, body = _LENGTH, _with_length(_encoded(list(kind), column.flatten(), len(column)))
    elif (
        _TYPES.is_int64(kind)
        or _TYPES.is_date(kind)
        or _TYPES.is_boolean(kind)
        or (_TYPES.is_timestamp(kind) and kind.tz is not None)
    ):
        if _TYPES.is_date(kind):
            column = _COMPUTE.cast(column, pa.int32())
        numbers = _COMPUTE.fill_null(_COMPUTE.cast(column, pa.int64()), 0)
        wire, body = _VARINT, _varints(numbers.to_numpy(zero_copy_only=False).view(np.uint64))
    elif _TYPES.is_float64(kind):
        raw = _COMPUTE.fill_null(column, 0.0).to_numpy(zero_copy_only=False).astype("<f8")
        starts = np.arange(len(raw) + 1, dtype=np.int64) * 8
        wire, body = _EIGHT_BYTES, _binary(starts, pa.py_buffer(raw.tobytes()))
    else:
        wire, body = _LENGTH, _with_length(_COMPUTE.fill_null(_bytes(column), b""))
    tag = _varint(number << 3 | wire)
    whole = _COMPUTE.binary_join_element_wise(pa.scalar(tag, pa.large_binary()), body, _EMPTY)
    if not column.null_count:
        return whole
    return _COMPUTE.if_else(column.is_valid(), whole, _EMPTY)


def _bytes(column: Any) -> Any:
    """What is written as text or bytes."""
    kind = column.type
    if _TYPES.is_decimal(kind):
        texts = [None if one is None else format(one, "f") for one in column.to_pylist()]
        column = pa.array(texts, pa.string())
    elif not (_TYPES.is_binary(kind) or _TYPES.is_string(kind)):
        column = _COMPUTE.cast(column, pa.string())
    return _COMPUTE.cast(column, pa.large_binary())


def _with_length(bodies: Any) -> Any:
    lengths = _COMPUTE.cast(_COMPUTE.binary_length(bodies), pa.int64())
    prefixes = _varints(lengths.to_numpy(zero_copy_only=False).astype(np.uint64))
    return _COMPUTE.binary_join_element_wise(prefixes, bodies, _EMPTY)


def _varints(numbers: npt.NDArray[np.uint64]) -> Any:
    """Seven bits a byte, the lowest first; all but the last say that more come."""
    shifts = np.arange(_LONGEST_VARINT, dtype=np.uint64) * np.uint64(7)
    digits = ((numbers[:, None] >> shifts) & np.uint64(0x7F)).astype(np.uint8)
    used = digits != 0
    used[:, 0] = True
    lengths = _LONGEST_VARINT - np.argmax(used[:, ::-1], axis=1)
    places = np.arange(_LONGEST_VARINT)
    digits |= np.where(places < (lengths - 1)[:, None], np.uint8(0x80), np.uint8(0))
    written = places < lengths[:, None]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return _binary(starts, pa.py_buffer(np.ascontiguousarray(digits[written]).tobytes()))


def _varint(number: int) -> bytes:
    found: list[bytes] = _varints(np.array([number], np.uint64)).to_pylist()
    return found[0]


def _binary(starts: npt.NDArray[np.int64], data: Any) -> Any:
    return _ARROW.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(starts) - 1, [None, pa.py_buffer(starts.tobytes()), data]
    )


def _empty(count: int) -> Any:
    return _binary(np.zeros(count + 1, np.int64), pa.py_buffer(b""))
