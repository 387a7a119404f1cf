"""Messages of the client library as Arrow batches, a column at a time."""

from __future__ import annotations

import contextlib
import gc
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Message

from pipeline_io.record_schema import RECORD_SCHEMA

BATCH_BYTES = 32 * 2**20
"""Bytes of a batch at most, or one record: decoding and encoding hold a batch several times
over."""

_HEADERS: Any = RECORD_SCHEMA.field("headers").type
_HEADER: Any = _HEADERS.value_type
_TIMESTAMP = RECORD_SCHEMA.field("timestamp").type
_NO_TIMESTAMP = -1

Headers = list[tuple[str, bytes | None]] | None


def record_batches(messages: Sequence[Message], topic: str | None) -> list[pa.RecordBatch]:
    """The messages as batches of RECORD_SCHEMA: one, or more where it would exceed BATCH_BYTES.

    Args:
        messages: without errors, each partition's in order.
        topic: of all messages, where it is known to be the same.
    """
    with _no_garbage_collection():
        batch = _record_batch(messages, topic)
    return list(_split(batch)) if batch.nbytes > BATCH_BYTES else [batch]


def _record_batch(messages: Sequence[Message], topic: str | None) -> pa.RecordBatch:
    count = len(messages)
    topics: pa.Array[Any] = (
        pa.array([message.topic() for message in messages], pa.string())
        if topic is None
        else pa.repeat(pa.scalar(topic, pa.string()), count)
    )
    columns: list[pa.Array[Any]] = [
        topics,
        pa.array([message.partition() for message in messages], pa.int32()),
        pa.array([message.offset() for message in messages], pa.int64()),
        _timestamps([message.timestamp()[1] for message in messages]),
        _headers([message.headers() for message in messages]),
        _binary([message.key() for message in messages]),
        _binary([message.value() for message in messages]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=RECORD_SCHEMA)


def _binary(values: list[bytes | None]) -> pa.Array[Any]:
    # Arrow cuts an array of 2 GiB and more in chunks; fetched messages are far from it.
    return pa.array(values, pa.binary())


def _timestamps(milliseconds: list[int]) -> pa.Array[Any]:
    known: list[int | None] = [*milliseconds]
    if _NO_TIMESTAMP in milliseconds:
        known = [None if value == _NO_TIMESTAMP else value for value in milliseconds]
    column: pa.Array[Any] = pa.array(known, _TIMESTAMP)
    return column


def _headers(headers: Sequence[Any]) -> pa.Array[Any]:
    """Neighbours with the same headers, which is what a connector writes, are built once."""
    if not any(headers):
        nothing: pa.Array[Any] = pa.nulls(len(headers), _HEADERS)
        return nothing
    runs = [(value, sum(1 for _ in group)) for value, group in itertools.groupby(headers)]
    distinct = _distinct_headers([value for value, _ in runs])
    if len(runs) == len(headers):
        return distinct
    lengths = np.fromiter((length for _, length in runs), np.int32, len(runs))
    rows: pa.Array[Any] = distinct.take(np.repeat(np.arange(len(runs), dtype=np.int32), lengths))
    return rows


def _distinct_headers(headers: list[Headers]) -> pa.Array[Any]:
    pairs = [pair for value in headers if value for pair in value]
    offsets = np.zeros(len(headers) + 1, np.int32)
    np.cumsum([len(value) if value else 0 for value in headers], out=offsets[1:])
    flat: Any = pa.StructArray.from_arrays(
        [
            pa.array([key for key, _ in pairs], pa.string()),
            pa.array([value for _, value in pairs], pa.binary()),
        ],
        fields=list(_HEADER),
    )
    none = pa.array([value is None for value in headers], pa.bool_())
    starts = pa.array(offsets.tolist(), pa.int32())
    return pa.ListArray.from_arrays(starts, flat, type=_HEADERS, mask=none)


def _split(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in slices below BATCH_BYTES, or of one record."""
    sizes = np.zeros(batch.num_rows, np.int64)
    for name in ("key", "value"):
        column: Any = batch.column(name)
        sizes += pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False)
    start, held = 0, 0
    for row, size in enumerate(sizes.tolist()):
        if held and held + size > BATCH_BYTES:
            yield batch.slice(start, row - start)
            start, held = row, 0
        held += size
    yield batch.slice(start)


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A batch of headers is some 50,000 new objects, none of them garbage: a collector that looks
    at them in between takes several times as long as making them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
