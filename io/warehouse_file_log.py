"""The change log's tables in a warehouse file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa

from pipeline_io.warehouse_file import WarehouseFile, quoted

WRITE_BYTES = 64 * 2**20
"""Rows that are held in memory before they are written: a transaction costs some milliseconds."""


class WarehouseFileLog:
    """Appends rows to the tables of one dataset of a DuckDB file. For one thread.

    Rows are in the file when `flush` returns; between that and the next row the file is closed,
    so that others can read it.
    """

    def __init__(self, path: str, dataset: str, tell: Callable[[str], None] | None = None) -> None:
        self.file = WarehouseFile(path) if tell is None else WarehouseFile(path, tell=tell)
        self.dataset = dataset
        self._tables: dict[str, list[tuple[str, str]]] = {}
        self._made: set[str] = set()
        self._rows: dict[str, list[pa.RecordBatch]] = {}
        self._bytes = 0

    def ensure_table(
        self,
        name: str,
        columns: Sequence[tuple[str, str]],
        *,
        partition_by: str | None = None,
        cluster_by: Sequence[str] = (),
    ) -> None:
        """Makes a table with the next rows that are written, where it is missing.

        partition_by and cluster_by are of warehouses that have such; this one passes them over.
        """
        self._tables.setdefault(name, [(column, kind) for column, kind in columns])

    def append(self, name: str, rows: pa.RecordBatch) -> None:
        """Adds rows to a table that was ensured. Raises WarehouseError."""
        if name not in self._tables:
            message = f"the table {name!r} is unknown; call ensure_table before append"
            raise ValueError(message)
        self._rows.setdefault(name, []).append(rows)
        self._bytes += rows.nbytes
        if self._bytes >= WRITE_BYTES:
            self._write()

    def flush(self) -> None:
        """All rows so far are in the file when this returns, and all tables. Raises
        WarehouseError: then they are written by the next call, or not at all."""
        if self._rows or self._tables.keys() - self._made:
            self._write()
        self.file.close()

    def close(self) -> None:
        """Closes the file; rows that were not flushed are gone."""
        self._rows, self._bytes = {}, 0
        self.file.close()

    def query(self, sql: str) -> pa.Table:
        """What a statement gives: `{dataset}` in it is the quoted dataset."""
        return self.file.query(sql.format(dataset=quoted(self.dataset)))

    def tables(self) -> list[str]:
        return self.file.tables(self.dataset)

    def _write(self) -> None:
        try:
            with self.file.transaction():
                for name in self._tables.keys() - self._made:
                    self.file.ensure_table(self.dataset, name, self._tables[name])
                for name, batches in self._rows.items():
                    self.file.append(self.dataset, name, pa.Table.from_batches(batches))
        except BaseException:
            self.file.close()
            raise
        self._made = set(self._tables)
        self._rows, self._bytes = {}, 0
