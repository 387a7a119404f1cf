"""Kafka records that Beam hands over one by one, put into batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindow, TimestampedValue
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from pipeline_io.record_schema import RECORD_SCHEMA

_NO_TIMESTAMP = -1
"""Kafka's NoTimestampType, which has no time of its own."""


class BatchRows(beam.DoFn):
    """KafkaIO's rows with metadata into batches (RECORD_SCHEMA).

    What is left at the end of a bundle leaves with it: a batch that waited for the next bundle
    would be lost with the worker, after the checkpoint has passed its offsets.

    Args:
        batch_size: records in a batch at most.
        batch_bytes: bytes of keys and values after which a batch ends.
        by_record_time: whether a batch has the time of its earliest record, or that of now.
    """

    def __init__(self, batch_size: int, batch_bytes: int, by_record_time: bool) -> None:
        self.batch_size = batch_size
        self.batch_bytes = batch_bytes
        self.by_record_time = by_record_time

    def start_bundle(self) -> None:
        self._rows: list[Any] = []
        self._bytes = 0

    def process(self, row: Any) -> Iterable[TimestampedValue[pa.RecordBatch]] | None:
        self._rows.append(row)
        self._bytes += len(row.value or b"") + len(row.key or b"")
        if len(self._rows) >= self.batch_size or self._bytes >= self.batch_bytes:
            return (TimestampedValue(*self._take()),)
        return None

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._rows:
            batch, time = self._take()
            yield WindowedValue(batch, time, (GlobalWindow(),))

    def _take(self) -> tuple[pa.RecordBatch, Timestamp]:
        rows, self._rows, self._bytes = self._rows, [], 0
        batch = batch_of(rows)
        if not self.by_record_time:
            return batch, Timestamp.now()
        earliest = min(row.timestamp for row in rows)
        return batch, Timestamp(micros=earliest * 1000)


def batch_of(rows: Sequence[Any]) -> pa.RecordBatch:
    """The batch (RECORD_SCHEMA) of KafkaIO's rows, of which there is one at least."""
    topics, partitions, offsets, times, keys, values, headers, kinds, _ = zip(*rows, strict=True)
    columns: list[pa.Array[Any]] = [
        pa.array(topics, pa.string()),
        pa.array(partitions, pa.int32()),
        pa.array(offsets, pa.int64()),
        _times(times, kinds),
        _headers(headers),
        pa.array(keys, pa.binary()),
        pa.array(values, pa.binary()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=RECORD_SCHEMA)


def _times(times: Sequence[int], kinds: Sequence[int]) -> pa.Array[Any]:
    known: Sequence[int | None] = times
    if _NO_TIMESTAMP in kinds:
        known = [
            None if kind == _NO_TIMESTAMP else time for time, kind in zip(times, kinds, strict=True)
        ]
    return pa.array(known, pa.int64()).cast(pa.timestamp("ms", tz="UTC"))


def _headers(headers: Sequence[Sequence[Any] | None]) -> pa.Array[Any]:
    ends = [0, *itertools.accumulate(len(pairs or ()) for pairs in headers)]
    flat = list(itertools.chain.from_iterable(pairs or () for pairs in headers))
    names, values = zip(*flat, strict=True) if flat else ((), ())
    pairs = pa.StructArray.from_arrays(
        [pa.array(names, pa.string()), pa.array(values, pa.binary())], ["key", "value"]
    )
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pairs)
