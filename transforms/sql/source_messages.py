"""Metadata columns and attributes of messages of Pub/Sub."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from transforms.avro import Decoded, DecodedGroup
from transforms.sink_rows import ATTRIBUTES
from transforms.sql.connectors_pubsub_source import ATTRIBUTE_PREFIX
from transforms.sql.event_metadata import EVENT_ID, Metadata
from transforms.sql.messages import Attributes
from transforms.sql.source import POSITION, polars_series

MESSAGE_ID = "goog-message-id"
"""The header of a record in which a reader of Pub/Sub hands over the message's id, before those of
its attributes."""

_OF_RECORD = {"subscription": "topic", "publish_time": "timestamp", "ordering_key": "key"}


class _Messages:
    """The metadata of a batch of messages, each column made when it is asked for first."""

    def __init__(self, records: pa.RecordBatch) -> None:
        self._records = records
        self._columns: dict[str, pl.Series] = {}
        headers: Any = records.column("headers")
        if headers.offset:
            # What Arrow counts of a list that begins in the middle is not its rows.
            headers = headers.take(pa.array(range(len(headers)), pa.int64()))
        self._headers = headers
        self._rows = pc.list_parent_indices(headers).to_numpy()
        self._names, self._values = pc.list_flatten(headers).flatten()

    def column(self, key: str) -> pl.Series:
        if key not in self._columns:
            self._columns[key] = self._column(key)
        return self._columns[key]

    def _column(self, key: str) -> pl.Series:
        if key in _OF_RECORD:
            taken = self._records.column(_OF_RECORD[key])
            return polars_series(taken.cast(pa.string()) if key == "ordering_key" else taken)
        if key == "message_id":
            return self._header(MESSAGE_ID)
        if key == "attributes":
            return self._attributes()
        if key == EVENT_ID:
            # Who publishes change events says their id; else a message is its own event.
            given = self._header(EVENT_ID)
            if not given.null_count():
                return given
            return given.fill_null(self.column("subscription") + ":" + self.column("message_id"))
        return self._header(key.removeprefix(ATTRIBUTE_PREFIX))

    def _header(self, name: str) -> pl.Series:
        named: Any = pc.equal(self._names, pa.scalar(name))
        places = np.flatnonzero(named.to_numpy(zero_copy_only=False))
        found = np.full(self._records.num_rows, -1, np.int64)
        found[self._rows[places]] = places
        texts: Any = self._values.take(pa.array(found, mask=found < 0))
        return polars_series(texts.cast(pa.string()))

    def _attributes(self) -> pl.Series:
        """Without the message's id, as a MAP of texts."""
        entry = pl.element()
        named = pl.struct(
            entry.struct.field("key"), entry.struct.field("value").cast(pl.String).alias("value")
        )
        headers = polars_series(self._headers).alias("headers").to_frame()
        return headers.select(pl.col("headers").list.slice(1).list.eval(named)).to_series()


class MessageMetadata:
    """Gives metadata columns of messages by key, as EventMetadata does of records."""

    def of_batch(self, records: pa.RecordBatch, decoded: Decoded) -> Metadata:
        """A function that gives the metadata of the rows of a group of this batch."""
        messages = _Messages(records)

        def column(group: DecodedGroup, key: str) -> pl.Series:
            return messages.column(key).gather(group.positions)

        return column


class MessageAttributes(Attributes):
    """What messages say of their events goes on with them: their own ATTRIBUTES."""

    def __init__(self, records: pa.RecordBatch, wanted: Collection[str]) -> None:
        messages = _Messages(records)
        columns = [pl.Series(POSITION, np.arange(records.num_rows), pl.Int64)]
        for name in ATTRIBUTES:
            key = EVENT_ID if name == EVENT_ID else ATTRIBUTE_PREFIX + name
            columns.append(
                messages.column(key).alias(name)
                if name in wanted
                else pl.Series(name, [None] * records.num_rows, pl.String)
            )
        self._frame = pl.DataFrame(columns)
