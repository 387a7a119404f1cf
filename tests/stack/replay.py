"""A recording sent to real topics, its schemas registered and their ids put into the records."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from confluent_kafka import Producer

from pipeline_io.recording import Recording
from pipeline_io.schema_registry import SchemaRegistry

_HEADER_BYTES = 5


class Replay:
    """Sends the records of a recording to a broker.

    topics: the new name of each topic of the recording; others are left out.
    """

    def __init__(self, folder: Path, brokers: str, registry: str, topics: dict[str, str]) -> None:
        self.topics = topics
        self._batches = list(Recording(str(folder)).batches(100_000))
        self._producer = Producer({"bootstrap.servers": brokers, "linger.ms": 50})
        self._ids = _registered(folder, SchemaRegistry.from_text(registry))

    def send(self, times: int = 1, timestamps: Iterator[int] | None = None) -> int:
        """Sends all records so often, in their order; how many were sent.

        timestamps: the times of the records in Kafka in milliseconds; without them, now.
        """
        sent = 0
        for _ in range(times):
            for batch in self._batches:
                sent += self._send(batch, timestamps or itertools.repeat(0))
        self._producer.flush()
        return sent

    def _send(self, batch: pa.RecordBatch, timestamps: Iterator[int]) -> int:
        sent = 0
        for record in batch.to_pylist():
            topic = self.topics.get(str(record["topic"]))
            if topic is None:
                continue
            timestamp = next(timestamps)
            headers = [(header["key"], header["value"]) for header in record["headers"] or ()]
            while True:
                try:
                    self._producer.produce(
                        topic,
                        key=self._framed(record["key"]),
                        value=self._framed(record["value"]),
                        headers=headers,
                        # 0 is now.
                        timestamp=timestamp,
                    )
                    break
                except BufferError:
                    self._producer.poll(0.5)
            sent += 1
        return sent

    def _framed(self, data: bytes | None) -> bytes | None:
        if data is None or len(data) < _HEADER_BYTES or data[0] != 0:
            return data
        known = self._ids.get(int.from_bytes(data[1:_HEADER_BYTES], "big"))
        if known is None:
            return data
        return b"\x00" + known.to_bytes(4, "big") + data[_HEADER_BYTES:]


def _registered(folder: Path, registry: SchemaRegistry) -> dict[int, int]:
    entries = json.loads((folder / "schemas.json").read_text(encoding="utf-8"))
    ids = {}
    for old, entry in entries.items():
        schema = entry["schema"]
        text = schema if isinstance(schema, str) else json.dumps(schema)
        # A subject of its own: the registry has no reason to compare versions of different tables.
        ids[int(old)] = registry.register(f"replayed-{old}", text)
    return ids


def topics_of(folder: Path) -> list[str]:
    """The topics of a recording."""
    names: Iterable[str] = (
        str(name)
        for batch in Recording(str(folder)).batches(100_000)
        for name in set(batch.column("topic").to_pylist())
    )
    return sorted(set(names))
