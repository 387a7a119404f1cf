"""The columns of what statements hand to their sinks, and of what sinks refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms.records import RECORD_SCHEMA

ATTRIBUTES = ("event_id", "order_key", "table", "op")
"""What a message says of the change event that it came of; NULL where there is none."""

_RECORD: pa.DataType = pa.struct(list(RECORD_SCHEMA))

SINK_ROWS = pa.schema(
    [
        pa.field("payload", pa.large_binary(), nullable=False),
        pa.field("key", pa.large_binary()),
        pa.field("attributes", pa.struct([pa.field(name, pa.string()) for name in ATTRIBUTES])),
        pa.field("record", _RECORD),
    ]
)
"""A batch of encoded rows, in the order of their records. For a sink of messages also the key of
each, its ATTRIBUTES, and the record it came of, for a dead letter if the sink refuses it; these are
NULL for other sinks. The payload of a sink that takes typed columns is a struct of these."""

REFUSED_ROWS = pa.schema(
    [
        pa.field("record", _RECORD),
        pa.field("error_class", pa.string(), nullable=False),
        pa.field("message", pa.string(), nullable=False),
    ]
)
"""What a sink refused for good, and why."""


def sink_rows(
    payload: pa.Array[Any],
    key: pa.Array[Any] | None = None,
    attributes: pa.StructArray | None = None,
    record: pa.StructArray | None = None,
) -> pa.RecordBatch:
    """SINK_ROWS of these columns, whose payload may be a struct; None is NULL in every row."""
    schema = SINK_ROWS
    if payload.type != SINK_ROWS.field("payload").type:
        schema = schema.set(0, pa.field("payload", payload.type, nullable=False))
    columns = [
        pa.nulls(len(payload), field.type) if column is None else column
        for field, column in zip(schema, (payload, key, attributes, record), strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def records_at(records: pa.RecordBatch, positions: npt.NDArray[np.int64]) -> pa.StructArray:
    """The records at these positions as one column."""
    if len(positions) != len(records) or np.any(positions != np.arange(len(records))):
        records = records.take(pa.array(positions, pa.int64()))
    return pa.StructArray.from_arrays(records.columns, fields=list(RECORD_SCHEMA))
