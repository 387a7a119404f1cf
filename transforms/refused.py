"""Messages that a sink refused, as dead letters of the records that they came of."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any, cast

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics.metric import Metrics

from transforms.counters import NAMESPACE, TALLY, metric_name
from transforms.dead_letter_counts import DeadLetterCounts
from transforms.dead_letters import Origin, Refusal, dead_letters
from transforms.records import RECORD_SCHEMA
from transforms.sink_rows import REFUSED_ROWS

REFUSED = "refused"
"""The count of a sink's refused messages: events that were made and are no events at the sink."""


HIDDEN = (
    "what the sink said of the row is not shown, since the job decrypts and it may quote a value; "
    "to see the row, run the statement over this record alone, with 'connector' = 'print' for its "
    "sink, where the values may be seen"
)


def refused_letters(
    refused: pa.RecordBatch,
    sink: str,
    origin: Origin,
    failed_at: datetime.datetime,
    *,
    hides_values: bool = False,
) -> pa.RecordBatch:
    """The dead letters (DEAD_LETTER_SCHEMA) of REFUSED_ROWS of a sink.

    hides_values: of what the sink said only the error's class is told.

    Raises TypeError: other columns than REFUSED_ROWS'.
    """
    if refused.schema.names != REFUSED_ROWS.names:
        message = f"a sink's refusals have the columns {refused.schema.names}"
        raise TypeError(message)
    record = cast("pa.StructArray", refused.column("record"))
    records = pa.RecordBatch.from_arrays(record.flatten(), schema=RECORD_SCHEMA)
    refusals = [
        Refusal(
            position,
            "publish",
            str(error_class),
            HIDDEN if hides_values else str(message),
            statement=sink,
        )
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
    """Batches of REFUSED_ROWS of one sink to batches of dead letters.

    hides_values: of what the sink said only the error's class is told. counted_as: the name that
    the counts have, where it is not the sink's.
    """

    def __init__(
        self,
        sink: str,
        origin: Origin,
        now: Callable[[], datetime.datetime],
        *,
        hides_values: bool = False,
        counted_as: str | None = None,
    ) -> None:
        self.sink = sink
        self.origin = origin
        self.now = now
        self.hides_values = hides_values
        self._counter: Any = Metrics.counter(NAMESPACE, metric_name(counted_as or sink, REFUSED))
        self._letters = DeadLetterCounts()
        self._counted_as = counted_as or sink

    def process(self, element: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        self._counter.inc(element.num_rows)
        self._letters.add(self._counted_as, element.column("error_class").to_pylist())
        TALLY.add(self.sink, {REFUSED: element.num_rows})
        yield refused_letters(
            element, self.sink, self.origin, self.now(), hides_values=self.hides_values
        )
