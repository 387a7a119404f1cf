"""Databases that SQLAlchemy knows, polled by an update timestamp.

Of PostgreSQL, MySQL and MariaDB it is known which transactions are open; of others it is not, and
they are read up to their clock less the overlap.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import pyarrow as pa
import sqlalchemy as sa

from pipeline_io.audit_bound import overlap_bound
from pipeline_io.audit_bound_mysql import MysqlBound
from pipeline_io.audit_bound_postgresql import PostgresqlBound
from pipeline_io.audit_clock import FIRST_US, UTC, time_text, utc_us, zone_of
from pipeline_io.audit_describe import describe_table
from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_plan import Plan, plan_of
from pipeline_io.audit_query_columns import query_readings
from pipeline_io.audit_readings import Reading, column_array
from pipeline_io.audit_session import one_moment, polling_engine
from pipeline_io.audit_sql import AFTER, FROM_DAY, KEY, UPTO
from pipeline_io.audit_tables import (
    UPDATED_US,
    Bound,
    Cursor,
    PolledTable,
    Shard,
    TableRequest,
)
from pipeline_io.database import DEFAULT_RETRY, Database, DatabaseError, RetryPolicy, with_retries

PAGE_ROWS = 5_000
_KEYS_A_QUERY = 500
_MOST_COUNTED = 1_000
# The moment that a broken connection saw is gone with it.
_ONCE = RetryPolicy(attempts=1)
_T = TypeVar("_T")


class SqlAuditDatabase:
    """An `AuditDatabase` over SQLAlchemy. Its sessions only read.

    Args:
        zone: whose clocks columns without a time zone show.
        readers: database users that only read: their transactions hold nothing back.
        transactions: `required` reads below the oldest open transaction, and refuses where it
            cannot be seen; `ignored` reads up to the clock less `overlap_seconds`.
        overlap_seconds: of databases whose transactions are not seen.
        page_rows: rows a query gives, which is what is held in memory.
        clock: microseconds since 1970, in place of the database's own clock.

    Raises AuditError.
    """

    def __init__(
        self,
        database: Database,
        *,
        zone: str = UTC,
        readers: Sequence[str] = (),
        transactions: str = "required",
        overlap_seconds: float = 120.0,
        page_rows: int = PAGE_ROWS,
        retry: RetryPolicy = DEFAULT_RETRY,
        clock: Callable[[], int] | None = None,
    ) -> None:
        if transactions not in ("required", "ignored"):
            message = f"transactions is {transactions!r}; expected 'required' or 'ignored'"
            raise AuditError(message)
        if page_rows < 1:
            message = f"page_rows is {page_rows!r}; expected at least 1"
            raise AuditError(message)
        self._database = database
        self._zone = zone_of(zone)
        self._overlap_us = round(overlap_seconds * 1_000_000)
        self._page_rows = page_rows
        self._retry = retry
        self._clock = clock
        self._plans: dict[TableRequest, Plan] = {}
        self._kind = database.kind
        self._transactions: PostgresqlBound | MysqlBound | None = None
        if transactions == "required" and self._kind == "postgresql":
            self._transactions = PostgresqlBound(readers)
        elif transactions == "required" and self._kind in ("mysql", "mariadb"):
            self._transactions = MysqlBound(readers)
        self._engine = polling_engine(database)

    def describe(self, request: TableRequest) -> PolledTable:
        """The table as it is now, with warnings of a missing index and of rows without a time."""

        def work() -> Plan:
            with self._engine.connect() as connection:
                description = describe_table(connection, request)
                readings = description.readings
                if request.query is not None:
                    readings = query_readings(connection, request.query, readings)
                quote = connection.dialect.identifier_preparer.quote_identifier
                return plan_of(request, description, readings, self._kind, quote, self._zone)

        plan = self._tried(work, f"table {request.name}")
        self._plans[request] = plan
        return plan.table

    def unseen(self, table: PolledTable) -> list[str]:
        """What no poll will ever see: rows without an update time, and those in no shard."""
        plan = self._plan(table)
        told: list[str] = []
        count = self._rows_of(plan, plan.sql.without_time(_MOST_COUNTED), {})[0][0]
        if count:
            told.append(
                f"{table.label}: rows without {table.updated!r} (NULL, or no time): "
                f"{_counted(count)}; polls never see them, only sweeps do; make it NOT NULL"
            )
        if plan.sql.shard_column is not None:
            count = self._rows_of(plan, plan.sql.outside_shards(_MOST_COUNTED), {})[0][0]
            if count:
                told.append(
                    f"{table.label}: rows without {table.request.shard_column!r}: "
                    f"{_counted(count)}; they are in no shard and nothing reads them; make it "
                    "NOT NULL"
                )
        return told

    def upper_bound(self, last_us: int | None = None) -> Bound:
        """Up to where tables may be read now."""

        def work() -> Bound:
            with self._engine.connect() as connection:
                # Each statement on its own: what a transaction has seen once it sees again.
                connection = connection.execution_options(isolation_level="AUTOCOMMIT")
                if self._transactions is not None:
                    return self._transactions.read(connection, last_us)
                reason = f"{self._kind} does not tell which transactions are open"
                if self._kind in ("postgresql", "mysql", "mariadb"):
                    reason = "open transactions are ignored"
                now_us = (
                    self._clock() if self._clock is not None else _clock_us(connection, self._zone)
                )
                return overlap_bound(now_us, self._overlap_us, reason)

        return self._tried(work, "the open transactions")

    def changed(
        self, table: PolledTable, shard: Shard, after: Cursor | None, upto_us: int
    ) -> Iterator[pa.RecordBatch]:
        """Pages of rows after the cursor, up to `upto_us`, in the order of (time, key)."""
        plan = self._plan(table)
        update = plan.update
        lower, upper = update.range_of(after.us if after is not None else None, upto_us)
        parameters: dict[str, object] = {UPTO: update.upper(upper)}
        has_key = after is not None and bool(after.key)
        if after is not None and lower is not None:
            lower = update.wall(after.us) if has_key else lower
            parameters |= _from(plan, lower)
            parameters |= {f"{KEY}{at}": value for at, value in enumerate(after.key)}
        elif update.zero_times:
            parameters |= _from(plan, FIRST_US)
        while True:
            query = plan.sql.page(
                shard, after=AFTER in parameters, after_key=has_key, rows=self._page_rows
            )
            rows = self._rows_of(plan, query, parameters)
            if not rows:
                return
            batch, wall = _batch(plan, plan.readings, rows)
            yield batch
            if len(rows) < self._page_rows:
                return
            parameters |= _from(plan, wall[-1].as_py())
            last = plan.key_parameters(batch, len(rows) - 1)
            parameters |= {f"{KEY}{at}": value for at, value in enumerate(last)}
            has_key = True

    def keys(self, table: PolledTable, shard: Shard) -> Iterator[pa.RecordBatch]:
        """Pages of all keys with their update times, as of one moment."""
        plan = self._plan(table)
        what = f"the keys of {plan.table.label}"
        with one_moment(self._engine) as connection:
            parameters: dict[str, object] = {}
            while True:
                query = plan.sql.keys(shard, after_key=bool(parameters), rows=self._page_rows)
                fetch = functools.partial(_fetch, connection, query, parameters)
                rows = self._tried(fetch, what, _ONCE)
                if not rows:
                    return
                batch, _ = _batch(plan, plan.key, rows)
                yield batch
                if len(rows) < self._page_rows:
                    return
                last = plan.key_parameters(batch, len(rows) - 1)
                parameters = {f"{KEY}{at}": value for at, value in enumerate(last)}

    def rows(self, table: PolledTable, keys: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that have these keys now."""
        plan = self._plan(table)
        found: list[Any] = []
        for start in range(0, keys.num_rows, _KEYS_A_QUERY):
            count = min(_KEYS_A_QUERY, keys.num_rows - start)
            parameters = {
                f"{KEY}{row}_{at}": value
                for row in range(count)
                for at, value in enumerate(plan.key_parameters(keys, start + row))
            }
            found += self._rows_of(plan, plan.sql.rows(count), parameters)
        return _batch(plan, plan.readings, found)[0]

    def close(self) -> None:
        self._engine.dispose()

    def _plan(self, table: PolledTable) -> Plan:
        if table.request not in self._plans:
            self.describe(table.request)
        return self._plans[table.request]

    def _rows_of(
        self, plan: Plan, query: sa.Select[Any], parameters: dict[str, object]
    ) -> Sequence[Any]:
        def work() -> Sequence[Any]:
            with self._engine.connect() as connection:
                return _fetch(connection, query, parameters)

        return self._tried(work, plan.table.label)

    def _tried(self, work: Callable[[], _T], what: str, retry: RetryPolicy | None = None) -> _T:
        """What `work` returns, tried again while the database is away."""
        try:
            return with_retries(work, self._database, what, retry or self._retry)
        except DatabaseError as error:
            raise AuditError(str(error)) from error.__cause__


