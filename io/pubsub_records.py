"""Messages of a subscription as Arrow batches, a column at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline_io.record_schema import RECORD_SCHEMA

MESSAGE_ID = "goog-message-id"
"""The header with a message's id, before those of its attributes. Pub/Sub takes no attribute whose
name begins with goog, so none is called like this."""

NO_OFFSET = -1

_HEADERS: Any = RECORD_SCHEMA.field("headers").type


def message_batch(
    subscription: str,
    ids: Sequence[str],
    payloads: Sequence[bytes],
    millis: Sequence[int],
    keys: Sequence[str],
    attributes: Sequence[Any],
) -> pa.RecordBatch:
    """Messages as RECORD_SCHEMA, so that everything behind a reader takes them as it takes Kafka's.

    topic: the subscription. partition: 0. offset: the message's id where it is a number, else
    NO_OFFSET. timestamp: when it was published. headers: MESSAGE_ID, and an entry an attribute.
    key: the ordering key, NULL for none. value: the payload.

    Args:
        millis: since 1970. attributes: mappings of text to text.
    """
    count = len(ids)
    columns: list[pa.Array[Any]] = [
        pa.repeat(pa.scalar(subscription, pa.string()), count),
        pa.array(np.zeros(count, np.int32)),
        offsets_of(ids),
        pa.array(millis, pa.int64()).cast(RECORD_SCHEMA.field("timestamp").type),
        _headers(ids, attributes),
        pa.array([key.encode() if key else None for key in keys], pa.binary()),
        pa.array(payloads, pa.binary()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=RECORD_SCHEMA)


def offsets_of(ids: Sequence[str]) -> pa.Array[Any]:
    """Message ids as numbers. Pub/Sub promises no form; so far all of them are numbers."""
    try:
        return pa.array(ids, pa.string()).cast(pa.int64())
    except pa.ArrowInvalid:
        return pa.array(np.full(len(ids), NO_OFFSET, np.int64))


def _headers(ids: Sequence[str], attributes: Sequence[Any]) -> pa.Array[Any]:
    names: list[str] = []
    values: list[str] = []
    starts = [0]
    for message_id, found in zip(ids, attributes, strict=True):
        names.append(MESSAGE_ID)
        values.append(message_id)
        if found:
            names += found.keys()
            values += found.values()
        starts.append(len(names))
    entries = pa.StructArray.from_arrays(
        [pa.array(names, pa.string()), pa.array(values, pa.string()).cast(pa.binary())],
        fields=list(_HEADERS.value_type),
    )
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), entries, type=_HEADERS)
