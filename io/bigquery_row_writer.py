"""Rows of typed columns written to one table of BigQuery by a pipeline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PCollection
from apache_beam.transforms.window import BoundedWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from pipeline_io.bigquery_chunks import Refused
from pipeline_io.bigquery_log import COUNTS, NAMESPACE
from pipeline_io.bigquery_log_sink import BigQueryLogSink
from pipeline_io.bigquery_row_shape import shaped_rows
from pipeline_io.bigquery_row_table import Columns, RowTable, open_table
from pipeline_io.bigquery_upsert import change_rows, stored_part
from pipeline_io.record_schema import REFUSED_ROWS
from pipeline_io.sink_metrics import SinkMetrics
from pipeline_io.sink_step import SinkStep

LEFT_OUT = "left_out"
"""The Beam counter of values, not NULL, that the table has no column for (`ignore`)."""


class _Origin(NamedTuple):
    """Where a batch came from: its records, and its place in event time."""

    record: pa.Array[Any]
    timestamp: Timestamp
    window: BoundedWindow


class _WriteRows(SinkStep[BigQueryLogSink]):
    """Appends batches of SINK_ROWS; yields REFUSED_ROWS at the end of a bundle."""

    def __init__(self, table: RowTable, sink: str = "") -> None:
        super().__init__(SinkMetrics(NAMESPACE, sink, (*COUNTS, LEFT_OUT)))
        self.table = table
        self._columns: Columns | None = None
        self._without_order: list[Refused] = []

    def open_writer(self) -> BigQueryLogSink:
        self._columns = None
        return BigQueryLogSink.of(self.table.config)

    def start_bundle(self) -> None:
        super().start_bundle()
        self._without_order = []

    def process(
        self,
        element: pa.RecordBatch,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> None:
        sink = self.writer()
        if self._columns is None:
            self._columns = open_table(sink, self.table)
        self.metrics.came(element)
        payload = cast("pa.StructArray", element.column("payload"))
        stored = stored_part(payload, self.table.upserting)
        shaped = shaped_rows(stored, self._columns)
        if shaped.left_out:
            self.metrics.count({LEFT_OUT: shaped.left_out})
        origin = _Origin(element.column("record"), timestamp, window)
        if self.table.upserting is None:
            sink.append(self.table.name, shaped.rows, mark=origin)
            return
        attributes = cast("pa.StructArray", element.column("attributes"))
        changes = change_rows(shaped.rows, payload, attributes, self.table.upserting)
        name = self.table.name
        for row, why in changes.refused:
            self._without_order.append(Refused(name, element, row, "NoOrderKey", why, origin))
            self.metrics.count({"refused": 1})
        if changes.rows.num_rows:
            kept = origin._replace(record=origin.record.take(changes.places))
            sink.append(name, changes.rows, mark=kept)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        sink = self.writer()
        try:
            sink.flush()
        finally:
            self.metrics.count(sink.take_counts())
        self.metrics.confirmed()
        batches: dict[int, list[Refused]] = defaultdict(list)
        without_order, self._without_order = self._without_order, []
        for one in [*sink.take_refused(), *without_order]:
            batches[id(one.rows)].append(one)
        for refused in batches.values():
            origin: _Origin = refused[0].mark
            yield WindowedValue(_refused_rows(refused), origin.timestamp, (origin.window,))


class WriteBigQueryRows(beam.PTransform[PCollection[pa.RecordBatch], PCollection[pa.RecordBatch]]):
    """Appends batches of SINK_ROWS, whose payload is a struct of the table's columns, each row at
    least once, or changes rows by their key; gives REFUSED_ROWS.

    A bundle ends when all of its rows are durable. While BigQuery is away, rows are sent again for
    the config's `retry_seconds`; then, or when the table may not be written to, or lacks columns
    that may not be added, BigQueryError fails the bundle.

    sink: the name that its metrics have.
    """

    def __init__(self, table: RowTable, sink: str = "") -> None:
        super().__init__()
        self.table = table
        self.sink = sink

    def expand(self, rows: PCollection[pa.RecordBatch]) -> PCollection[pa.RecordBatch]:
        step = beam.ParDo(_WriteRows(self.table, self.sink))
        refused: PCollection[pa.RecordBatch] = rows | "AppendRows" >> step
        return refused


def check(table: RowTable) -> None:
    """Makes the table, or adds the columns that it lacks, where it may; else says what is wrong.

    Raises BigQueryError.
    """
    sink = BigQueryLogSink.of(table.config)
    try:
        open_table(sink, table, tells=True)
    finally:
        sink.close()


def _refused_rows(refused: list[Refused]) -> pa.RecordBatch:
    """The refused rows of one batch, in its order, as REFUSED_ROWS."""
    refused = sorted(refused, key=lambda one: one.row)
    places: Any = pa.array([one.row for one in refused], pa.int64())
    columns: list[pa.Array[Any]] = [
        refused[0].mark.record.take(places),
        pa.array([one.error_class for one in refused]),
        pa.array([one.message for one in refused]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=REFUSED_ROWS)