def _fetch(
    connection: sa.Connection, query: sa.Select[Any], parameters: dict[str, object]
) -> Sequence[Any]:
    return connection.execute(query, parameters).all()


def _from(plan: Plan, wall: int) -> dict[str, object]:
    found = {AFTER: plan.update.lower(wall)}
    if plan.update.day is not None:
        # A day earlier: a text may be in any zone.
        found[FROM_DAY] = time_text(wall - 86_400_000_000)[:10]
    return found


def _batch(
    plan: Plan, readings: Sequence[Reading], rows: Sequence[Any]
) -> tuple[pa.RecordBatch, pa.Array[Any]]:
    """The rows with `_updated_us`, and their times on the column's own clock."""
    values = list(zip(*rows, strict=True)) if rows else [()] * (len(readings) + 1)
    label = plan.table.label
    arrays = [
        column_array(reading, column, label)
        for reading, column in zip(readings, values, strict=False)
    ]
    wall = plan.update.wall_times(values[-1])
    fields = [reading.field for reading in readings]
    for reading, array in zip(readings, arrays, strict=True):
        if array.null_count and reading.field.name in plan.table.key:
            message = (
                f"{label}: {array.null_count} rows have no {reading.field.name!r}, which is part "
                "of the key; name other key columns, or leave such rows out by a query"
            )
            raise AuditError(message)
    schema = pa.schema([*fields, pa.field(UPDATED_US, pa.int64())])
    arrays.append(plan.update.instants(wall))
    return pa.RecordBatch.from_arrays(arrays, schema=schema), wall


def _counted(count: int) -> str:
    return f"{count} or more" if count >= _MOST_COUNTED else str(count)


def _clock_us(connection: sa.Connection, zone: str) -> int:
    """The database's clock in microseconds since 1970."""
    if connection.dialect.name == "sqlite":
        return time.time_ns() // 1_000  # the file has no server: its clock is this machine's
    now = connection.execute(sa.select(sa.func.current_timestamp())).scalar_one()
    with contextlib.suppress(AttributeError, TypeError, pa.ArrowException):
        if now.tzinfo is not None:
            times = pa.array([now], pa.timestamp("us", UTC)).cast(pa.int64())
        else:
            times = utc_us(pa.array([now], pa.timestamp("us")).cast(pa.int64()), zone)
        found: int = times[0].as_py()
        return found
    message = f"CURRENT_TIMESTAMP is {now!r}; expected a timestamp: this database cannot be polled"
    raise AuditError(message)
