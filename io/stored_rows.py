"""The step that hands rows of typed columns to a store of one table, and waits for them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, cast

import apache_beam as beam
import pyarrow as pa
from apache_beam.transforms.window import BoundedWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from pipeline_io.database_sink_rows import RefusedRow, stored_rows
from pipeline_io.record_schema import REFUSED_ROWS
from pipeline_io.sink_metrics import SinkMetrics

BYTES = "bytes"
"""The counter of bytes of the rows in Arrow's form, as they are handed to the store."""

_ARROW: Any = pa


class Store(Protocol):
    """A table that rows are written to. counts: since they were taken last."""

    counts: Counter[str]

    def write(self, rows: Any) -> list[RefusedRow]:
        """Makes rows (`stored_rows`) durable; gives those that are refused, by their place."""

    def close(self) -> None: ...


class _Batch(NamedTuple):
    """A batch that waits: its rows, where its first row is among them, and where it came from."""

    rows: Any
    first_place: int
    record: pa.Array[Any]
    timestamp: Timestamp
    window: BoundedWindow


class StoreRows(beam.DoFn):
    """Stores batches of SINK_ROWS; yields REFUSED_ROWS, of a batch when its rows are stored.

    Args:
        table: a DatabaseTable or SpannerTable; max_rows of it are written at once.
        open_store: makes the Store of the table, once a worker; it has to be picklable.
    """

    def __init__(
        self, table: Any, open_store: Callable[[Any], Store], metrics: SinkMetrics
    ) -> None:
        self.table = table
        self.open_store = open_store
        self.metrics = metrics
        self._store: Store | None = None
        self._waiting: list[_Batch] = []

    def setup(self) -> None:
        self._store = self.open_store(self.table)

    def start_bundle(self) -> None:
        # What a bundle that failed has left comes again.
        self._waiting = []
        self.metrics.begin()

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
        self.metrics.came(element)
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
            self.metrics.count(store.counts)
            store.counts.clear()
        self.metrics.count({BYTES: rows.nbytes})
        self.metrics.confirmed()
        of_batch: dict[int, list[RefusedRow]] = defaultdict(list)
        for one in sorted(refused):
            number = sum(batch.first_place <= one.place for batch in batches) - 1
            of_batch[number].append(one)
        for number, found in of_batch.items():
            batch = batches[number]
            yield WindowedValue(_refused_rows(batch, found), batch.timestamp, (batch.window,))


def _refused_rows(batch: _Batch, refused: list[RefusedRow]) -> pa.RecordBatch:
    places: Any = pa.array([one.place - batch.first_place for one in refused], pa.int64())
    columns: list[pa.Array[Any]] = [
        batch.record.take(places),
        pa.array([one.error_class for one in refused]),
        pa.array([one.message for one in refused]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=REFUSED_ROWS)
