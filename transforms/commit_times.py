"""When the changes of decoded records were committed in their database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from transforms.avro import DecodedGroup

SOURCE, TS_MS = "source", "ts_ms"


class Reading(Protocol):
    """Who measures what is read; see pipeline_io.read_metrics.ReadMetrics."""

    def read(self, records: pa.RecordBatch) -> None:
        """A batch of records (RECORD_SCHEMA) came."""

    def committed(self, committed_ms: pa.Array[Any], timestamps: pa.Array[Any]) -> None:
        """When the changes of records were committed, and the records' timestamps."""


def tell_commits(reading: Reading, records: pa.RecordBatch, groups: Iterable[DecodedGroup]) -> None:
    """Hands over the commit times of a batch, `source.ts_ms` of Debezium's envelope."""
    for positions, committed in commit_times(groups):
        timestamps = records.column("timestamp")
        if len(positions) != records.num_rows:
            timestamps = timestamps.take(pa.array(positions, pa.int64()))
        reading.committed(committed, timestamps)


def commit_times(groups: Iterable[DecodedGroup]) -> Iterator[tuple[Any, pa.Array[Any]]]:
    """Positions and commit times (int64, milliseconds since 1970) of groups that have them."""
    for group in groups:
        schema = group.rows.schema
        place = schema.get_field_index(SOURCE)
        source = schema.field(place).type if place >= 0 else None
        if source is None or not pa.types.is_struct(source):
            continue
        if source.get_field_index(TS_MS) >= 0:
            times: Any = pc.struct_field(group.rows.column(place), TS_MS)
            if pa.types.is_timestamp(times.type):
                times = times.cast(pa.timestamp("ms", times.type.tz), safe=False)
            if pa.types.is_int64(times.type) or pa.types.is_timestamp(times.type):
                yield group.positions, times.cast(pa.int64())
