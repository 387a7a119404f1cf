"""What a pipeline counts of the records that it reads."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.metrics.metric import Metrics

from pipeline_io.latency import Latency, now_ms, times_of

NAMESPACE = "kamiflow.read"
COUNTS = ("records", "bytes")
SOURCE_TO_TOPIC, TOPIC_TO_READ = "source_to_topic_ms", "topic_to_read_ms"
"""From the commit in the source's database to the record's own time (Kafka's, or its publishing),
and from there to the batch's processing; distributions of milliseconds."""
LATENCIES = (SOURCE_TO_TOPIC, TOPIC_TO_READ)


class ReadMetrics:
    """The metrics of one source. source: the name that they have."""

    def __init__(self, source: str) -> None:
        records, size = (Metrics.counter(NAMESPACE, f"{source}/{name}") for name in COUNTS)
        self._records, self._bytes = records, size
        self._committed, self._waited = (
            Latency(NAMESPACE, f"{source}/{name}") for name in LATENCIES
        )

    def read(self, records: pa.RecordBatch) -> None:
        """A batch of records (RECORD_SCHEMA) came; bytes are those of keys and values."""
        self._records.inc(records.num_rows)
        columns: list[Any] = [records.column(name) for name in ("key", "value")]
        # Of a column without a value Arrow has no sum.
        self._bytes.inc(sum(pc.sum(pc.binary_length(one)).as_py() or 0 for one in columns))
        self._waited.until(now_ms(), times_of(records.column("timestamp")))

    def committed(self, committed_ms: pa.Array[Any], timestamps: pa.Array[Any]) -> None:
        """When the sources committed the changes of some records (milliseconds since 1970), and
        the records' timestamps; NULL where it is not known."""
        self._committed.between(committed_ms, timestamps)
