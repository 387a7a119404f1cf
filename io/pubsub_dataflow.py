"""Messages handed to Dataflow's own Pub/Sub writer, which stands in for Beam's WriteToPubSub."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.gcp.pubsub import PubsubMessage, WriteToPubSub
from apache_beam.pvalue import PCollection, TaggedOutput

from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_limits import refused_rows, sendable
from pipeline_io.pubsub_wire import CONTENT_TYPE, attribute_columns
from pipeline_io.record_schema import ATTRIBUTES

_REFUSED = "refused"


def pubsub_messages(rows: pa.RecordBatch, config: PubsubConfig) -> list[PubsubMessage]:
    """The messages of a batch of SINK_ROWS, one by one, as Beam knows them."""
    constant = {} if config.content_type is None else {CONTENT_TYPE: config.content_type}
    attributes = [dict(constant) for _ in range(rows.num_rows)]
    if config.attributes:
        for name, values in zip(ATTRIBUTES, attribute_columns(rows), strict=True):
            for message, value in zip(attributes, values.to_pylist(), strict=True):
                if value is not None:
                    message[name] = value
    return [
        PubsubMessage(payload, found)
        for payload, found in zip(rows.column("payload").to_pylist(), attributes, strict=True)
    ]


class _ToMessages(beam.DoFn):
    """Yields the messages of batches of SINK_ROWS; REFUSED_ROWS where they are over a limit."""

    def __init__(self, config: PubsubConfig) -> None:
        self.config = config

    def process(self, element: pa.RecordBatch) -> Iterator[Any]:
        found = sendable(element, self.config)
        yield from pubsub_messages(found.rows, self.config)
        if found.refused:
            yield TaggedOutput(_REFUSED, refused_rows(element, found.refused))


class WriteMessagesByDataflow(
    beam.PTransform[PCollection[pa.RecordBatch], PCollection[pa.RecordBatch]]
):
    """Publishes batches of SINK_ROWS by Beam's WriteToPubSub; gives REFUSED_ROWS.

    On Dataflow the service publishes, and no worker does. It knows no ordering keys there, and
    what Pub/Sub refuses for other reasons than its limits is tried again for ever.
    """

    def __init__(self, config: PubsubConfig) -> None:
        super().__init__()
        self.config = config

    def expand(self, rows: PCollection[pa.RecordBatch]) -> PCollection[pa.RecordBatch]:
        step = beam.ParDo(_ToMessages(self.config))
        found = rows | "ToMessages" >> step.with_outputs(_REFUSED, main="messages")
        messages = found["messages"]
        messages.element_type = PubsubMessage
        writer = WriteToPubSub(self.config.path, with_attributes=True)
        _ = messages | "WriteToPubSub" >> writer
        refused: PCollection[pa.RecordBatch] = found[_REFUSED]
        return refused


def dataflow_writer(config: PubsubConfig) -> WriteMessagesByDataflow:
    """The writer for jobs on Dataflow. Raises ValueError for what its service does not do."""
    if config.ordering_key:
        message = (
            "Dataflow's own Pub/Sub writer has no ordering keys; set 'sink.ordering-key' = "
            "'false', or write with WriteMessages, which publishes from the workers"
        )
        raise ValueError(message)
    if config.endpoint:
        message = (
            f"Dataflow's own Pub/Sub writer has its own address, and got {config.endpoint!r}; "
            "leave out the option 'endpoint' and unset PUBSUB_EMULATOR_HOST"
        )
        raise ValueError(message)
    return WriteMessagesByDataflow(config)
