"""What is counted of the records that a pipeline reads."""

from __future__ import annotations

import time
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from pipeline_io.read_metrics import COUNTS, LATENCIES, NAMESPACE, ReadMetrics
from pipeline_io.record_schema import RECORD_SCHEMA


class _Read(beam.DoFn):
    def __init__(self) -> None:
        self.metrics = ReadMetrics("orders")

    def process(self, element: pa.RecordBatch) -> Any:
        self.metrics.read(element)
        committed = pa.array([1_000, None], pa.int64())
        self.metrics.committed(committed, pa.array([1_250, 9], pa.timestamp("ms")))
        yield element


def test_records_their_bytes_and_their_ages_are_counted_under_the_source() -> None:
    now = int(time.time() * 1000)
    rows = [
        {"topic": "t", "partition": 0, "offset": 1, "timestamp": now, "key": b"k", "value": b"abc"},
        {"topic": "t", "partition": 0, "offset": 2, "timestamp": None, "key": None, "value": None},
    ]
    batches = [pa.RecordBatch.from_pylist(rows[:count], schema=RECORD_SCHEMA) for count in (0, 2)]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = pipeline | beam.Create(batches) | beam.ParDo(_Read())
    found = pipeline.result.metrics().query()
    committed = {
        each.key.metric.name: each.committed
        for kind in ("counters", "distributions")
        for each in found[kind]
        if each.key.metric.namespace == NAMESPACE
    }
    assert [committed[f"orders/{name}"] for name in COUNTS] == [2, 4]
    to_topic, to_read = (committed[f"orders/{name}"] for name in LATENCIES)
    assert (to_topic.count, to_topic.sum) == (2, 500)
    assert to_read.count == 1
    assert 0 <= to_read.sum < 600_000
