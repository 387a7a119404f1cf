"""Metadata columns of a batch: the Kafka record's, and the order key and id of its change event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pyarrow as pa

from transforms.avro import Decoded, DecodedGroup
from transforms.event_id import event_ids
from transforms.incarnation import Incarnations
from transforms.order_key import order_keys
from transforms.source_coordinates import COORDINATE_FIELDS
from transforms.sql.source import POSITION, polars_series
from transforms.sql.source_envelope import is_envelope
from transforms.sql.tables import RECORD_METADATA

ORDER_KEY = "order_key"
ORDER_KEY_ERROR = "order_key.error"
EVENT_ID = "event_id"

_WIRE_FORMAT_HEADER = 5
"""Bytes of the magic byte and the schema id, which are not part of what a key says."""

Metadata = Callable[[DecodedGroup, str], pl.Series]
"""Gives the metadata of that key for the rows of a group."""


class EventMetadata:
    """Gives metadata columns by key. It carries the order keys' state from batch to batch, which is
    right as long as the batches of a partition come in order.

    wanted: the keys that some statement uses; what no one uses is not computed.
    """

    def __init__(self, wanted: set[str]) -> None:
        self._wanted = wanted
        self._incarnations = Incarnations()
        self._newest: dict[tuple[str, int], str | None] = {}

    def of_batch(self, records: pa.RecordBatch, decoded: Decoded) -> Metadata:
        """A function that gives the metadata of the rows of a group of this batch."""
        computed = pl.DataFrame(schema={POSITION: pl.Int64})
        if {ORDER_KEY, EVENT_ID} & self._wanted:
            computed = self._of_events(records, decoded)

        def column(group: DecodedGroup, key: str) -> pl.Series:
            if key in RECORD_METADATA:
                taken: pa.Array[Any] = records.column(key).take(
                    pa.array(group.positions, pa.int64())
                )
                return polars_series(taken)
            # Positions are ascending and distinct: a search finds each row.
            rows = computed[POSITION].search_sorted(pl.Series(group.positions))
            return computed[key].gather(rows)

        return column

    def _of_events(self, records: pa.RecordBatch, decoded: Decoded) -> pl.DataFrame:
        """Order key, its error, and event id of every envelope of the batch, by POSITION."""
        events = [_event_fields(group) for group in decoded.groups]
        envelopes = [part for part in events if part is not None]
        if not envelopes:
            return _no_events()
        frame = pl.concat(envelopes, how="diagonal_relaxed").sort(POSITION)
        place = pa.array(frame[POSITION].to_numpy(), pa.int64())
        frame = frame.with_columns(
            polars_series(records.column("topic").take(place)).alias("__topic"),
            polars_series(records.column("partition").take(place)).alias("__partition"),
            polars_series(records.column("key").take(place)).alias("__key"),
        )
        places = frame.select("__topic", "__partition").unique()
        if places.height == 1:
            # A reader's batch is of one partition as a rule: no need to take it apart.
            return self._of_partition(_partition(places.row(0)), frame)
        partitions = frame.group_by("__topic", "__partition", maintain_order=True)
        parts = [self._of_partition(_partition(place), rows) for place, rows in partitions]
        return pl.concat(parts).sort(POSITION)

    def _of_partition(self, partition: tuple[str, int], rows: pl.DataFrame) -> pl.DataFrame:
        source = rows.select(pl.col("^s\\..*$").name.map(lambda name: name[2:])).to_struct("source")
        columns = [rows[POSITION]]
        if ORDER_KEY in self._wanted:
            keys = order_keys(source, rows["op"], self._incarnations, self._newest.get(partition))
            self._newest[partition] = keys.newest
            columns += [keys.order_key.alias(ORDER_KEY), keys.errors.alias(ORDER_KEY_ERROR)]
        if EVENT_ID in self._wanted:
            transaction = rows["transaction"] if "transaction" in rows.columns else None
            body = pl.col("__key").bin.slice(_WIRE_FORMAT_HEADER)
            key = rows.select(
                pl.when(pl.col("__key").bin.starts_with(b"\x00")).then(body).otherwise("__key")
            ).to_series()
            ids = event_ids(source, rows["op"], transaction, key, self._incarnations)
            columns.append(ids.alias(EVENT_ID))
        return pl.DataFrame(columns)


def _partition(place: tuple[object, ...]) -> tuple[str, int]:
    topic, partition = place
    return str(topic), int(str(partition))


def _no_events() -> pl.DataFrame:
    names = (ORDER_KEY, ORDER_KEY_ERROR, EVENT_ID)
    return pl.DataFrame(schema={POSITION: pl.Int64, **dict.fromkeys(names, pl.String)})


def _event_fields(group: DecodedGroup) -> pl.DataFrame | None:
    """op, the fields of `source` as `s.name`, and `transaction`; None if it is no envelope."""
    names = group.rows.schema.names
    if not is_envelope(group.rows.schema):
        return None
    source: Any = group.rows.column("source")
    fields = {
        f"s.{field.name}": polars_series(values)
        for field, values in zip(source.type, source.flatten(), strict=True)
        if field.name in COORDINATE_FIELDS
    }
    more = {"op": polars_series(group.rows.column("op"))}
    if "transaction" in names and pa.types.is_struct(group.rows.schema.field("transaction").type):
        more["transaction"] = polars_series(group.rows.column("transaction"))
    return pl.DataFrame({POSITION: group.positions} | fields | more)
