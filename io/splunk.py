"""Events sent to Splunk's HTTP Event Collector, by requests of many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PCollection
from apache_beam.utils.windowed_value import WindowedValue

from pipeline_io.sink_metrics import SinkMetrics
from pipeline_io.sink_step import Place, SinkStep
from pipeline_io.splunk_config import SplunkConfig
from pipeline_io.splunk_events import Events, Refused, encoded, refused_rows
from pipeline_io.splunk_sender import Sender
from pipeline_io.splunk_sending import RefusedEvent

NAMESPACE = "kamiflow.splunk"
"""Of the Beam counters COUNTS and the distributions DISTRIBUTIONS."""

COUNTS = (
    "events",
    "sent",
    "refused",
    "requests",
    "retries",
    "unacknowledged",
    "no_answer",
    "status_2xx",
    "status_3xx",
    "status_4xx",
    "status_5xx",
    "bytes",
)
"""Events that came, were confirmed, and were refused; requests, and how they were answered; bytes
of confirmed requests, as sent."""

DISTRIBUTIONS = ("request_events", "request_bytes", "latency_ms", "age_ms")
"""Of each confirmed request: its events, its bytes as sent, how long it took, and the age of its
oldest record when it was confirmed."""


class _WriteEvents(SinkStep[Sender]):
    """Sends batches of SINK_ROWS; yields REFUSED_ROWS.

    A request holds events of as many batches of a bundle as it takes.
    """

    def __init__(self, config: SplunkConfig, sink: str = "") -> None:
        super().__init__(SinkMetrics(NAMESPACE, sink, COUNTS, DISTRIBUTIONS))
        self.config = config

    def open_writer(self) -> Sender:
        return Sender(self.config)

    def process(
        self,
        element: pa.RecordBatch,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[pa.RecordBatch | WindowedValue]:
        sender = self.writer()
        events, refused = encoded(element, self.config, Place(timestamp, window))
        self.metrics.count({"events": element.num_rows})
        self.metrics.came(element)
        sender.send(events)
        self._measure(sender)
        if refused:
            self.metrics.count({"refused": len(refused)})
            yield refused_rows(events.record, refused)
        yield from self._refused(sender.take_refused())

    def finish_bundle(self) -> Iterator[WindowedValue]:
        sender = self.writer()
        try:
            refused = sender.flush()
        finally:
            self._measure(sender)
        self.metrics.confirmed()
        yield from self._refused(refused)

    def _refused(self, refused: list[RefusedEvent]) -> Iterator[WindowedValue]:
        batches: dict[int, tuple[Events, list[Refused]]] = {}
        for piece, one in refused:
            batches.setdefault(id(piece.events), (piece.events, []))[1].append(one)
        for events, ones in batches.values():
            self.metrics.count({"refused": len(ones)})
            ones.sort(key=lambda one: one.row)
            place: Place = events.mark
            rows = refused_rows(events.record, ones)
            yield WindowedValue(rows, place.timestamp, (place.window,))

    def _measure(self, sender: Sender) -> None:
        counts, measured = sender.take_counts()
        self.metrics.count(counts)
        self.metrics.count({"bytes": sum(one.size for one in measured)})
        for one in measured:
            self.metrics.measure("request_events", one.events)
            self.metrics.measure("request_bytes", one.size)
            self.metrics.measure("latency_ms", one.latency_ms)
            if one.age_ms is not None:
                self.metrics.measure("age_ms", one.age_ms)


class WriteEvents(beam.PTransform[PCollection[pa.RecordBatch], PCollection[pa.RecordBatch]]):
    """Sends batches of SINK_ROWS to Splunk, each event at least once; gives REFUSED_ROWS.

    A bundle ends when HEC has confirmed all of its events. While Splunk is away they are sent again
    for `retry_seconds` and are refused then. A token or certificate that is not accepted fails the
    bundle: SplunkAccessError.

    sink: the name that its metrics have.
    """

    def __init__(self, config: SplunkConfig, sink: str = "") -> None:
        super().__init__()
        self.config = config
        self.sink = sink

    def expand(self, rows: PCollection[pa.RecordBatch]) -> PCollection[pa.RecordBatch]:
        step = beam.ParDo(_WriteEvents(self.config, self.sink))
        refused: PCollection[pa.RecordBatch] = rows | "SendEvents" >> step
        return refused
