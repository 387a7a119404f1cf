"""Messages of Pub/Sub as protobuf bytes, put together column by column.

A `PublishRequest` of many messages is its topic and the messages one behind the other, so once a
column holds each message with its tag and length, a request is one slice of the column's bytes.
Python's protobuf classes would cost a call a field and message instead.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_io.record_schema import ATTRIBUTES

Lengths = npt.NDArray[np.int64]

MAX_ATTRIBUTE_BYTES = 1_024
"""Pub/Sub's limit for an attribute's value."""

CONTENT_TYPE = "content_type"
"""The attribute that says how a payload is to be read."""

# Tags of google.pubsub.v1: PublishRequest.topic and .messages, PubsubMessage.data, .attributes and
# .ordering_key, and the key and the value of an entry of attributes. All have a length behind them.
_TOPIC = 0x0A
_MESSAGES = 0x12
_DATA = 0x0A
_ATTRIBUTES = 0x12
_ORDERING_KEY = 0x2A
_ENTRY_KEY = 0x0A
_ENTRY_VALUE = 0x12

# Bytes of a length: four of 7 bits hold 256 MiB, far over what a request may have.
_LENGTH_BYTES = 4


class WireMessages(NamedTuple):
    """Encoded messages one behind the other; message i is data[bounds[i]:bounds[i + 1]]."""

    data: pa.Buffer
    bounds: Lengths

    def between(self, start: int, end: int) -> pa.Buffer:
        """The bytes of the messages `start` to before `end`."""
        first = int(self.bounds[start])
        found: pa.Buffer = self.data.slice(first, int(self.bounds[end]) - first)
        return found


def wire_messages(
    rows: pa.RecordBatch,
    *,
    attributes: bool,
    content_type: str | None = None,
    ordering_key: bool = False,
) -> WireMessages:
    """The messages of a batch of SINK_ROWS, each as an entry of PublishRequest.messages.

    Attributes that are NULL are left out; so is an ordering key that is NULL or empty.
    Attribute values are at most MAX_ATTRIBUTE_BYTES long.
    """
    payloads: Any = rows.column("payload")
    lengths = byte_lengths(payloads)
    headers, header_lengths = _headers(_DATA, lengths)
    pieces = [headers, payloads]
    total = lengths + header_lengths
    if attributes:
        for name, values in zip(ATTRIBUTES, attribute_columns(rows), strict=True):
            if values.null_count == len(values):
                continue
            table, with_value = _attribute_headers(name)
            known = byte_lengths(values)
            pieces += [table.take(_indices(known, values)), _large(values)]
            total += np.where(_known(values), with_value[known], 0)
    if content_type is not None:
        table, _ = _attribute_headers(CONTENT_TYPE)
        value = content_type.encode()
        constant = table[len(value)].as_py() + value
        pieces.append(pa.scalar(constant, pa.large_binary()))
        total += len(constant)
    if ordering_key:
        keys: Any = rows.column("key")
        known = byte_lengths(keys)
        headers, header_lengths = _headers(_ORDERING_KEY, known)
        nothing = pa.scalar(b"", pa.large_binary())
        pieces += [pc.if_else(pa.array(known > 0), headers, nothing), keys]
        total += np.where(known > 0, known + header_lengths, 0)
    pieces.insert(0, _headers(_MESSAGES, total)[0])
    between = pa.scalar(b"", pa.large_binary())
    joined = pc.binary_join_element_wise(
        *pieces, between, null_handling="replace", null_replacement=""
    )
    _, offsets, data = joined.buffers()
    bounds = np.frombuffer(offsets, np.int64)[joined.offset : joined.offset + len(joined) + 1]
    return WireMessages(data if data is not None else pa.py_buffer(b""), bounds)


@functools.cache
def request_head(topic: str) -> bytes:
    """What stands before the messages in a PublishRequest."""
    name = topic.encode()
    return bytes([_TOPIC]) + _varint(len(name)) + name


def request_bounds(
    bounds: Lengths, max_messages: int, max_bytes: int, start: int, end: int
) -> list[tuple[int, int]]:
    """The messages `start` to before `end` cut into requests: (first, behind the last).

    max_bytes: of the messages of one request; a message over it goes alone.
    """
    cuts = []
    while start < end:
        fits = int(np.searchsorted(bounds, bounds[start] + max_bytes, side="right")) - 1
        stop = max(start + 1, min(fits, start + max_messages, end))
        cuts.append((start, stop))
        start = stop
    return cuts


def attribute_columns(rows: pa.RecordBatch) -> list[Any]:
    """The columns of ATTRIBUTES, String; NULL where a row has no attributes at all."""
    attributes: Any = rows.column("attributes")
    columns: list[Any] = attributes.flatten()
    return columns


def byte_lengths(values: Any) -> Lengths:
    """Bytes of each value of a binary or string column, 0 for NULL."""
    lengths = pc.fill_null(pc.binary_length(values), 0)
    found: Lengths = lengths.to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _headers(tag: int, lengths: Lengths) -> tuple[Any, Lengths]:
    """A tag and a length for each of `lengths`, and how many bytes that is."""
    used = np.ones(len(lengths), np.int64)
    for more in range(1, _LENGTH_BYTES):
        used += lengths >= 1 << 7 * more
    header = np.empty((len(lengths), 1 + _LENGTH_BYTES), np.uint8)
    header[:, 0] = tag
    for place in range(_LENGTH_BYTES):
        header[:, 1 + place] = (lengths >> 7 * place) & 0x7F
        header[:, 1 + place] |= np.where(used > place + 1, 0x80, 0).astype(np.uint8)
    data: Any = header[np.arange(1 + _LENGTH_BYTES) < (1 + used)[:, None]]
    offsets: Any = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(1 + used, out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_binary(), len(lengths), buffers), 1 + used


@functools.cache
def _attribute_headers(name: str) -> tuple[Any, Lengths]:
    """By the length of an attribute's value: what stands before the value, and the bytes of both.

    A table, as a value has one of few lengths and what stands before it is long.
    """
    key = name.encode()
    entry = bytes([_ENTRY_KEY]) + _varint(len(key)) + key + bytes([_ENTRY_VALUE])
    headers = []
    for length in range(MAX_ATTRIBUTE_BYTES + 1):
        head = entry + _varint(length)
        headers.append(bytes([_ATTRIBUTES]) + _varint(len(head) + length) + head)
    totals = np.array([len(header) + length for length, header in enumerate(headers)], np.int64)
    return pa.array(headers, pa.large_binary()), totals


def _indices(lengths: Lengths, values: Any) -> Any:
    """Where each value's header stands in the table; NULL for NULL."""
    return pa.array(lengths, mask=~_known(values) if values.null_count else None)


def _known(values: Any) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = values.is_valid().to_numpy(zero_copy_only=False)
    return found


def _large(values: Any) -> Any:
    return values.cast(pa.binary()).cast(pa.large_binary())


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
