"""Rows of typed columns written to one table of a database by a pipeline."""

from __future__ import annotations

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PCollection

from pipeline_io.database_sink_store import DatabaseStore
from pipeline_io.database_sink_table import DatabaseTable
from pipeline_io.sink_metrics import SinkMetrics
from pipeline_io.stored_rows import BYTES, StoreRows

NAMESPACE = "kamiflow.database"
"""Of the Beam counters of written tables."""

COUNTS = ("rows", "deletes", "transactions", "retries", "refused", BYTES)


class WriteDatabaseRows(beam.PTransform[PCollection[pa.RecordBatch], PCollection[pa.RecordBatch]]):
    """Stores batches of SINK_ROWS, whose payload is a struct of the table's columns; gives
    REFUSED_ROWS.

    Of several rows of a key in a transaction the newest is sent. A bundle ends when all of its rows
    are durable. While the database is away, rows are sent again `max_retries` times; then, or when
    the table does not take such rows at all, SinkError fails the bundle.

    sink: the name that its metrics have.
    """

    def __init__(self, table: DatabaseTable, sink: str = "") -> None:
        super().__init__()
        self.table = table
        self.sink = sink

    def expand(self, rows: PCollection[pa.RecordBatch]) -> PCollection[pa.RecordBatch]:
        metrics = SinkMetrics(NAMESPACE, self.sink, COUNTS)
        step = beam.ParDo(StoreRows(self.table, DatabaseStore, metrics))
        refused: PCollection[pa.RecordBatch] = rows | "StoreRows" >> step
        return refused


def check(table: DatabaseTable) -> None:
    """Holds the table against its rows, so that a job stops before a record is read.

    Raises SinkError, SecretError.
    """
    store = DatabaseStore(table)
    try:
        store.open(tries_rights=True)
    finally:
        store.close()
