"""The steps of the per-record route: each record is an element of Beam."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import confluent_kafka
import fastavro
import orjson
import sqlalchemy

from pipeline_io.schema_registry import SchemaRegistry
from tests.benchmarks.flink_scripts import KEYS
from tests.benchmarks.job_speed import shaped

_POLL_SECONDS = 1.0
_CACHED = 100_000


class ReadEach(beam.DoFn):
    """The values of a topic's first partition up to its present end."""

    def __init__(self, brokers: str, topic: str) -> None:
        self.brokers = brokers
        self.topic = topic

    def process(self, element: None) -> Iterator[bytes]:
        consumer = confluent_kafka.Consumer(
            {"bootstrap.servers": self.brokers, "group.id": "each", "enable.auto.commit": False}
        )
        place = confluent_kafka.TopicPartition(self.topic, 0, 0)
        _, end = consumer.get_watermark_offsets(place)
        consumer.assign([place])
        offset = 0
        while offset < end:
            message: Any = consumer.poll(_POLL_SECONDS)
            if message is not None and message.error() is None:
                offset = message.offset() + 1
                yield message.value()
        consumer.close()


class ShapeEach(beam.DoFn):
    """Wire format to JSON, one record."""

    def __init__(self, registry: SchemaRegistry, lookup: str | None) -> None:
        self.registry = registry
        self.lookup = lookup

    def setup(self) -> None:
        self._schema = functools.lru_cache(_CACHED)(self._parsed)
        self._user = functools.lru_cache(_CACHED)(self._asked)
        if self.lookup is not None:
            self._connection = sqlalchemy.create_engine(self.lookup).connect()

    def _parsed(self, schema_id: int) -> Any:
        return fastavro.parse_schema(json.loads(self.registry.schema(schema_id)))

    def _asked(self, user_id: int | None) -> tuple[Any, ...]:
        query = sqlalchemy.text("SELECT name, risk FROM users WHERE id = :id")
        found = self._connection.execute(query, {"id": user_id}).one_or_none()
        return (None, None) if found is None else tuple(found)

    def process(self, element: bytes) -> Iterator[bytes]:
        schema = self._schema(int.from_bytes(element[1:5], "big"))
        change: Any = fastavro.schemaless_reader(io.BytesIO(element[5:]), schema, None)
        event = shaped(change)
        if self.lookup is not None:
            row = change["before"] if change["op"] == "d" else change["after"]
            user_id = None if row is None else row["id"] % KEYS
            event["event"]["customer"], event["event"]["risk"] = self._user(user_id)
        yield orjson.dumps(event, default=float)


class WriteEach(beam.DoFn):
    """Messages to a topic; all are there at a bundle's end."""

    def __init__(self, brokers: str, topic: str) -> None:
        self.brokers = brokers
        self.topic = topic

    def setup(self) -> None:
        self._producer = confluent_kafka.Producer(
            {"bootstrap.servers": self.brokers, "linger.ms": 50}
        )

    def process(self, element: bytes) -> None:
        while True:
            try:
                self._producer.produce(self.topic, element)
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)

    def finish_bundle(self) -> None:
        self._producer.flush()
