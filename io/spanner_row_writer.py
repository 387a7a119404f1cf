"""Rows of typed columns written to one table of Spanner by a pipeline."""

from __future__ import annotations

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PCollection

from pipeline_io.sink_metrics import SinkMetrics
from pipeline_io.spanner_row_store import SpannerStore
from pipeline_io.spanner_row_table import SpannerTable
from pipeline_io.stored_rows import BYTES, StoreRows

NAMESPACE = "kamiflow.spanner"
"""Of the Beam counters of written tables."""

COUNTS = ("rows", "deletes", "older", "commits", "refused", BYTES)


class WriteSpannerRows(beam.PTransform[PCollection[pa.RecordBatch], PCollection[pa.RecordBatch]]):
    """Stores batches of SINK_ROWS, whose payload is a struct of the table's columns; gives
    REFUSED_ROWS.

    Of several rows of a key in a commit the newest is sent. A bundle ends when all of its rows are
    committed. While Spanner is away, or aborts a commit, it is done again for the config's
    `retry_seconds`; then, or when the table does not take such rows at all, SpannerError fails
    the bundle.

    sink: the name that its metrics have.
    """

    def __init__(self, table: SpannerTable, sink: str = "") -> None:
        super().__init__()
        self.table = table
        self.sink = sink

    def expand(self, rows: PCollection[pa.RecordBatch]) -> PCollection[pa.RecordBatch]:
        metrics = SinkMetrics(NAMESPACE, self.sink, COUNTS)
        step = beam.ParDo(StoreRows(self.table, SpannerStore, metrics))
        refused: PCollection[pa.RecordBatch] = rows | "StoreRows" >> step
        return refused


def check(table: SpannerTable) -> None:
    """Holds the table against its rows, so that a job stops before a record is read.

    Raises SpannerError.
    """
    store = SpannerStore(table)
    try:
        store.open()
    finally:
        store.close()
