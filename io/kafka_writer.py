"""Messages written to a Kafka topic."""

from __future__ import annotations

import bisect
import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PCollection
from apache_beam.transforms.window import BoundedWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from pipeline_io.kafka_errors import KafkaUnavailable
from pipeline_io.kafka_write_check import FoundTopic, check_topic
from pipeline_io.kafka_write_config import TopicSink
from pipeline_io.kafka_write_errors import Failed, refusal
from pipeline_io.kafka_write_messages import refused_rows, size_of
from pipeline_io.kafka_write_producer import TopicProducer
from pipeline_io.sink_metrics import SinkMetrics

_LOGGER = logging.getLogger(__name__)

NAMESPACE = "kamiflow.kafka_writer"
"""Of the Beam counters COUNTS; bytes are those of keys and payloads."""

MOST_HELD_MESSAGES = 100_000
"""A bundle of more is confirmed in between: refused messages are looked up in what is held."""
MOST_HELD_BYTES = 256 * 2**20

COUNTS = ("messages", "bytes", "refused")


class _Held(NamedTuple):
    """A batch that is not confirmed, the number of its first message, its place in event time."""

    first: int
    rows: pa.RecordBatch
    timestamp: Timestamp
    window: BoundedWindow


class _WriteMessages(beam.DoFn):
    """Writes batches of SINK_ROWS; yields REFUSED_ROWS."""

    def __init__(self, sink: TopicSink, name: str = "") -> None:
        self.sink = sink
        self.metrics = SinkMetrics(NAMESPACE, name, COUNTS)
        self._producer: TopicProducer | None = None
        self._limit: int | None = None
        self._held: list[_Held] = []
        self._count = self._bytes = 0

    def start_bundle(self) -> None:
        if self._held or (self._producer is not None and not self._producer.is_idle):
            # The bundle before has failed: what it left must not mix with its second try.
            self.teardown()
        if self._producer is None:
            self._limit = self._known_limit()
            self._producer = TopicProducer(self.sink, self._limit)
        self.metrics.begin()

    def process(
        self,
        element: pa.RecordBatch,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[WindowedValue]:
        self._held.append(_Held(self._count, element, timestamp, window))
        self._running().send_rows(element, self._count)
        self._count += element.num_rows
        self._bytes += element.nbytes
        self.metrics.count({"bytes": size_of(element)})
        self.metrics.came(element)
        if self._count >= MOST_HELD_MESSAGES or self._bytes >= MOST_HELD_BYTES:
            yield from self._confirmed()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        yield from self._confirmed()

    def teardown(self) -> None:
        self._held, self._count, self._bytes = [], 0, 0
        if self._producer is not None:
            self._producer.close()
            self._producer = None

    def _confirmed(self) -> Iterator[WindowedValue]:
        """Waits until the brokers have all that is held."""
        failed = self._sent_alone(self._running().confirm())
        held, count = self._held, self._count
        self._held, self._count, self._bytes = [], 0, 0
        self.metrics.count({"messages": count - len(failed), "refused": len(failed)})
        self.metrics.confirmed()
        yield from self._refused(held, failed)

    def _sent_alone(self, failed: list[Failed]) -> list[Failed]:
        """The failed messages that fail alone as well: a broker refuses a request as a whole."""
        if all(one.alone for one in failed):
            return failed
        producer = TopicProducer(self.sink, self._limit, one_by_one=True)
        try:
            for number, _, alone in failed:
                if alone:
                    continue
                held = self._held[self._place(self._held, number)]
                producer.send_rows(held.rows.slice(number - held.first, 1), number)
            again = producer.confirm()
        finally:
            producer.close()
        known = [one for one in failed if one.alone]
        return sorted([*known, *again], key=lambda one: one.number)

    def _refused(self, held: list[_Held], failed: list[Failed]) -> Iterator[WindowedValue]:
        by_batch: dict[int, list[Failed]] = {}
        for one in failed:
            by_batch.setdefault(self._place(held, one.number), []).append(one)
        for place, ones in by_batch.items():
            first, rows, timestamp, window = held[place]
            refused = []
            for number, error, _ in ones:
                row = number - first
                key = rows.column("key")[row].as_py() or b""
                size = len(rows.column("payload")[row].as_py()) + len(key)
                refused.append((row, refusal(self.sink, error, size, self._limit)))
            yield WindowedValue(refused_rows(rows, refused), timestamp, (window,))

    @staticmethod
    def _place(held: list[_Held], number: int) -> int:
        return bisect.bisect_right(held, number, key=lambda one: one.first) - 1

    def _known_limit(self) -> int | None:
        try:
            return check_topic(self.sink).max_message_bytes
        except KafkaUnavailable as error:
            # The producer has more patience.
            subject = {"topic": self.sink.topic}
            _LOGGER.warning("%s; the messages wait for it", error, extra=subject)
            return None

    def _running(self) -> TopicProducer:
        if self._producer is None:
            message = "a writer to Kafka is used outside of a bundle; call start_bundle() first"
            raise RuntimeError(message)
        return self._producer


class WriteTopic(beam.PTransform[PCollection[pa.RecordBatch], PCollection[pa.RecordBatch]]):
    """Writes batches of SINK_ROWS to a topic, each message at least once; gives REFUSED_ROWS.

    A bundle ends when every in-sync replica has all of its messages. While brokers are away they
    wait for `delivery_seconds`; then, or when the topic may not be written to, KafkaError fails
    the bundle.

    name: the one that the sink's metrics have.
    """

    def __init__(self, sink: TopicSink, name: str = "") -> None:
        super().__init__()
        self.sink = sink
        self.name = name

    def check(self) -> FoundTopic:
        """Asks the cluster whether the topic can be written to; see check_topic."""
        return check_topic(self.sink)

    def expand(self, rows: PCollection[pa.RecordBatch]) -> PCollection[pa.RecordBatch]:
        refused: PCollection[pa.RecordBatch] = rows | "WriteMessages" >> beam.ParDo(
            _WriteMessages(self.sink, self.name)
        )
        return refused
