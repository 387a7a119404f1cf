"""Batches of SINK_ROWS as a job makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from google.pubsub_v1.types import PublishRequest

from pipeline_io.record_schema import ATTRIBUTES, SINK_ROWS

_RECORD = SINK_ROWS.field("record").type


def sink_rows(
    payloads: Sequence[bytes],
    keys: Sequence[bytes | None] | None = None,
    attributes: Sequence[Mapping[str, str | None] | None] | None = None,
) -> pa.RecordBatch:
    """SINK_ROWS whose records have their row as offset."""
    records = [
        {"topic": "shop.items", "partition": 0, "offset": offset, "value": payload}
        for offset, payload in enumerate(payloads)
    ]
    count = len(payloads)
    columns: list[Any] = [
        pa.array(payloads, pa.large_binary()),
        pa.array(keys or [None] * count, pa.large_binary()),
        pa.array(attributes or [{}] * count, SINK_ROWS.field("attributes").type),
        pa.array(records, _RECORD),
    ]
    return pa.record_batch(columns, schema=SINK_ROWS)


def change_attributes(number: int) -> dict[str, str | None]:
    """Attributes of the change event `number`."""
    values = (f"event-{number}", f"{number:020d}", "shop.items", "u")
    return dict(zip(ATTRIBUTES, values, strict=True))


def parsed(body: bytes) -> Any:
    """A serialised PublishRequest as Google's own class reads it."""
    return PublishRequest.pb().FromString(body)
