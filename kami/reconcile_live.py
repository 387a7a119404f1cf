"""Reconciles god views with a live database: one consistent read of it, all tables in it.

Each god view is read as of the same place of the log that the read is of, so that what is written
meanwhile is a difference on neither side.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import polars as pl
import sqlalchemy

from kami.config import Source
from kami.context import ConfiguredTable
from kami.reconcile_as_of import as_of_views, state_of_the_log
from kami.reconcile_columns import live_columns, live_frame, live_shape, select_sql
from kami.reconcile_compare import ReadRows
from kami.reconcile_moment import Moment, consistent_read
from kami.reconcile_report import TableReport
from kami.reconcile_settle import compare_and_settle
from kami.reconcile_sides import god_view, rows_by, shape_of
from kami.warehouse import Warehouse

BATCH_ROWS = 10_000

Open = Callable[[], Warehouse]
"""Opens the warehouse: a DuckDB file is held no longer than a read, so that pipelines can write."""


def reconcile_live(
    open_warehouse: Open,
    source: Source,
    tables: Sequence[ConfiguredTable],
    left_out: Mapping[str, tuple[str, ...]],
    *,
    limit: int,
    wait_seconds: float,
) -> list[TableReport]:
    """The reports of tables of one source.

    Args:
        left_out: columns that are not compared, by table.
        wait_seconds: how long after the read the log may take to bring what the read has seen, for
            all tables together.

    Raises:
        ConfigurationError: the source has no `url`.
        UnreachableError: the database does not answer.
    """
    reports = []
    with consistent_read(source) as (connection, moment):
        deadline = time.monotonic() + wait_seconds
        for table in tables:
            shape = live_shape(table, shape_of(table, left_out[table.name]))
            compared = [column.name for column in shape.columns]
            skipped = [one.name for one in table.table.columns if one.name not in compared]
            found = compare_and_settle(
                rows_of(connection, table, compared),
                _now(open_warehouse, table),
                _as_of(open_warehouse, table, moment),
                shape,
                limit=limit,
                wait_seconds=deadline - time.monotonic(),
            )
            note = ""
            if not found.is_equal:
                with open_warehouse() as warehouse:
                    note = state_of_the_log(warehouse, table, moment)
            report = TableReport(table.full_name, found, moment.position, tuple(skipped), note)
            reports.append(report)
    return reports


def rows_of(
    connection: sqlalchemy.Connection, table: ConfiguredTable, columns: list[str]
) -> ReadRows:
    """Reads the table anew each time, in batches, as of the consistent read."""
    found = live_columns(table)
    wanted = [found[name] for name in columns]
    # Drivers take % for a parameter, though there is none.
    query = select_sql(table, columns).replace("%", "%%")

    def read() -> Iterator[pl.DataFrame]:
        options = {"stream_results": True, "max_row_buffer": BATCH_ROWS}
        # Of the statement, not of the connection: its ROLLBACK has no cursor to stream from.
        result = connection.exec_driver_sql(query, (), execution_options=options)
        for part in result.partitions(BATCH_ROWS):
            yield live_frame(wanted, [tuple(row) for row in part])

    return read


def _now(open_warehouse: Open, table: ConfiguredTable) -> ReadRows:
    def read() -> Iterator[pl.DataFrame]:
        with open_warehouse() as warehouse:
            yield from god_view(warehouse, table)()

    return read


def _as_of(
    open_warehouse: Open, table: ConfiguredTable, moment: Moment
) -> Callable[[], list[ReadRows]]:
    def reads() -> list[ReadRows]:
        with open_warehouse() as warehouse:
            queries = as_of_views(warehouse, table, moment)
        return [_reader(open_warehouse, query) for query in queries]

    return reads


def _reader(open_warehouse: Open, query: str) -> ReadRows:
    def read() -> Iterator[pl.DataFrame]:
        with open_warehouse() as warehouse:
            yield from rows_by(warehouse, query)()

    return read
