"""A topic filled with a recording's records, and a paced stream of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from confluent_kafka import Producer

from pipeline_io.recording import Recording
from pipeline_io.schema_registry import SchemaRegistry

FOLDER = Path(__file__).parents[1] / "data" / "recordings" / "mysql_adaptive"
TOPIC = "mysql_adaptive.shop.items"

_HEADER_BYTES = 5
_QUEUE_MESSAGES = 400_000
_BETWEEN_POLLS = 1_000


class Record(NamedTuple):
    """What is sent, with the ids of the registry that the records are sent for."""

    key: bytes | None
    value: bytes
    headers: list[tuple[str, str | bytes | None]] | None


def records_for(registry: str, *, headers: bool) -> list[Record]:
    """The recording's records with a value, their schemas registered.

    Args:
        headers: whether the records keep the headers that Debezium gave them.
    """
    ids = _registered(SchemaRegistry.from_text(registry))

    def framed(data: bytes) -> bytes:
        known = ids[int.from_bytes(data[1:_HEADER_BYTES], "big")]
        return b"\x00" + known.to_bytes(4, "big") + data[_HEADER_BYTES:]

    (batch,) = Recording(str(FOLDER), TOPIC).batches(1_000_000)
    rows: list[dict[str, Any]] = pa.Table.from_batches([batch]).to_pylist()
    return [
        Record(
            None if row["key"] is None else framed(row["key"]),
            framed(row["value"]),
            [(one["key"], one["value"]) for one in row["headers"] or ()] if headers else None,
        )
        for row in rows
        if row["value"] is not None
    ]


def _registered(registry: SchemaRegistry) -> dict[int, int]:
    entries = json.loads((FOLDER / "schemas.json").read_text(encoding="utf-8"))
    ids = {}
    for old, entry in entries.items():
        schema = entry["schema"]
        text = schema if isinstance(schema, str) else json.dumps(schema)
        ids[int(old)] = registry.register(f"replayed-{old}", text)
    return ids


class Load:
    """Sends records to topics of a broker."""

    def __init__(self, brokers: str, records: list[Record]) -> None:
        self._brokers = brokers
        self._records = records

    def fill(self, topic: str, count: int) -> None:
        """Sends `count` records, the recording's again and again, as fast as it goes."""
        producer = self._producer(50)
        produce = producer.produce
        sent = 0
        while sent < count:
            for key, value, headers in self._records[: count - sent]:
                while True:
                    try:
                        # By position: names cost a third.
                        produce(topic, value, key, -1, None, None, 0, headers)
                        break
                    except BufferError:
                        producer.poll(0.1)
                sent += 1
                if sent % _BETWEEN_POLLS == 0:
                    producer.poll(0)
        producer.flush()

    def pace(self, topic: str, per_second: int, seconds: float, ended: Callable[[], bool]) -> int:
        """Sends so many records a second, evenly, until the time is up or `ended` says so; how
        many were sent."""
        producer = self._producer(0)
        started, sent = time.monotonic(), 0
        while (passed := time.monotonic() - started) < seconds and not ended():
            while sent < passed * per_second:
                key, value, headers = self._records[sent % len(self._records)]
                producer.produce(topic, value, key, -1, None, None, 0, headers)
                sent += 1
            producer.poll(1 / per_second)
        producer.flush()
        return sent

    def _producer(self, linger_milliseconds: int) -> Producer:
        return Producer({**self.settings(), "linger.ms": linger_milliseconds})

    def settings(self) -> dict[str, str | int]:
        """Of the producer."""
        return {
            "bootstrap.servers": self._brokers,
            "batch.num.messages": 10_000,
            "queue.buffering.max.messages": _QUEUE_MESSAGES,
        }
