"""Messages published to Pub/Sub, by requests of many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import grpc
import pyarrow as pa
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection
from apache_beam.transforms.window import BoundedWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from pipeline_io.pubsub_channel import open_channel, publish_call
from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_limits import refused_rows
from pipeline_io.pubsub_publisher import Publisher
from pipeline_io.pubsub_requests import requests_of

NAMESPACE = "kamiflow.pubsub"
"""Of the Beam counters `requests`, `messages`, `bytes`, `retries` and `refused`."""

_COUNTS = ("requests", "messages", "bytes", "retries", "refused")


class _Place(NamedTuple):
    """Where a batch belongs in event time."""

    timestamp: Timestamp
    window: BoundedWindow


class _WriteMessages(beam.DoFn):
    """Publishes batches of SINK_ROWS; yields REFUSED_ROWS.

    A request holds messages of one batch, so none waits for the next batch to come.
    """

    def __init__(self, config: PubsubConfig) -> None:
        self.config = config
        self._counters = {name: Metrics.counter(NAMESPACE, name) for name in _COUNTS}
        self._channel: grpc.Channel | None = None
        self._publisher: Publisher | None = None

    def setup(self) -> None:
        self._channel = open_channel(self.config)
        self._publisher = Publisher(publish_call(self._channel, self.config), self.config)

    def start_bundle(self) -> None:
        if self._publisher is None or not self._publisher.is_idle:
            # The bundle before has failed: what it left must not mix with its second try.
            self.teardown()
            self.setup()

    def process(
        self,
        element: pa.RecordBatch,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[pa.RecordBatch]:
        found = requests_of(element, self.config, _Place(timestamp, window))
        for request in found.requests:
            self._running().send(request)
        if found.refused:
            self._counters["refused"].inc(len(found.refused))
            yield refused_rows(element, found.refused)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        publisher = self._running()
        try:
            refused = publisher.flush()
        finally:
            for name, count in publisher.take_counts().items():
                self._counters[name].inc(count)
        for request, one in refused:
            self._counters["refused"].inc()
            batch = refused_rows(request.rows, [one])
            yield WindowedValue(batch, request.mark.timestamp, (request.mark.window,))

    def teardown(self) -> None:
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None
        if self._channel is not None:
            # Ends the calls under way as well.
            self._channel.close()
            self._channel = None

    def _running(self) -> Publisher:
        if self._publisher is None:
            message = "a writer of messages is used before setup(), or after teardown()"
            raise RuntimeError(message)
        return self._publisher


class WriteMessages(beam.PTransform[PCollection[pa.RecordBatch], PCollection[pa.RecordBatch]]):
    """Publishes batches of SINK_ROWS to a topic, each message at least once; gives REFUSED_ROWS.

    A bundle ends when all of its messages are confirmed. While Pub/Sub is away they are sent again
    for `retry_seconds`; then, or when the topic may not be published to, PubsubError fails the
    bundle.
    """

    def __init__(self, config: PubsubConfig) -> None:
        super().__init__()
        self.config = config

    def expand(self, rows: PCollection[pa.RecordBatch]) -> PCollection[pa.RecordBatch]:
        step = beam.ParDo(_WriteMessages(self.config))
        refused: PCollection[pa.RecordBatch] = rows | "PublishMessages" >> step
        return refused
