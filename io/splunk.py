"""Events sent to Splunk's HTTP Event Collector, by requests of many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection
from apache_beam.transforms.window import BoundedWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

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
)
"""Events that came, were confirmed, and were refused; requests, and how they were answered."""

DISTRIBUTIONS = ("request_events", "request_bytes", "latency_ms", "age_ms")
"""Of each confirmed request: its events, its bytes as sent, how long it took, and the age of its
oldest record when it was confirmed."""


class _Place(NamedTuple):
    """Where a batch belongs in event time."""

    timestamp: Timestamp
    window: BoundedWindow


class _WriteEvents(beam.DoFn):
    """Sends batches of SINK_ROWS; yields REFUSED_ROWS.

    A request holds events of as many batches of a bundle as it takes.
    """

    def __init__(self, config: SplunkConfig) -> None:
        self.config = config
        self._counters = {name: Metrics.counter(NAMESPACE, name) for name in COUNTS}
        self._distributions = {
            name: Metrics.distribution(NAMESPACE, name) for name in DISTRIBUTIONS
        }
        self._sender: Sender | None = None

    def setup(self) -> None:
        self._sender = Sender(self.config)

    def start_bundle(self) -> None:
        if self._sender is None or not self._sender.is_idle:
            # The bundle before has failed: what it left must not mix with its second try.
            self.teardown()
            self.setup()

    def process(
        self,
        element: pa.RecordBatch,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[pa.RecordBatch | WindowedValue]:
        sender = self._running()
        events, refused = encoded(element, self.config, _Place(timestamp, window))
        self._counters["events"].inc(element.num_rows)
        sender.send(events)
        self._measure(sender)
        if refused:
            self._counters["refused"].inc(len(refused))
            yield refused_rows(events.record, refused)
        yield from self._refused(sender.take_refused())

    def finish_bundle(self) -> Iterator[WindowedValue]:
        sender = self._running()
        try:
            refused = sender.flush()
        finally:
            self._measure(sender)
        yield from self._refused(refused)

    def teardown(self) -> None:
        if self._sender is not None:
            self._sender.close()
            self._sender = None

    def _refused(self, refused: list[RefusedEvent]) -> Iterator[WindowedValue]:
        batches: dict[int, tuple[Events, list[Refused]]] = {}
        for piece, one in refused:
            batches.setdefault(id(piece.events), (piece.events, []))[1].append(one)
        for events, ones in batches.values():
            self._counters["refused"].inc(len(ones))
            ones.sort(key=lambda one: one.row)
            place: _Place = events.mark
            rows = refused_rows(events.record, ones)
            yield WindowedValue(rows, place.timestamp, (place.window,))

    def _measure(self, sender: Sender) -> None:
        counts, measured = sender.take_counts()
        for name, count in counts.items():
            self._counters[name].inc(count)
        for one in measured:
            self._distributions["request_events"].update(one.events)
            self._distributions["request_bytes"].update(one.size)
            self._distributions["latency_ms"].update(one.latency_ms)
            if one.age_ms is not None:
                self._distributions["age_ms"].update(one.age_ms)

    def _running(self) -> Sender:
        if self._sender is None:
            message = "a writer of events is used before setup(), or after teardown()"
            raise RuntimeError(message)
        return self._sender


class WriteEvents(beam.PTransform[PCollection[pa.RecordBatch], PCollection[pa.RecordBatch]]):
    """Sends batches of SINK_ROWS to Splunk, each event at least once; gives REFUSED_ROWS.

    A bundle ends when HEC has confirmed all of its events. While Splunk is away they are sent again
    for `retry_seconds` and are refused then. A token or certificate that is not accepted fails the
    bundle: SplunkAccessError.
    """

    def __init__(self, config: SplunkConfig) -> None:
        super().__init__()
        self.config = config

    def expand(self, rows: PCollection[pa.RecordBatch]) -> PCollection[pa.RecordBatch]:
        step = beam.ParDo(_WriteEvents(self.config))
        refused: PCollection[pa.RecordBatch] = rows | "SendEvents" >> step
        return refused
