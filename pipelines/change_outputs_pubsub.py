"""Change events published to Pub/Sub, as JSON."""

from __future__ import annotations

from typing import Any, cast

import grpc
import numpy as np
import polars as pl
import pyarrow as pa

from pipeline_io.pubsub_channel import open_channel, publish_call
from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_limits import refused_rows
from pipeline_io.pubsub_publisher import Publisher
from pipeline_io.pubsub_requests import requests_of
from pipelines.change_outputs_schemas import SCHEMAS
from transforms.avro import Decoder, choose_decoder, decode
from transforms.change_log_json import Rows, json_texts
from transforms.sink_rows import ATTRIBUTES, SINK_ROWS
from transforms.sql.event_metadata import EVENT_ID, ORDER_KEY, EventMetadata


class PubsubOutput:
    """Publishes each record as its envelope in JSON.

    Attributes: event_id, order_key, table, op. The ordering key is the record's key as JSON.
    """

    registrar = SCHEMAS

    def __init__(self, config: PubsubConfig) -> None:
        self.config = config
        self._decoder = choose_decoder()
        self._channel: grpc.Channel | None = None
        self._publisher: Publisher | None = None
        self._refused: list[pa.RecordBatch] = []

    def next_offset(self, topic: str, partition: int) -> int:
        """0: messages have ids of Pub/Sub's."""
        return 0

    def write(self, records: pa.RecordBatch) -> None:
        if not records.num_rows:
            return
        rows = message_rows(records, self._decoder)
        found = requests_of(rows, self.config)
        publisher = self._opened()
        for request in found.requests:
            publisher.send(request)
        if found.refused:
            self._refused.append(refused_rows(rows, found.refused))

    def flush(self) -> list[pa.RecordBatch]:
        refused, self._refused = self._refused, []
        if self._publisher is not None:
            refused += [
                refused_rows(request.rows, [one]) for request, one in self._publisher.flush()
            ]
        return refused

    def close(self) -> None:
        self._refused = []
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _opened(self) -> Publisher:
        if self._publisher is None:
            self._channel = open_channel(self.config)
            self._publisher = Publisher(publish_call(self._channel, self.config), self.config)
        return self._publisher


def message_rows(records: pa.RecordBatch, decoder: Decoder) -> pa.RecordBatch:
    """SINK_ROWS of records of one topic, whose schemas are this process's."""
    decoded = decode(cast("pa.BinaryArray", records.column("value")), SCHEMAS, decoder)
    keys = decode(cast("pa.BinaryArray", records.column("key")), SCHEMAS, decoder)
    if decoded.failures or keys.failures:
        (first, *_) = [*decoded.failures, *keys.failures]
        message = f"a record that was made here is not read back: {first.message}"
        raise RuntimeError(message)
    # A record's time in the order of its partition is of no matter: these have coordinates.
    metadata = EventMetadata({ORDER_KEY, EVENT_ID}).of_batch(records, decoded)
    attributes: dict[str, pl.Series] = {
        name: pl.Series(name, [None], dtype=pl.String).new_from_index(0, records.num_rows)
        for name in ATTRIBUTES
    }
    payload = np.empty(records.num_rows, object)
    for group in decoded.groups:
        payload[group.positions] = json_texts(Rows(group.rows.to_struct_array())).to_list()
        source: Any = group.rows.column("source")
        found = {
            "event_id": metadata(group, EVENT_ID),
            "order_key": metadata(group, ORDER_KEY),
            "table": pl.Series(source.field(source.type.get_field_index("table"))),
            "op": pl.Series(group.rows.column("op")),
        }
        for name, values in found.items():
            attributes[name] = attributes[name].scatter(group.positions, values)
    key = np.empty(records.num_rows, object)
    for group in keys.groups:
        key[group.positions] = json_texts(Rows(group.rows.to_struct_array())).to_list()
    columns: list[Any] = [
        pa.array(payload, pa.string()).cast(pa.large_binary()),
        pa.array(key, pa.string()).cast(pa.large_binary()),
        pl.DataFrame(attributes).to_struct("attributes").to_arrow(),
        records.to_struct_array(),
    ]
    columns[2] = columns[2].cast(SINK_ROWS.field("attributes").type)
    return pa.RecordBatch.from_arrays(columns, schema=SINK_ROWS)
