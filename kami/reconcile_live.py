"""Reconciles god views with a live database: one consistent read of it, all tables in it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import polars as pl
import sqlalchemy
import sqlalchemy.exc
from sqlalchemy.engine import make_url

from kami import tables as names
from kami.compaction_sql import Relations, render, sql
from kami.config import Source
from kami.context import ConfiguredTable
from kami.ddl_renames import renamed_columns, renamed_of
from kami.errors import ConfigurationError, UnreachableError
from kami.history_position import order_key_of
from kami.incarnations import identities
from kami.information_schema import CONNECT_SECONDS
from kami.reconcile_columns import live_columns, live_frame, live_shape, select_sql
from kami.reconcile_compare import ReadRows
from kami.reconcile_report import TableReport
from kami.reconcile_settle import compare_and_settle
from kami.reconcile_sides import LOWEST, god_view, shape_of
from kami.warehouse import Warehouse, table_sql

BATCH_ROWS = 10_000
_DRIVERS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}
MAX_POSITIONS = 50
"""Changes of a table since the read: with more of them the next look is awaited."""

Open = Callable[[], Warehouse]
"""Opens the warehouse: a DuckDB file is held no longer than a read, so that pipelines can write."""


@dataclasses.dataclass(frozen=True)
class Moment:
    """What the database was at the consistent read.

    `position`: the log's position before it, as text. PostgreSQL: transactions from `xmax` on, and
    those in `in_progress`, are not part of it.
    """

    position: str
    xmax: int | None = None
    in_progress: tuple[int, ...] = ()


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

    Raises:
        ConfigurationError: the source has no `url`.
        UnreachableError: the database does not answer.
    """
    reports = []
    with consistent_read(source) as (connection, moment):
        for table in tables:
            shape = live_shape(table, shape_of(table, left_out[table.name]))
            compared = {column.name for column in shape.columns}
            skipped = [one.name for one in table.table.columns if one.name not in compared]
            found = compare_and_settle(
                rows_of(connection, table, [column.name for column in shape.columns]),
                lambda cut, table=table: _god_view(open_warehouse, table, cut),  # type: ignore[misc]
                shape,
                limit=limit,
                wait_seconds=wait_seconds,
                positions=lambda table=table: positions_since(open_warehouse, table, moment),  # type: ignore[misc]
            )
            reports.append(TableReport(table.full_name, found, moment.position, tuple(skipped)))
    return reports


@contextlib.contextmanager
def consistent_read(source: Source) -> Iterator[tuple[sqlalchemy.Connection, Moment]]:
    """A connection in a read-only transaction that sees the database as of one moment."""
    if source.url is None:
        message = (
            f"source {source.name!r} has `ddl` and no `url`: there is no database to compare with; "
            "give `url`, or compare with a file: --against FILE.json"
        )
        raise ConfigurationError(message)
    address = make_url(source.url)
    address = address.set(drivername=_DRIVERS.get(address.drivername, address.drivername))
    engine = sqlalchemy.create_engine(
        address,
        poolclass=sqlalchemy.NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"connect_timeout": CONNECT_SECONDS},
    )
    begin = _begin_postgresql if source.dialect == "postgresql" else _begin_mysql
    try:
        with engine.connect() as connection:
            # AUTOCOMMIT, so that the one BEGIN is ours; what is open at the end is rolled back.
            moment = begin(connection)
            yield connection, moment
            connection.exec_driver_sql("ROLLBACK")
    except sqlalchemy.exc.OperationalError as error:
        message = (
            f"the database {address.render_as_string(hide_password=True)} does not answer: "
            f"{error.orig}; check `url`, the user and the network"
        )
        raise UnreachableError(message) from error


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


def positions_since(open_warehouse: Open, table: ConfiguredTable, moment: Moment) -> list[str]:
    """Order keys as of which the god view may have been what the database was, oldest first.

    From just below the first change that may have come after the read: whatever version of a row
    the read saw, it is the row's newest one as of one of these.
    """
    log = table_sql(table.dataset, names.change_log_of(table.name))
    with open_warehouse() as warehouse:
        try:
            known = identities(warehouse, table.dataset)
            low = order_key_of(moment.position, table.source.dialect, known)
        except ConfigurationError:
            # A server that the log has not shown yet: nothing of it is in the warehouse.
            low = LOWEST
        (row,) = warehouse.query(
            render(
                "reconcile_unseen.sql.jinja",
                Relations.of(table),
                low=low,
                xmax=moment.xmax,
                running=[one % 2**32 for one in moment.in_progress],
            )
        ).to_pylist()
        low = min(low, row["lowest"]) if row["lowest"] is not None else low
        rows = warehouse.query(
            sql(
                "SELECT DISTINCT `_order_key` FROM {{ log }} WHERE `_order_key` >= "
                "{{ low | literal }} ORDER BY `_order_key` LIMIT {{ most }}",
                log=log,
                low=low,
                most=MAX_POSITIONS,
            )
        ).to_pylist()
    return [f"{low[:-2]}00", low, *(str(row["_order_key"]) for row in rows)]


def _god_view(open_warehouse: Open, table: ConfiguredTable, cut: str | None) -> ReadRows:
    def read() -> Iterator[pl.DataFrame]:
        with open_warehouse() as warehouse:
            renamed = renamed_of(table, renamed_columns(warehouse, table.dataset))
            yield from god_view(warehouse, table, renamed, cut)()

    return read


def _begin_postgresql(connection: sqlalchemy.Connection) -> Moment:
    position = str(_only(connection, "SELECT pg_current_wal_lsn()::text"))
    connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
    # "xmin:xmax:xip,xip"
    parts = str(_only(connection, "SELECT pg_current_snapshot()::text")).split(":")
    running = tuple(int(one) for one in parts[2].split(",") if one)
    return Moment(position, int(parts[1]), running)


def _begin_mysql(connection: sqlalchemy.Connection) -> Moment:
    connection.exec_driver_sql("SET SESSION time_zone = '+00:00'")
    position = _mysql_position(connection)
    connection.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT")
    return Moment(position)


def _mysql_position(connection: sqlalchemy.Connection) -> str:
    """The GTID set, or without GTIDs the binlog's file and position."""
    for query in ("SELECT @@GLOBAL.gtid_executed", "SELECT @@GLOBAL.gtid_binlog_pos"):
        try:
            gtids = str(_only(connection, query) or "")
        except sqlalchemy.exc.DBAPIError:
            continue  # MariaDB has the other one.
        if gtids:
            return gtids.replace("\n", "")
    for query in ("SHOW BINARY LOG STATUS", "SHOW MASTER STATUS"):
        try:
            row = connection.exec_driver_sql(query).first()
        except sqlalchemy.exc.DBAPIError:
            continue
        if row is not None:
            return f"{row[0]}:{row[1]}"
    return ""


def _only(connection: sqlalchemy.Connection, query: str) -> object:
    return connection.exec_driver_sql(query).scalar()
