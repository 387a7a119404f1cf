"""Rows of a MySQL table, from connections that share one consistent read."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline_io.database import Database
from pipeline_io.snapshot_errors import SnapshotError
from pipeline_io.snapshot_mysql_columns import bound_literal, is_float32, select_expression
from pipeline_io.snapshot_mysql_session import driver, errors
from pipeline_io.snapshot_ranges import KeyRange, ReadTable

_BATCH_ROWS = 10_000
_BATCH_BYTES = 16 << 20

# Transactions cannot be handed to another process: readers take the connections of this one.
_pools: dict[str, queue.Queue[Any]] = {}


def open_pool(name: str, connections: list[Any]) -> None:
    """Makes connections, each in its transaction, known to the readers of this process."""
    pool: queue.Queue[Any] = queue.Queue()
    for connection in connections:
        pool.put(connection)
    _pools[name] = pool


def close_pool(name: str) -> None:
    pool = _pools.pop(name)
    while not pool.empty():
        pool.get_nowait().close()


class MySqlReader:
    """Reads ranges by the connections of a pool. Pickles, for threads of this process alone."""

    def __init__(self, database: Database, pool: str) -> None:
        self.database = database
        self.pool = pool

    def read(self, key_range: KeyRange) -> Iterator[pa.Table]:
        """The rows in tables of texts. Raises SnapshotError."""
        pool = _pools.get(self.pool)
        if pool is None:
            message = "the consistent read of MySQL belongs to another process; leave --runner out"
            raise SnapshotError(message)
        connection = pool.get()
        try:
            with errors(self.database, f"reading {relation(key_range.table)}"):
                yield from _tables(connection, key_range)
        finally:
            pool.put(connection)

    def close(self) -> None:
        """The connections are the pool's."""


def _tables(connection: Any, key_range: KeyRange) -> Iterator[pa.Table]:
    columns = key_range.table.columns
    with connection.cursor(driver().cursors.SSCursor) as cursor:
        cursor.execute(select_statement(key_range))
        size = _BATCH_ROWS
        while rows := cursor.fetchmany(size):
            arrays = [
                _texts(values, is_float32(column.source_type))
                for column, values in zip(columns, zip(*rows, strict=True), strict=True)
            ]
            table = pa.table(arrays, names=[column.name for column in columns])
            # Wide rows: the next batch is as many of these as fit.
            each = max(table.nbytes // table.num_rows, 1)
            size = max(1, min(_BATCH_ROWS, _BATCH_BYTES // each))
            yield table


def _texts(values: tuple[Any, ...], float32: bool) -> pa.Array[Any]:
    if float32:
        # The shortest text that reads back to 32 bits, as the log has it.
        values = tuple(None if text is None else str(np.float32(text)) for text in values)
    return pa.array(values, pa.string())


def select_statement(key_range: KeyRange) -> str:
    """The SELECT of a range's rows."""
    table = key_range.table
    columns = ", ".join(
        select_expression(identifier(one.name), one.source_type) for one in table.columns
    )
    where = conditions(table, key_range.low, key_range.high)
    return f"SELECT {columns} FROM {relation(table)}{where}"  # noqa: S608


def conditions(table: ReadTable, low: tuple[str, ...] | None, high: tuple[str, ...] | None) -> str:
    """The WHERE clause of a range; '' without bounds."""
    bounds = []
    if low is not None:
        bounds.append(_beyond(table, low, ">", ""))
    if high is not None:
        bounds.append(_beyond(table, high, "<", "="))
    return f" WHERE {' AND '.join(bounds)}" if bounds else ""


def _beyond(table: ReadTable, bound: tuple[str, ...], sign: str, last: str) -> str:
    """`(a, b) > (x, y)` column by column: MySQL finds no range of an index in the short form."""
    types = {column.name: column.source_type for column in table.columns}
    values = [
        (identifier(name), bound_literal(text, types[name]))
        for name, text in zip(table.key, bound, strict=True)
    ]
    cases = []
    for number, (name, value) in enumerate(values):
        equal = [f"{before} = {text}" for before, text in values[:number]]
        ends = last if number == len(values) - 1 else ""
        cases.append(f"({' AND '.join([*equal, f'{name} {sign}{ends} {value}'])})")
    return f"({' OR '.join(cases)})"


def relation(table: ReadTable) -> str:
    schema = f"{identifier(table.schema)}." if table.schema else ""
    return f"{schema}{identifier(table.source_table)}"


def identifier(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
