"""Messages published to Pub/Sub, by requests of many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import grpc
import pyarrow as pa
from apache_beam.pvalue import PCollection
from apache_beam.utils.windowed_value import WindowedValue

from pipeline_io.pubsub_channel import open_channel, publish_call
from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_limits import refused_rows
from pipeline_io.pubsub_publisher import Publisher
from pipeline_io.pubsub_requests import requests_of
from pipeline_io.sink_metrics import SinkMetrics
from pipeline_io.sink_step import Place, SinkStep

NAMESPACE = "kamiflow.pubsub"
"""Of the Beam counters COUNTS."""

COUNTS = ("requests", "messages", "bytes", "retries", "refused")


class _WriteMessages(SinkStep[Publisher]):
    """Publishes batches of SINK_ROWS; yields REFUSED_ROWS.

    A request holds messages of one batch, so none waits for the next batch to come.
    """

    def __init__(self, config: PubsubConfig, sink: str = "") -> None:
        super().__init__(SinkMetrics(NAMESPACE, sink, COUNTS))
        self.config = config
        self._channel: grpc.Channel | None = None

    def open_writer(self) -> Publisher:
        self._channel = open_channel(self.config)
        return Publisher(publish_call(self._channel, self.config), self.config)

    def process(
        self,
        element: pa.RecordBatch,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[pa.RecordBatch]:
        found = requests_of(element, self.config, Place(timestamp, window))
        for request in found.requests:
            self.writer().send(request)
        self.metrics.came(element)
        if found.refused:
            self.metrics.count({"refused": len(found.refused)})
            yield refused_rows(element, found.refused)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        publisher = self.writer()
        try:
            refused = publisher.flush()
        finally:
            self.metrics.count(publisher.take_counts())
        self.metrics.confirmed()
        for request, one in refused:
            self.metrics.count({"refused": 1})
            batch = refused_rows(request.rows, [one])
            yield WindowedValue(batch, request.mark.timestamp, (request.mark.window,))

    def teardown(self) -> None:
        super().teardown()
        if self._channel is not None:
            # Ends the calls under way as well.
            self._channel.close()
            self._channel = None


class WriteMessages(beam.PTransform[PCollection[pa.RecordBatch], PCollection[pa.RecordBatch]]):
    """Publishes batches of SINK_ROWS to a topic, each message at least once; gives REFUSED_ROWS.

    A bundle ends when all of its messages are confirmed. While Pub/Sub is away they are sent again
    for `retry_seconds`; then, or when the topic may not be published to, PubsubError fails the
    bundle.

    sink: the name that its metrics have.
    """

    def __init__(self, config: PubsubConfig, sink: str = "") -> None:
        super().__init__()
        self.config = config
        self.sink = sink

    def expand(self, rows: PCollection[pa.RecordBatch]) -> PCollection[pa.RecordBatch]:
        step = beam.ParDo(_WriteMessages(self.config, self.sink))
        refused: PCollection[pa.RecordBatch] = rows | "PublishMessages" >> step
        return refused
