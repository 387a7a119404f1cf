"""The writer's DoFn run by hand, a bundle after the other."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from typing import Any

import confluent_kafka
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

import pipeline_io.kafka_writer
from pipeline_io.kafka_write_config import TopicSink
from pipeline_io.record_schema import REFUSED_ROWS

_ASK = -1


class Bundle:
    """Runs bundles of one writer; gives refused rows as dicts.

    Args:
        known_limit: the topic's limit as the writer knows it; without it the writer asks.
    """

    def __init__(self, sink: TopicSink, known_limit: int | None = _ASK) -> None:
        # Pickled as a runner does.
        self._do_fn: Any = pickle.loads(  # noqa: S301  (made here)
            pickle.dumps(pipeline_io.kafka_writer._WriteMessages(sink))  # noqa: SLF001
        )
        if known_limit != _ASK:
            self._do_fn._known_limit = lambda: known_limit  # noqa: SLF001
        self._open = False

    def run(self, batches: Sequence[pa.RecordBatch]) -> list[dict[str, Any]]:
        """One bundle."""
        self._open = False
        refused = [row for batch in batches for row in self.process(batch)]
        return [*refused, *self.finish()]

    def process(self, batch: pa.RecordBatch) -> list[dict[str, Any]]:
        if not self._open:
            self._do_fn.start_bundle()
            self._open = True
        return _rows(self._do_fn.process(batch, Timestamp(5), GlobalWindow()))

    def finish(self) -> list[dict[str, Any]]:
        self._open = False
        return _rows(self._do_fn.finish_bundle())

    def report(self, number: int, error: confluent_kafka.KafkaError) -> None:
        """As if the client library had given up the message of that number."""
        self._do_fn._producer._report(number, error)  # noqa: SLF001


def _rows(found: Iterable[WindowedValue]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for one in found:
        assert one.timestamp == Timestamp(5)
        assert one.value.schema == REFUSED_ROWS
        rows += one.value.to_pylist()
    return rows
