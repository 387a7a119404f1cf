"""SINK_ROWS for tests of writers to Kafka, and what a topic holds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import confluent_kafka
import pyarrow as pa
from confluent_kafka import Consumer, TopicPartition

from pipeline_io.record_schema import ATTRIBUTES, SINK_ROWS


def sink_rows(
    payloads: Sequence[bytes],
    keys: Sequence[bytes | None] | None = None,
    attributes: Sequence[dict[str, str | None] | None] | None = None,
) -> pa.RecordBatch:
    """Rows whose records have the offsets 0, 1, ... of a topic 'source'."""
    count = len(payloads)
    full = [
        None if one is None else {name: one.get(name) for name in ATTRIBUTES}
        for one in attributes or [{}] * count
    ]
    records = [
        {"topic": "source", "partition": 0, "offset": offset, "value": b"original"}
        for offset in range(count)
    ]
    columns = {
        "payload": list(payloads),
        "key": list(keys) if keys is not None else [None] * count,
        "attributes": full,
        "record": records,
    }
    arrays: list[pa.Array[Any]] = [pa.array(columns[field.name], field.type) for field in SINK_ROWS]
    return pa.RecordBatch.from_arrays(arrays, schema=SINK_ROWS)


def read_topic(
    brokers: str, topic: str, partitions: int = 1, count: int | None = None
) -> list[confluent_kafka.Message]:
    """All messages of a topic by partition and offset, up to its end now; at least `count`."""
    consumer = Consumer(
        {"bootstrap.servers": brokers, "group.id": "reader", "enable.auto.commit": False}
    )
    try:
        found: list[confluent_kafka.Message] = []
        for partition in range(partitions):
            place = TopicPartition(topic, partition, 0)
            end = consumer.get_watermark_offsets(place, timeout=20)[1]
            consumer.assign([place])
            deadline = time.monotonic() + 30
            offset = 0
            while offset < end and time.monotonic() < deadline:
                for message in consumer.consume(10_000, 1):
                    assert message.error() is None
                    found.append(message)
                    offset = (message.offset() or 0) + 1
        assert count is None or len(found) >= count
        return found
    finally:
        consumer.close()
