"""What a step that writes to a sink counts, each metric with the sink's name in its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import pyarrow as pa
from apache_beam.metrics.metric import Metrics

from pipeline_io.latency import NO_TIMES, Latency, now_ms, times_of

TOPIC_TO_SINK = "topic_to_sink_ms"
"""The distribution of milliseconds from a record's own time (Kafka's, or its publishing) to the end
of the bundle in which the sink has confirmed all that came of it."""


def name_of(sink: str, name: str) -> str:
    """The Beam metric `name` of a sink; '' is a sink without a name.

    Flink keeps one metric a name for all steps that it fuses: without the sink's name the last one
    to write would be all that is seen.
    """
    return f"{sink}/{name}" if sink else name


class SinkMetrics:
    """The metrics of one sink.

    Args:
        namespace: of Beam's metrics.
        sink: its name.
        counters, distributions: names of what the sink counts besides TOPIC_TO_SINK.
    """

    def __init__(
        self,
        namespace: str,
        sink: str,
        counters: Iterable[str],
        distributions: Iterable[str] = (),
    ) -> None:
        self._counters = {
            name: Metrics.counter(namespace, name_of(sink, name)) for name in counters
        }
        self._distributions = {
            name: Metrics.distribution(namespace, name_of(sink, name)) for name in distributions
        }
        self._latency = Latency(namespace, name_of(sink, TOPIC_TO_SINK))
        self._waiting = NO_TIMES

    def count(self, counts: Mapping[str, int]) -> None:
        """Adds to counters, by their names."""
        for name, value in counts.items():
            self._counters[name].inc(value)

    def measure(self, name: str, value: int) -> None:
        """Adds a value to a distribution."""
        self._distributions[name].update(value)

    def begin(self) -> None:
        """A bundle begins: what one that failed left behind comes again."""
        self._waiting = NO_TIMES

    def came(self, rows: pa.RecordBatch) -> None:
        """A batch of SINK_ROWS came, which is not confirmed yet."""
        record = cast("pa.StructArray", rows.column("record"))
        if record.null_count < len(record):
            # A struct that is NULL has fields all the same.
            times: Any = record.field("timestamp")
            self.came_at(times.filter(record.is_valid()) if record.null_count else times)

    def came_at(self, instants: Any) -> None:
        """Records of these timestamps came, which are not confirmed yet."""
        self._waiting = self._waiting.with_more(times_of(instants))

    def confirmed(self) -> None:
        """The sink has all that came."""
        waiting, self._waiting = self._waiting, NO_TIMES
        self._latency.until(now_ms(), waiting)
