"""The records of some topics, of batches that hold those of several."""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc


def of_topics(batch: pa.RecordBatch, topics: tuple[str, ...]) -> pa.RecordBatch:
    """The records (RECORD_SCHEMA) of these topics, in their order."""
    found = batch.column("topic")
    present = set(pc.unique(found).to_pylist())
    if present <= set(topics):
        return batch
    if not present & set(topics):
        return batch.slice(0, 0)
    return batch.filter(pc.is_in(found, pa.array(topics, pa.string())))


class KeepTopics(beam.DoFn):
    """Batches of the records of some topics; none where there is no such record."""

    def __init__(self, topics: tuple[str, ...]) -> None:
        self.topics = topics

    def process(self, element: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        kept = of_topics(element, self.topics)
        if kept.num_rows:
            yield kept
