"""Messages read by Dataflow's own Pub/Sub reader, which stands in for Beam's ReadFromPubSub."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.gcp.pubsub import PubsubMessage, ReadFromPubSub
from apache_beam.pvalue import PBegin, PCollection
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from pipeline_io.pubsub_reader import timestamped
from pipeline_io.pubsub_records import message_batch
from pipeline_io.pubsub_subscription import SubscriptionConfig


def batch_of_messages(subscription: str, messages: list[PubsubMessage]) -> pa.RecordBatch:
    """Beam's messages as RECORD_SCHEMA."""
    return message_batch(
        subscription,
        [message.message_id or "" for message in messages],
        [message.data or b"" for message in messages],
        [_millis(message.publish_time) for message in messages],
        [message.ordering_key or "" for message in messages],
        [message.attributes for message in messages],
    )


def _millis(published: Any) -> int:
    if published is None:
        return 0
    return int(Timestamp.of(published.timestamp()).micros // 1_000)


class _ToBatches(beam.DoFn):
    """The messages of a bundle as batches: no message waits for another bundle, and none moves to
    another worker."""

    def __init__(self, subscription: str, batch_size: int) -> None:
        self.subscription = subscription
        self.batch_size = batch_size
        self._messages: list[PubsubMessage] = []

    def start_bundle(self) -> None:
        self._messages = []

    def process(self, element: PubsubMessage) -> Iterator[Any]:
        self._messages.append(element)
        if len(self._messages) >= self.batch_size:
            yield timestamped(self._batch())

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._messages:
            batch = self._batch()
            yield GlobalWindows.windowed_value(batch, timestamped(batch).timestamp)

    def _batch(self) -> pa.RecordBatch:
        messages, self._messages = self._messages, []
        return batch_of_messages(self.subscription, messages)


class ReadSubscriptionByDataflow(beam.PTransform[PBegin, PCollection[pa.RecordBatch]]):
    """Batches of a subscription's messages (RECORD_SCHEMA) by Beam's ReadFromPubSub.

    On Dataflow the service reads, and acknowledges what a bundle that it has committed was made of.
    """

    def __init__(self, config: SubscriptionConfig, batch_size: int) -> None:
        super().__init__()
        self.config = config
        self.batch_size = batch_size

    def expand(self, begin: PBegin) -> PCollection[pa.RecordBatch]:
        reader = ReadFromPubSub(subscription=self.config.path, with_attributes=True)
        step = beam.ParDo(_ToBatches(self.config.path, self.batch_size))
        batches: PCollection[pa.RecordBatch] = (
            begin
            | "ReadFromPubSub" >> reader
            | "ToBatches" >> step.with_output_types(pa.RecordBatch)
        )
        return batches


def dataflow_reader(config: SubscriptionConfig, batch_size: int) -> ReadSubscriptionByDataflow:
    """The reader for jobs on Dataflow. Raises ValueError for what its service does not do."""
    if config.endpoint:
        message = (
            f"Dataflow's own Pub/Sub reader has its own address, and got {config.endpoint!r}; "
            "leave out the option 'endpoint' and unset PUBSUB_EMULATOR_HOST"
        )
        raise ValueError(message)
    return ReadSubscriptionByDataflow(config, batch_size)
