"""Messages to Kafka and back, over librdkafka's own broker of tests: the check needs no server."""

from __future__ import annotations

import contextlib
import functools

import pyarrow as pa

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_partitions import PartitionReader
from pipeline_io.kafka_positions import PartitionRange, Positions
from pipeline_io.kafka_source import KafkaSource
from pipeline_io.kafka_write_config import TopicSink
from pipeline_io.kafka_write_producer import TopicProducer
from tests.mock_cluster import mock_cluster

_TOPIC = "checked"
_PARTITIONS = 4
"""Which the broker of tests gives a topic."""
_SECONDS = 60.0


class ThroughKafka:
    """Writes rows as messages, and reads them as records: what a sink and a reader do.

    It begins with its first call, since its threads would count as other work, and ends with the
    stack.

    Args:
        rows: SINK_ROWS.
    """

    def __init__(self, rows: pa.RecordBatch, stack: contextlib.ExitStack) -> None:
        self._rows = rows
        self._stack = stack
        self._positions: Positions = tuple(
            PartitionRange(_TOPIC, number, 0) for number in range(_PARTITIONS)
        )

    @functools.cached_property
    def _clients(self) -> tuple[TopicProducer, PartitionReader]:
        brokers = self._stack.enter_context(mock_cluster())
        # That broker answers a fetch when its time is over, not when there is something.
        cluster = KafkaCluster(brokers, {"fetch.max.wait.ms": "5"})
        producer = TopicProducer(TopicSink(cluster, _TOPIC, headers=()), None)
        self._stack.callback(producer.close)
        reader = PartitionReader(
            KafkaSource(cluster, (_TOPIC,), bounded=False, discovery_seconds=None)
        )
        self._stack.callback(reader.close)
        return producer, reader

    def __call__(self) -> int:
        """How many records came back: as many as there are rows."""
        producer, reader = self._clients
        producer.send_rows(self._rows, 0)
        failed = producer.confirm()
        if failed:
            message = f"the broker of tests has refused {failed[0]}"
            raise RuntimeError(message)
        found = 0
        while found < self._rows.num_rows:
            for fetched in reader.read(self._positions, self._rows.num_rows, _SECONDS):
                self._positions = fetched.positions
                if fetched.batch is not None:
                    found += fetched.batch.num_rows
        # Nothing is asked for between the calls.
        reader.read((), 1, 0)
        return found
