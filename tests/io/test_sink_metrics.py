"""What steps that write count: under the sink's name, and how long records took to be confirmed."""

from __future__ import annotations

import time
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from pipeline_io.record_schema import RECORD_SCHEMA, SINK_ROWS
from pipeline_io.sink_metrics import TOPIC_TO_SINK, SinkMetrics
from pipeline_io.sink_step import SinkStep

AGE_MS = 3_600_000


class Confirms:
    """A writer that may fail; what it was given."""

    def __init__(self, fails: bool) -> None:
        self.fails = fails
        self.is_idle = True

    def flush(self) -> None:
        if self.fails:
            self.is_idle = False
            message = "the sink is away"
            raise OSError(message)

    def close(self) -> None:
        return


class Step(SinkStep[Confirms]):
    """Counts batches; the first `failures` bundles fail."""

    def __init__(self, failures: int = 0) -> None:
        super().__init__(SinkMetrics("test", "events", ("rows",), ("sizes",)))
        self.failures = failures
        self.opened = 0

    def open_writer(self) -> Confirms:
        self.opened += 1
        return Confirms(self.opened <= self.failures)

    def process(self, element: pa.RecordBatch) -> None:
        self.metrics.came(element)

    def finish_bundle(self) -> None:
        self.writer().flush()
        self.metrics.count({"rows": 2})
        self.metrics.measure("sizes", 7)
        self.metrics.confirmed()


def sink_rows(ages: list[int | None]) -> pa.RecordBatch:
    """Rows of records of these ages in milliseconds; None: of no record."""
    now = int(time.time() * 1000)
    records = [
        None
        if age is None
        else {
            "topic": "t",
            "partition": 0,
            "offset": 1,
            "timestamp": now - age,
            "headers": None,
            "key": None,
            "value": b"x",
        }
        for age in ages
    ]
    record = pa.array(records, pa.struct(list(RECORD_SCHEMA)))
    count = len(ages)
    columns: list[Any] = [pa.array([b"p"] * count, pa.large_binary())]
    columns += [pa.nulls(count, field.type) for field in list(SINK_ROWS)[1:3]]
    return pa.RecordBatch.from_arrays([*columns, record], schema=SINK_ROWS)


def measured(*batches: pa.RecordBatch) -> dict[str, Any]:
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = pipeline | beam.Create(batches) | beam.ParDo(Step())
    found = pipeline.result.metrics().query()
    return {
        each.key.metric.name: each.committed
        for kind in ("counters", "distributions")
        for each in found[kind]
        if each.key.metric.namespace == "test"
    }


def test_each_metric_has_the_name_of_its_sink() -> None:
    found = measured(sink_rows([0]))
    latency = [f"events/{TOPIC_TO_SINK}{end}" for end in ("", "_sum", "_count")]
    assert sorted(found) == sorted(["events/rows", "events/sizes", *latency])
    assert (found["events/rows"], found["events/sizes"].max) == (2, 7)


def test_a_record_takes_until_its_bundle_is_confirmed() -> None:
    found = measured(sink_rows([AGE_MS, None]), sink_rows([None]), sink_rows([]))
    spread = found[f"events/{TOPIC_TO_SINK}"]
    assert spread.count == 1
    assert AGE_MS <= spread.min <= AGE_MS + 60_000


def test_a_bundle_that_failed_is_measured_once_when_it_comes_again() -> None:
    step = Step(failures=1)
    told: list[int] = []
    step.metrics._latency.until = lambda now, times: told.append(times.records)  # type: ignore[method-assign]  # noqa: SLF001
    step.setup()
    for _ in range(2):
        step.start_bundle()
        step.process(sink_rows([5, 6]))
        try:
            step.finish_bundle()
        except OSError:
            assert step.opened == 1
    assert step.opened == 2
    assert told == [2]
