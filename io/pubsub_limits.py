"""Messages that Pub/Sub cannot take, found before they are sent: a request fails as a whole."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_io.pubsub_config import MAX_REQUEST_BYTES, PubsubConfig
from pipeline_io.pubsub_wire import (
    MAX_ATTRIBUTE_BYTES,
    WireMessages,
    attribute_columns,
    byte_lengths,
    request_head,
    wire_messages,
)
from pipeline_io.record_schema import ATTRIBUTES, REFUSED_ROWS

MAX_ORDERING_KEY_BYTES = 1_024

Rows = npt.NDArray[np.bool_]


class Refused(NamedTuple):
    """Why one message is not published: its row in its batch, a word to count by, a sentence."""

    row: int
    error_class: str
    message: str


class Sendable(NamedTuple):
    """The messages of a batch that may be sent, and the rest.

    rows, messages: SINK_ROWS and their bytes, one by one. refused: rows of the batch as it came.
    """

    rows: pa.RecordBatch
    messages: WireMessages
    refused: list[Refused]


def sendable(rows: pa.RecordBatch, config: PubsubConfig) -> Sendable:
    """What of a batch of SINK_ROWS is within Pub/Sub's limits.

    The limits on the number of attributes and on the length of their names are kept by what
    `wire_messages` writes.
    """
    refused: dict[int, Refused] = {}
    _check_attributes(rows, config, refused)
    _check_keys(rows, config, refused)
    _check_emptiness(rows, config, refused)
    kept, places = _without(rows, np.arange(rows.num_rows), refused)
    messages = _wire(kept, config)
    room = MAX_REQUEST_BYTES - len(request_head(config.path))
    sizes = np.diff(messages.bounds)
    if len(sizes) and sizes.max() > room:
        for row in np.flatnonzero(sizes > room):
            place = int(places[row])
            message = (
                f"the message has {sizes[row]:,} bytes with its attributes, and Pub/Sub takes "
                f"{room:,}; select fewer or shorter columns, or leave the row out"
            )
            refused[place] = Refused(place, "MessageTooLarge", message)
        kept, _ = _without(rows, np.arange(rows.num_rows), refused)
        messages = _wire(kept, config)
    return Sendable(kept, messages, [refused[row] for row in sorted(refused)])


def refused_rows(rows: pa.RecordBatch, refused: list[Refused]) -> pa.RecordBatch:
    """The batch of REFUSED_ROWS for some rows of a batch of SINK_ROWS."""
    records = rows.column("record").take(pa.array([one.row for one in refused], pa.int64()))
    return pa.record_batch(
        [
            records,
            pa.array([one.error_class for one in refused], pa.string()),
            pa.array([one.message for one in refused], pa.string()),
        ],
        schema=REFUSED_ROWS,
    )


def _wire(rows: pa.RecordBatch, config: PubsubConfig) -> WireMessages:
    return wire_messages(
        rows,
        attributes=config.attributes,
        content_type=config.content_type,
        ordering_key=config.ordering_key,
    )


def _without(
    rows: pa.RecordBatch, places: npt.NDArray[np.int64], refused: dict[int, Refused]
) -> tuple[pa.RecordBatch, npt.NDArray[np.int64]]:
    if not refused:
        return rows, places
    keep = np.ones(rows.num_rows, np.bool_)
    keep[list(refused)] = False
    return rows.filter(pa.array(keep)), places[keep]


def _check_attributes(
    rows: pa.RecordBatch, config: PubsubConfig, refused: dict[int, Refused]
) -> None:
    if not config.attributes:
        return
    for name, values in zip(ATTRIBUTES, attribute_columns(rows), strict=True):
        lengths = byte_lengths(values)
        for row in np.flatnonzero(lengths > MAX_ATTRIBUTE_BYTES).tolist():
            message = (
                f"the attribute {name!r} has {lengths[row]:,} bytes, and Pub/Sub takes "
                f"{MAX_ATTRIBUTE_BYTES:,}; without attributes ('sink.attributes' = 'false') the "
                "message could be sent"
            )
            refused.setdefault(row, Refused(row, "AttributeTooLarge", message))


def _check_keys(rows: pa.RecordBatch, config: PubsubConfig, refused: dict[int, Refused]) -> None:
    if not config.ordering_key:
        return
    keys = rows.column("key")
    lengths = byte_lengths(keys)
    for row in np.flatnonzero(lengths > MAX_ORDERING_KEY_BYTES).tolist():
        message = (
            f"the key has {lengths[row]:,} bytes, and Pub/Sub takes ordering keys of "
            f"{MAX_ORDERING_KEY_BYTES:,}; use a shorter key, or 'sink.ordering-key' = 'false'"
        )
        refused.setdefault(row, Refused(row, "OrderingKeyTooLarge", message))
    for row in _not_text(keys):
        message = (
            f"the key {keys[row].as_py()[:50]!r} is no UTF-8 text, as an ordering key must be; "
            "select a text as key, or set 'sink.ordering-key' = 'false'"
        )
        refused.setdefault(row, Refused(row, "OrderingKeyNotText", message))


def _not_text(keys: pa.Array[Any]) -> list[int]:
    try:
        keys.cast(pa.large_string())
    except pa.ArrowInvalid:
        return [row for row, key in enumerate(keys.to_pylist()) if key and not _is_text(key)]
    return []


def _is_text(key: bytes) -> bool:
    try:
        key.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_emptiness(
    rows: pa.RecordBatch, config: PubsubConfig, refused: dict[int, Refused]
) -> None:
    if config.content_type is not None:
        return
    empty: Rows = byte_lengths(rows.column("payload")) == 0
    if config.attributes and empty.any():
        for values in attribute_columns(rows):
            empty &= values.is_null().to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(empty).tolist():
        message = "the message is empty and has no attributes, and Pub/Sub takes none such"
        refused.setdefault(row, Refused(row, "EmptyMessage", message))
