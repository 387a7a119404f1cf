"""The columns that readers hand over and that writers take, as Arrow schemas."""

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
"""A batch of Kafka records: one row a record, in the order of each partition."""

ATTRIBUTES = ("event_id", "order_key", "table", "op")
"""What a message says of the change event that it came of; NULL where there is none."""

SINK_ROWS = pa.schema(
    [
        pa.field("payload", pa.large_binary(), nullable=False),
        pa.field("key", pa.large_binary()),
        pa.field("attributes", pa.struct([pa.field(name, pa.string()) for name in ATTRIBUTES])),
        pa.field("record", pa.struct(_FIELDS)),
    ]
)
"""A batch of messages for a sink, in the order of their records.

payload: the encoded row; for a table of typed columns a struct of these. key: of the message, NULL
for none. attributes: ATTRIBUTES. record: the record that the row came of, for a dead letter if the
sink refuses the message.
"""

REFUSED_ROWS = pa.schema(
    [
        pa.field("record", pa.struct(_FIELDS)),
        pa.field("error_class", pa.string(), nullable=False),
        pa.field("message", pa.string(), nullable=False),
    ]
)
"""What a sink refused for good: the record it came of, and why. It becomes a dead letter."""
