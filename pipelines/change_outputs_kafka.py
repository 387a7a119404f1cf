"""Change events written to the topics of Kafka."""

from __future__ import annotations

import bisect
import logging
from typing import Any

import pyarrow as pa

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaUnavailable
from pipeline_io.kafka_write_check import check_topic
from pipeline_io.kafka_write_config import TopicSink
from pipeline_io.kafka_write_errors import Failed, refusal
from pipeline_io.kafka_write_messages import refused_rows
from pipeline_io.kafka_write_producer import TopicProducer
from pipeline_io.record_schema import SINK_ROWS
from pipeline_io.schema_registry import SchemaRegistry

_LOGGER = logging.getLogger(__name__)

MOST_HELD_BYTES = 256 * 2**20
"""Records are held until brokers have them; of more than this the rest waits for them."""


class KafkaOutput:
    """Sends records to their topics, by their keys to the partitions where Java's clients would."""

    def __init__(self, cluster: KafkaCluster, registry: SchemaRegistry) -> None:
        self.registrar = registry
        self._cluster = cluster
        self._topics: dict[str, _Topic] = {}
        self._refused: list[pa.RecordBatch] = []

    def next_offset(self, topic: str, partition: int) -> int:
        """0: the broker gives offsets."""
        return 0

    def write(self, records: pa.RecordBatch) -> None:
        if not records.num_rows:
            return
        name = records.column("topic")[0].as_py()
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = _Topic(TopicSink(self._cluster, name, headers=()))
        topic.send(records)
        if topic.held_bytes >= MOST_HELD_BYTES:
            self._refused += topic.confirm()

    def flush(self) -> list[pa.RecordBatch]:
        refused, self._refused = self._refused, []
        for topic in self._topics.values():
            refused += topic.confirm()
        return refused

    def close(self) -> None:
        topics, self._topics = self._topics, {}
        self._refused = []
        for topic in topics.values():
            topic.close()


class _Topic:
    """One topic's producer, and what it has not confirmed yet."""

    def __init__(self, sink: TopicSink) -> None:
        self.sink = sink
        self.held_bytes = 0
        self._held: list[pa.RecordBatch] = []
        self._firsts: list[int] = []
        self._count = 0
        self._limit = self._known_limit()
        self._producer = TopicProducer(sink, self._limit)

    def send(self, records: pa.RecordBatch) -> None:
        rows = _sink_rows(records)
        self._held.append(rows)
        self._firsts.append(self._count)
        self._producer.send_rows(rows, self._count)
        self._count += rows.num_rows
        self.held_bytes += records.nbytes

    def confirm(self) -> list[pa.RecordBatch]:
        """Waits until the brokers have all that is held; REFUSED_ROWS."""
        failed = self._sent_alone(self._producer.confirm())
        by_batch: dict[int, list[Failed]] = {}
        for one in failed:
            by_batch.setdefault(self._place(one.number), []).append(one)
        refused = [self._refusals(place, ones) for place, ones in by_batch.items()]
        self._held, self._firsts, self._count, self.held_bytes = [], [], 0, 0
        return refused

    def close(self) -> None:
        self._producer.close()

    def _refusals(self, place: int, failed: list[Failed]) -> pa.RecordBatch:
        rows = self._held[place]
        found = []
        for one in failed:
            row = one.number - self._firsts[place]
            size = sum(len(rows.column(name)[row].as_py() or b"") for name in ("payload", "key"))
            found.append((row, refusal(self.sink, one.error, size, self._limit)))
        return refused_rows(rows, found)

    def _sent_alone(self, failed: list[Failed]) -> list[Failed]:
        """Those that fail alone as well: a broker refuses a request as a whole."""
        doubtful = [one for one in failed if not one.alone]
        if not doubtful:
            return failed
        producer = TopicProducer(self.sink, self._limit, one_by_one=True)
        try:
            for one in doubtful:
                place = self._place(one.number)
                row = self._held[place].slice(one.number - self._firsts[place], 1)
                producer.send_rows(row, one.number)
            again = producer.confirm()
        finally:
            producer.close()
        known = [one for one in failed if one.alone]
        return sorted([*known, *again], key=lambda one: one.number)

    def _place(self, number: int) -> int:
        return bisect.bisect_right(self._firsts, number) - 1

    def _known_limit(self) -> int | None:
        try:
            return check_topic(self.sink).max_message_bytes
        except KafkaUnavailable as error:
            # The producer has more patience.
            _LOGGER.warning("%s; the records wait for it", error)
            return None


def _sink_rows(records: pa.RecordBatch) -> pa.RecordBatch:
    """SINK_ROWS of records; they carry no headers, as a connector's do not."""
    columns: list[Any] = [
        records.column("value").cast(pa.large_binary()),
        records.column("key").cast(pa.large_binary()),
        pa.nulls(records.num_rows, SINK_ROWS.field("attributes").type),
        records.to_struct_array(),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SINK_ROWS)
