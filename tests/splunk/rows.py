"""Batches of SINK_ROWS for Splunk, many at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline_io.record_schema import ATTRIBUTES, SINK_ROWS

EPOCH_MS = 1_767_225_600_123
"""When the records of `sink_rows` were made: 2026-01-01 00:00:00.123 UTC."""

_RECORD = SINK_ROWS.field("record").type
_ATTRIBUTES = SINK_ROWS.field("attributes").type


def sink_rows(
    payloads: Sequence[bytes],
    keys: Sequence[bytes | None] | None = None,
    attributes: Sequence[Mapping[str, str | None]] | None = None,
    first: int = 0,
    headers: Sequence[tuple[str, bytes]] = (),
) -> pa.RecordBatch:
    """Rows whose records are of the offsets from `first` on, and whose event_id is `e-OFFSET`."""
    count = len(payloads)
    offsets = range(first, first + count)
    if attributes is None:
        attributes = [{"event_id": f"e-{offset}"} for offset in offsets]
    record = pa.StructArray.from_arrays(
        [
            pa.repeat(pa.scalar("shop.items"), count),
            pa.array([0] * count, pa.int32()),
            pa.array(offsets, pa.int64()),
            pa.array([EPOCH_MS] * count, pa.int64()).cast(_RECORD.field("timestamp").type),
            pa.array(
                [[{"key": name, "value": value} for name, value in headers]] * count,
                _RECORD.field("headers").type,
            ),
            pa.nulls(count, pa.binary()),
            pa.array(payloads, pa.binary()),
        ],
        fields=list(_RECORD),
    )
    columns: list[Any] = [
        pa.array(payloads, pa.large_binary()),
        pa.array(keys if keys is not None else [None] * count, pa.large_binary()),
        pa.StructArray.from_arrays(
            [pa.array([one.get(name) for one in attributes], pa.string()) for name in ATTRIBUTES],
            fields=list(_ATTRIBUTES),
        ),
        record,
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SINK_ROWS)


def refused_offsets(batches: Sequence[pa.RecordBatch]) -> list[tuple[int, str]]:
    """Of REFUSED_ROWS: the record's offset, and the class of the error."""
    return sorted(
        (row["record"]["offset"], row["error_class"]) for one in batches for row in one.to_pylist()
    )
