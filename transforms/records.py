"""Batches of Kafka records, the element that flows from a reader into a job."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

_FIELDS: list[pa.Field[Any]] = [
    pa.field("topic", pa.string(), nullable=False),
    pa.field("partition", pa.int32(), nullable=False),
    pa.field("offset", pa.int64(), nullable=False),
    pa.field("timestamp", pa.timestamp("ms", tz="UTC")),
    pa.field(
        "headers",
        pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())])),
    ),
    pa.field("key", pa.binary()),
    pa.field("value", pa.binary()),
]
RECORD_SCHEMA = pa.schema(_FIELDS)
"""The columns of a batch, a `pyarrow.RecordBatch`: one row a Kafka record, in the order of each
partition. `key` and `value` are the bytes as Kafka has them (a NULL value is a tombstone),
`timestamp` is Kafka's, in milliseconds."""


def check_records(batch: pa.RecordBatch) -> None:
    """TypeError if a reader hands over something else than records."""
    if batch.schema != RECORD_SCHEMA:
        message = (
            f"a batch of Kafka records has the columns {batch.schema}, expected {RECORD_SCHEMA}; "
            "mend the reader that made it"
        )
        raise TypeError(message)
