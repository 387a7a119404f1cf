"""Gives values that were read by their wire schema the types, names and metadata of the columns."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms.avro_types import DURATION, AvroSchema, AvroType

Array: TypeAlias = "pa.Array[Any]"


def finished_rows(wire: Array, schema: AvroSchema) -> pa.RecordBatch:
    """The rows of `schema.arrow` from a struct array of `avro_wire.wire_type`, mostly zero copy.

    The values of an array must be those of a record at offset 0. A nested column may hold any
    value where the struct around it is null, as everywhere in Arrow: read it by
    `pyarrow.compute.struct_field`, or by polars.

    Raises:
        pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError: the array has other types.
    """
    struct = _finished(wire, schema.root)
    if not isinstance(struct, pa.StructArray):
        message = f"the rows are {wire.type}, expected a struct"
        raise pa.ArrowTypeError(message)
    batch = pa.RecordBatch.from_struct_array(struct)
    return batch.replace_schema_metadata(schema.arrow.metadata)


def _finished(wire: Array, avro: AvroType) -> Array:
    if isinstance(wire, pa.StructArray):
        children = [
            _finished(wire.field(index), item) for index, (_, item) in enumerate(avro.fields)
        ]
        return _rebuilt(wire, avro.arrow, children)
    if isinstance(wire, pa.ListArray) and avro.items is not None:
        if avro.kind == "array":
            return _rebuilt(wire, avro.arrow, [_finished(wire.values, avro.items)])
        entries = wire.values
        if not isinstance(entries, pa.StructArray):
            message = f"map entries are {entries.type}, expected a struct"
            raise pa.ArrowTypeError(message)
        entry = pa.struct([pa.field("key", pa.string(), nullable=False), avro.items.field("value")])
        children = [entries.field(0), _finished(entries.field(1), avro.items)]
        return _rebuilt(wire, avro.arrow, [_rebuilt(entries, entry, children)])
    return _finished_leaf(wire, avro)


def _rebuilt(wire: Array, arrow: pa.DataType, children: list[Array]) -> Array:
    own = wire.buffers()[: 1 if pa.types.is_struct(arrow) else 2]
    return pa.Array.from_buffers(arrow, len(wire), own, children=children)


def _finished_leaf(wire: Array, avro: AvroType) -> Array:
    if wire.type == avro.arrow:
        return wire
    if avro.kind == "enum":
        # Where the struct around it is null, an enum without symbols has the index 0 too.
        symbols = pa.array(avro.symbols or [""], pa.string())
        return symbols.take(wire)
    if avro.digits is not None and pa.types.is_binary(wire.type):
        return _decimals(wire, avro.arrow)
    if avro.arrow == DURATION:
        return _durations(wire)
    if avro.kind == "fixed" and pa.types.is_string(avro.arrow):
        return _uuids(wire)
    if avro.kind == "fixed":
        return wire.cast(pa.binary())
    return wire.view(avro.arrow)


def _decimals(wire: Array, arrow: pa.DataType) -> Array:
    """Big-endian two's complement bytes of any length to decimals, without a float between."""
    width = arrow.bit_width // 8
    data = b"".join(
        int.from_bytes(raw or b"", "big", signed=True).to_bytes(width, "little", signed=True)
        for raw in wire.to_pylist()
    )
    return pa.Array.from_buffers(arrow, len(wire), [_validity(wire), pa.py_buffer(data)])


def _durations(wire: Array) -> Array:
    parts = _fixed_bytes(wire, 12).view("<u4")
    children = [pa.array(np.ascontiguousarray(parts[:, index])) for index in range(3)]
    return pa.Array.from_buffers(DURATION, len(wire), [_validity(wire)], children=children)


def _uuids(wire: Array) -> Array:
    digits = np.frombuffer(_fixed_bytes(wire, 16).tobytes().hex().encode(), np.uint8)
    text = np.full((len(wire), 36), ord("-"), np.uint8)
    shown = [place for place in range(36) if place not in (8, 13, 18, 23)]
    text[:, shown] = digits.reshape(-1, 32)
    offsets = np.arange(len(wire) + 1, dtype=np.int32) * np.int32(36)
    buffers = [_validity(wire), pa.py_buffer(offsets), pa.py_buffer(text.tobytes())]
    return pa.Array.from_buffers(pa.string(), len(wire), buffers)


def _fixed_bytes(wire: Array, size: int) -> npt.NDArray[np.uint8]:
    """One row of bytes a value; zeros where it, or the struct around it, is null."""
    if isinstance(wire, pa.FixedSizeBinaryArray):
        data = wire.buffers()[1] or pa.py_buffer(b"")
    else:
        data = pa.py_buffer(b"".join(raw or bytes(size) for raw in wire.to_pylist()))
    return np.frombuffer(memoryview(data), np.uint8)[: len(wire) * size].reshape(-1, size)


def _validity(wire: Array) -> pa.Buffer | None:
    return wire.buffers()[0] if wire.null_count else None
