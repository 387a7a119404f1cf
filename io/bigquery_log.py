"""Batches of rows written to tables of BigQuery by a pipeline."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.utils.windowed_value import WindowedValue

from pipeline_io.bigquery_chunks import Refused
from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_log_sink import BigQueryLogSink
from pipeline_io.sink_metrics import SinkMetrics
from pipeline_io.sink_step import Place, SinkStep

NAMESPACE = "kamiflow.bigquery"
"""Of the Beam counters COUNTS."""

COUNTS = ("requests", "rows", "bytes", "retries", "refused")
_REFUSED = "refused"


class TableRows(NamedTuple):
    """A batch for one table: its name in the dataset, and rows with columns of its layout."""

    table: str
    rows: pa.RecordBatch


class WrittenRows(NamedTuple):
    """How many rows of a bundle are durable in a table."""

    table: str
    row_count: int


class RefusedRows(NamedTuple):
    """Rows that BigQuery refuses for good, with a word to count by and a sentence for each."""

    table: str
    rows: pa.RecordBatch
    error_classes: list[str]
    messages: list[str]


@dataclasses.dataclass(frozen=True)
class TableLayout:
    """What tables are made like: see BigQueryLogSink.ensure_table."""

    columns: tuple[tuple[str, str], ...]
    partition_by: str | None = None
    cluster_by: tuple[str, ...] = ()


class LogOutputs(NamedTuple):
    """WrittenRows, given when they are durable, and RefusedRows, for dead letters."""

    written: PCollection[WrittenRows]
    refused: PCollection[RefusedRows]


class _AppendRows(SinkStep[BigQueryLogSink]):
    """Appends TableRows; yields WrittenRows and, tagged, RefusedRows at the end of a bundle."""

    def __init__(self, config: BigQueryConfig, layout: TableLayout, sink: str = "") -> None:
        super().__init__(SinkMetrics(NAMESPACE, sink, COUNTS))
        self.config = config
        self.layout = layout
        self._tables: set[str] = set()
        self._written: Counter[tuple[str, Place]] = Counter()

    def open_writer(self) -> BigQueryLogSink:
        self._tables = set()
        return BigQueryLogSink.of(self.config)

    def start_bundle(self) -> None:
        super().start_bundle()
        self._written = Counter()

    def process(
        self,
        element: TableRows,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> None:
        table, rows = element
        sink = self.writer()
        if table not in self._tables:
            sink.ensure_table(
                table,
                self.layout.columns,
                partition_by=self.layout.partition_by,
                cluster_by=self.layout.cluster_by,
            )
            self._tables.add(table)
        place = Place(timestamp, window)
        sink.append(table, rows, mark=place)
        self._written[table, place] += rows.num_rows

    def finish_bundle(self) -> Iterator[WindowedValue | TaggedOutput[str, Any]]:
        sink = self.writer()
        try:
            sink.flush()
        finally:
            self.metrics.count(sink.take_counts())
        batches: dict[int, list[Refused]] = defaultdict(list)
        for one in sink.take_refused():
            batches[id(one.rows)].append(one)
        for refused in batches.values():
            place = refused[0].mark
            self._written[refused[0].table, place] -= len(refused)
            value = WindowedValue(refused_rows(refused), place.timestamp, (place.window,))
            yield TaggedOutput(_REFUSED, value)
        for (table, place), count in self._written.items():
            yield WindowedValue(WrittenRows(table, count), place.timestamp, (place.window,))


class WriteBigQueryLog(beam.PTransform[PCollection[TableRows], LogOutputs]):
    """Appends batches to the tables that they name, which are made where they are not there.

    A bundle ends when all of its rows are durable. Each row is written at least once; with the
    config's `exactly_once` or `pending`, repeats come of bundles alone that the runner repeats.
    While BigQuery is away, rows are sent again for `retry_seconds`; then, or when a table may not
    be written to, BigQueryError fails the bundle.

    layout: of all tables that come. sink: the name that its metrics have.
    """

    def __init__(self, config: BigQueryConfig, layout: TableLayout, sink: str = "") -> None:
        super().__init__()
        self.config = config
        self.layout = layout
        self.sink = sink

    def expand(self, rows: PCollection[TableRows]) -> LogOutputs:
        step = beam.ParDo(_AppendRows(self.config, self.layout, self.sink))
        outputs = rows | "AppendRows" >> step.with_outputs(_REFUSED, main="written")
        return LogOutputs(outputs["written"], outputs[_REFUSED])


def refused_rows(refused: list[Refused]) -> RefusedRows:
    """The refused rows of one batch, in its order."""
    refused = sorted(refused, key=lambda one: one.row)
    places: Any = pa.array([one.row for one in refused], pa.int64())
    return RefusedRows(
        refused[0].table,
        refused[0].rows.take(places),
        [one.error_class for one in refused],
        [one.message for one in refused],
    )
