"""Rows of typed columns written to one table of a database by a pipeline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection
from apache_beam.transforms.window import BoundedWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from pipeline_io.database_sink_rows import RefusedRow, stored_rows
from pipeline_io.database_sink_store import DatabaseStore
from pipeline_io.database_sink_table import DatabaseTable
from pipeline_io.record_schema import REFUSED_ROWS

NAMESPACE = "kamiflow.database"
"""Of the Beam counters of written tables."""

_COUNTS = ("rows", "deletes", "transactions", "retries", "refused")
_ARROW: Any = pa


class _Batch(NamedTuple):
    """A batch that waits: its rows, where its first row is among them, and where it came from."""

    rows: Any
    first_place: int
    record: pa.Array[Any]
    timestamp: Timestamp
    window: BoundedWindow


class _WriteRows(beam.DoFn):
    """Stores batches of SINK_ROWS; yields REFUSED_ROWS, of a batch when its rows are stored."""

    def __init__(self, table: DatabaseTable) -> None:
        self.table = table
        self._counters = {name: Metrics.counter(NAMESPACE, name) for name in _COUNTS}
        self._store: DatabaseStore | None = None
        self._waiting: list[_Batch] = []

    def setup(self) -> None:
        self._store = DatabaseStore(self.table)

    def start_bundle(self) -> None:
        # What a bundle that failed has left comes again.
        self._waiting = []

    def process(
        self,
        element: pa.RecordBatch,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[WindowedValue]:
        if not element.num_rows:
            return
        first = sum(batch.rows.num_rows for batch in self._waiting)
        payload = cast("pa.StructArray", element.column("payload"))
        attributes = cast("pa.StructArray", element.column("attributes"))
        rows = stored_rows(payload, attributes, self.table, first)
        self._waiting.append(_Batch(rows, first, element.column("record"), timestamp, window))
        if first + element.num_rows >= self.table.max_rows:
            yield from self._write()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._waiting:
            yield from self._write()

    def teardown(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _write(self) -> Iterator[WindowedValue]:
        store = self._store
        if store is None:
            message = "a writer of rows is used before setup(), or after teardown()"
            raise RuntimeError(message)
        batches, self._waiting = self._waiting, []
        rows = _ARROW.concat_tables([batch.rows for batch in batches])
        try:
            refused = store.write(rows)
        finally:
            for name, count in store.counts.items():
                self._counters[name].inc(count)
            store.counts.clear()
        of_batch: dict[int, list[RefusedRow]] = defaultdict(list)
        for one in sorted(refused):
            number = sum(batch.first_place <= one.place for batch in batches) - 1
            of_batch[number].append(one)
        for number, found in of_batch.items():
            batch = batches[number]
            yield WindowedValue(_refused_rows(batch, found), batch.timestamp, (batch.window,))


class WriteDatabaseRows(beam.PTransform[PCollection[pa.RecordBatch], PCollection[pa.RecordBatch]]):
    """Stores batches of SINK_ROWS, whose payload is a struct of the table's columns; gives
    REFUSED_ROWS.

    Of several rows of a key in a transaction the newest is sent. A bundle ends when all of its rows
    are durable. While the database is away, rows are sent again `max_retries` times; then, or when
    the table does not take such rows at all, SinkError fails the bundle.
    """

    def __init__(self, table: DatabaseTable) -> None:
        super().__init__()
        self.table = table

    def expand(self, rows: PCollection[pa.RecordBatch]) -> PCollection[pa.RecordBatch]:
        step = beam.ParDo(_WriteRows(self.table))
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


def _refused_rows(batch: _Batch, refused: list[RefusedRow]) -> pa.RecordBatch:
    places: Any = pa.array([one.place - batch.first_place for one in refused], pa.int64())
    columns: list[pa.Array[Any]] = [
        batch.record.take(places),
        pa.array([one.error_class for one in refused]),
        pa.array([one.message for one in refused]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=REFUSED_ROWS)
