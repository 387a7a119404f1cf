"""Batches of Kafka records that Java has laid out as Arrow's buffers, in one value of bytes.

Layout, little endian: the numbers of rows, of headers and of buffers (int64 each), the length of
each buffer in bytes (int64 each), then the buffers, each from a multiple of eight.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pipeline_io.record_schema import RECORD_SCHEMA

BUFFERS = 18
_COUNTS = struct.Struct("<3q")
_LENGTHS = struct.Struct(f"<{BUFFERS}q")
_HEADER = pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())])


class ColumnsError(ValueError):
    """Bytes that are no batch of records: the Java side is of another version."""


def record_batch(payload: bytes) -> pa.RecordBatch:
    """The batch (RECORD_SCHEMA) that points into the bytes; nothing is copied.

    Raises ColumnsError for bytes that were laid out by another version.
    """
    if len(payload) < _COUNTS.size + _LENGTHS.size:
        message = f"a batch of {len(payload)} bytes is cut; expected {BUFFERS} buffers"
        raise ColumnsError(message)
    rows, headers, count = _COUNTS.unpack_from(payload)
    if count != BUFFERS:
        message = (
            f"a batch has {count} buffers, expected {BUFFERS}; start the expansion service and "
            "the Java workers with the jar of this version"
        )
        raise ColumnsError(message)
    buffer = iter(_buffers(payload))
    offsets, data = next(buffer), next(buffer)
    columns: list[pa.Array[Any]] = [
        _array(pa.string(), rows, [None, offsets, data]),
        _array(pa.int32(), rows, [None, next(buffer)]),
        _array(pa.int64(), rows, [None, next(buffer)]),
        _array(pa.timestamp("ms", tz="UTC"), rows, [next(buffer), next(buffer)]),
    ]
    ends = next(buffer)
    names = _array(pa.string(), headers, [None, next(buffer), next(buffer)])
    values = _array(pa.binary(), headers, [next(buffer), next(buffer), next(buffer)])
    pairs = _array(_HEADER, headers, [None], [names, values])
    columns.append(_array(pa.list_(_HEADER), rows, [None, ends], [pairs]))
    for _ in ("key", "value"):
        columns.append(_array(pa.binary(), rows, [next(buffer), next(buffer), next(buffer)]))
    return pa.RecordBatch.from_arrays(columns, schema=RECORD_SCHEMA)


def _buffers(payload: bytes) -> Iterator[pa.Buffer]:
    whole = pa.py_buffer(payload)
    start = _COUNTS.size + _LENGTHS.size
    for length in _LENGTHS.unpack_from(payload, _COUNTS.size):
        if start + length > len(payload):
            message = f"a batch of {len(payload)} bytes is cut; a buffer ends at {start + length}"
            raise ColumnsError(message)
        yield whole.slice(start, length)
        start += length + -length % 8


def _array(
    kind: pa.DataType,
    length: int,
    buffers: list[pa.Buffer | None],
    children: list[pa.Array[Any]] | None = None,
) -> pa.Array[Any]:
    return pa.Array.from_buffers(kind, length, buffers, children=children)
