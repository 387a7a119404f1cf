"""A cheap look into topics before they are read: the records at the ends of each partition, and
those between them where one kind of records follows another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import pyarrow as pa

from pipeline_io.kafka_partitions import PartitionReader
from pipeline_io.kafka_positions import Partition, PartitionRange, Positions
from pipeline_io.kafka_source import KafkaSource
from pipeline_io.kafka_topics import plan_read

_Found = TypeVar("_Found")

_WAIT_SECONDS = 0.5
_WIDEST = 1_024
"""How far back the last record is looked for: the last offsets may be transactions' marks."""


class Edges(Generic[_Found]):
    """Looks at single records of a source's topics.

    Args:
        look: what a batch of one record tells. label: of that, what tells records of one kind
            from those of another; None where it tells nothing.
    """

    def __init__(
        self,
        source: KafkaSource,
        look: Callable[[pa.RecordBatch], _Found],
        label: Callable[[_Found], object],
        make_reader: Callable[[KafkaSource], PartitionReader] = PartitionReader,
    ) -> None:
        self._source = dataclasses.replace(source, bounded=True)
        self._look = look
        self._label = label
        self._make_reader = make_reader

    def look(self) -> list[_Found]:
        """What the first and last records tell that a run from now on would read; and, where they
        are of several kinds, the records at which the kinds change. Raises KafkaError."""
        planned = plan_read(self._source).positions
        return self.look_at([each for each in planned if each.start < (each.end or 0)])

    def look_at(self, ranges: list[PartitionRange]) -> list[_Found]:
        """The same of these offsets, none of which is empty."""
        if not ranges:
            return []
        self._reader = self._make_reader(self._source)
        try:
            first = self._firsts(ranges)
            last = self._lasts(ranges)
            found = [self._look(batch) for batch in (*first.values(), *last.values())]
            labels = {self._label(each) for each in found} - {None}
            if len(labels) > 1:
                for key in first.keys() & last.keys():
                    found += self._between(key, first[key], last[key])
            return found
        finally:
            self._reader.close()

    def _firsts(self, ranges: list[PartitionRange]) -> dict[Partition, pa.RecordBatch]:
        found = self._records([each._replace(end=each.start + 1) for each in ranges])
        # Where the first offset has no record any more: one by one, up to the next record.
        for each in ranges:
            if each.key not in found:
                found |= self._next_record(each)
        return found

    def _lasts(self, ranges: list[PartitionRange]) -> dict[Partition, pa.RecordBatch]:
        found: dict[Partition, pa.RecordBatch] = {}
        width = 1
        while width <= _WIDEST:
            left = [each for each in ranges if each.key not in found]
            windows = [
                each._replace(start=max(each.start, (each.end or 0) - width)) for each in left
            ]
            found |= self._records(windows)
            if len(found) == len(ranges):
                break
            width *= 4
        return found

    def _between(self, key: Partition, first: pa.RecordBatch, last: pa.RecordBatch) -> list[_Found]:
        """By halves: complete where each kind of records follows the other once."""
        low, high = _offset(first), _offset(last)
        if self._label(self._look(first)) == self._label(self._look(last)) or high - low < 2:
            return []
        middle = (low + high) // 2
        found = self._next_record(PartitionRange(*key, middle, high))
        if key not in found:
            # No record in the upper half: what changes does so in the lower one.
            found = self._records([PartitionRange(*key, low + 1, middle)])
            if key not in found:
                return []
        batch = found[key]
        here = [self._look(batch)]
        return [*here, *self._between(key, first, batch), *self._between(key, batch, last)]

    def _next_record(self, at: PartitionRange) -> dict[Partition, pa.RecordBatch]:
        positions: Positions = (at,)
        while not positions[0].is_done:
            for fetched in self._reader.read(positions, 1, _WAIT_SECONDS):
                if fetched.batch is not None:
                    return {at.key: fetched.batch.slice(0, 1)}
                positions = fetched.positions
        return {}

    def _records(self, ranges: Iterable[PartitionRange]) -> dict[Partition, pa.RecordBatch]:
        """The last record of each of these ranges, where they have one."""
        positions = tuple(ranges)
        found: dict[Partition, pa.RecordBatch] = {}
        while not all(each.is_done for each in positions):
            for fetched in self._reader.read(positions, len(positions), _WAIT_SECONDS):
                positions = fetched.positions
                if fetched.batch is None:
                    continue
                rows = fetched.batch.select(["topic", "partition"]).to_pylist()
                for row, place in enumerate(rows):
                    key = Partition(place["topic"], place["partition"])
                    found[key] = fetched.batch.slice(row, 1)
        return found


def _offset(batch: pa.RecordBatch) -> int:
    return int(batch.column("offset")[0].as_py())
