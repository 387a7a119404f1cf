"""The ends of the snapshot pipeline: reading ranges, and filling the new tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import apache_beam as beam
import pyarrow as pa

from pipeline_io.snapshot_ranges import KeyRange, RangeReader

_APPEND_ROWS = 500_000
_APPEND_BYTES = 64 << 20
"""Rows wait until they are worth an opening of the warehouse's file, of which each is a checkpoint
on the disk; a tenth of what a worker's memory has."""


class NewRows(Protocol):
    """Takes rows for the tables that are being filled."""

    def append(self, table: str, rows: pa.Table, select: str) -> None: ...


class ReadRanges(beam.DoFn):
    """Yields (table's name, rows as columns of texts) of each KeyRange, as they arrive."""

    def __init__(self, reader: RangeReader) -> None:
        self.reader = reader

    def process(self, element: KeyRange) -> Iterator[tuple[str, pa.Table]]:
        for rows in self.reader.read(element):
            yield element.table.name, rows

    def teardown(self) -> None:
        self.reader.close()


class WriteNewRows(beam.DoFn):
    """Adds (table's name, rows) to the tables that are being filled.

    Args:
        selects: for each table the SQL that makes its columns of the rows.
        wrote: is told (table's name, number of rows) after each append.
    """

    def __init__(
        self, store: NewRows, selects: Mapping[str, str], wrote: Callable[[str, int], None]
    ) -> None:
        self.store = store
        self.selects = selects
        self.wrote = wrote

    def start_bundle(self) -> None:
        self._waiting: dict[str, list[pa.Table]] = {}
        self._rows = self._bytes = 0

    def process(self, element: tuple[str, pa.Table]) -> None:
        name, rows = element
        self._waiting.setdefault(name, []).append(rows)
        self._rows += rows.num_rows
        self._bytes += rows.nbytes
        if self._rows >= _APPEND_ROWS or self._bytes >= _APPEND_BYTES:
            self._append()

    def finish_bundle(self) -> None:
        self._append()

    def _append(self) -> None:
        for name, tables in self._waiting.items():
            rows = pa.concat_tables(tables)
            self.store.append(name, rows, self.selects[name])
            self.wrote(name, rows.num_rows)
        self.start_bundle()
