"""Messages that a sink refused, as dead letters of the records that they came of."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any, cast

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics.metric import Metrics

from transforms.counters import NAMESPACE, TALLY, metric_name
from transforms.dead_letters import Origin, Refusal, dead_letters
from transforms.records import RECORD_SCHEMA
from transforms.sink_rows import REFUSED_ROWS

REFUSED = "refused"
"""The count of a sink's refused messages: events that were made and are no events at the sink."""


def refused_letters(
    refused: pa.RecordBatch, sink: str, origin: Origin, failed_at: datetime.datetime
) -> pa.RecordBatch:
    """The dead letters (DEAD_LETTER_SCHEMA) of REFUSED_ROWS of a sink.

    Raises TypeError: other columns than REFUSED_ROWS'.
    """
    if refused.schema.names != REFUSED_ROWS.names:
        message = f"a sink's refusals have the columns {refused.schema.names}"
        raise TypeError(message)
    record = cast("pa.StructArray", refused.column("record"))
    records = pa.RecordBatch.from_arrays(record.flatten(), schema=RECORD_SCHEMA)
    refusals = [
        Refusal(position, "publish", str(error_class), str(message), statement=sink)
        for position, (error_class, message) in enumerate(
            zip(
                refused.column("error_class").to_pylist(),
                refused.column("message").to_pylist(),
                strict=True,
            )
        )
    ]
    return dead_letters(records, refusals, origin, failed_at)


class RefusedToDeadLetters(beam.DoFn):
    """Batches of REFUSED_ROWS of one sink to batches of dead letters."""

    def __init__(self, sink: str, origin: Origin, now: Callable[[], datetime.datetime]) -> None:
        self.sink = sink
        self.origin = origin
        self.now = now
        self._counter: Any = Metrics.counter(NAMESPACE, metric_name(sink, REFUSED))

    def process(self, element: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        self._counter.inc(element.num_rows)
        TALLY.add(self.sink, {REFUSED: element.num_rows})
        yield refused_letters(element, self.sink, self.origin, self.now())
