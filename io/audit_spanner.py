"""A database of Spanner whose tables are polled (pipeline_io.audit_tables.AuditDatabase)."""

from __future__ import annotations

import calendar
import contextlib
import datetime
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from google.api_core.datetime_helpers import DatetimeWithNanoseconds

from pipeline_io import audit_spanner_sql as sql
from pipeline_io.audit_errors import AuditError, SchemaChanged
from pipeline_io.audit_spanner_table import described
from pipeline_io.audit_tables import (
    UNITS,
    UPDATED_US,
    Bound,
    Cursor,
    PolledTable,
    Shard,
    TableRequest,
)
from pipeline_io.spanner_answer import Answer
from pipeline_io.spanner_columns import column_of, microseconds, values_of
from pipeline_io.spanner_config import SpannerConfig
from pipeline_io.spanner_errors import SpannerError, SpannerSchemaError
from pipeline_io.spanner_session import SpannerSession

PAGE_ROWS = 5_000
"""Rows of a page: of usual ones a few megabytes."""

# Spanner keeps old versions of rows for an hour unless it was told otherwise.
_OLDEST_READ_SECONDS = 1_800.0
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MICROSECONDS = 1_000_000
_NANOSECONDS = 1_000


class SpannerAudit:
    """Polls tables of a database in GoogleSQL. May be used by several threads.

    Why a commit timestamp misses nothing: Spanner gives commits times in the order in which they
    become visible. A strong read tells the time that it was done at; every commit up to that time
    is visible, and every later commit gets a later time. So the bound of a poll is the time of a
    strong read, and the poll's pages are read as of that very time: together one consistent read.
    """

    def __init__(
        self,
        config: SpannerConfig,
        page_rows: int = PAGE_ROWS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = SpannerSession(config)
        self._page_rows = page_rows
        self._clock = clock

    def describe(self, request: TableRequest) -> PolledTable:
        """The table as it is now; raises AuditError for what is missing, or cannot be polled."""
        what = f"the table {request.name!r} cannot be described"
        with _told():
            dialect = self._session.read(what, _DIALECT)
            if "POSTGRESQL" in dialect.texts("option_value"):
                message = (
                    f"{self._session.config} is of the PostgreSQL dialect, whose SQL is not "
                    "spoken here; read its change streams, or a database in GoogleSQL"
                )
                raise AuditError(message)
            return described(
                lambda text, parameters: self._session.read(what, text, parameters),
                request,
                str(self._session.config),
            )

    def unseen(self, table: PolledTable) -> list[str]:
        """What no poll will ever see: rows without an update time. A row without a shard is read
        with the first one."""
        if not table.columns.field(table.updated).nullable:
            return []
        answer = self._read(
            table, f"{table.label} cannot be counted", sql.without_time(table), None
        )
        count = int(answer.texts("rows")[0] or 0)
        if not count:
            return []
        many = f"{sql.MOST_COUNTED} or more" if count >= sql.MOST_COUNTED else str(count)
        return [
            f"{table.label}: rows without {table.updated!r}: {many}; polls never see them, only "
            "sweeps do; make it NOT NULL"
        ]

    def upper_bound(self, last_us: int | None = None) -> Bound:
        """The time of a strong read. `last_us` is not needed: Spanner's order is enough."""
        with _told():
            answer = self._session.read("the time of a read cannot be asked for", "SELECT 1")
        read_at = answer.read_timestamp
        if read_at is None:
            message = f"{self._session.config} does not tell the time of a read"
            raise AuditError(message)
        us, rest = divmod(_nanoseconds(read_at), _NANOSECONDS)
        # The microsecond that it is in may have commits after it.
        bound = us - 1 if rest else us
        why = "the time of a strong read: every commit up to it is visible, later ones get later"
        return Bound(us=bound, why=why, now_us=us)

    def changed(
        self, table: PolledTable, shard: Shard, after: Cursor | None, upto_us: int
    ) -> Iterator[pa.RecordBatch]:
        """Rows after the cursor, as of the time of the bound `upto_us`, in the order of (update
        time, key); a page of one query each.

        An update time with nanoseconds is cut in the cursor, and of its microsecond the rows come
        again: none is left out.
        """
        what = f"{table.label} cannot be polled"
        place = None if after is None else sql.place_of(table, after)
        while True:
            page = sql.changed(table, shard, place, upto_us, self._page_rows)
            answer = self._read(table, what, page, self._moment(upto_us))
            if len(answer):
                yield self._batch(table, answer, table.columns)
            if len(answer) < self._page_rows:
                return
            place = _last(answer, (table.updated, *table.key))

    def keys(self, table: PolledTable, shard: Shard) -> Iterator[pa.RecordBatch]:
        """All keys with their update times in the order of keys, as of one moment: that of the
        first page."""
        what = f"the keys of {table.label} cannot be read"
        place: sql.Place | None = None
        at: datetime.datetime | None = None
        columns = pa.schema([table.columns.field(name) for name in table.key])
        while True:
            page = sql.keys(table, shard, place, self._page_rows)
            answer = self._read(table, what, page, at)
            at = at or answer.read_timestamp
            if len(answer):
                yield self._batch(table, answer, columns)
            if len(answer) < self._page_rows:
                return
            place = _last(answer, table.key)

    def rows(self, table: PolledTable, keys: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that have these keys now."""
        if not keys.num_rows:
            return pa.RecordBatch.from_pylist([], schema=table.with_updated_us())
        columns = [
            values_of(keys.column(name), sql.type_of_column(table, name)) for name in table.key
        ]
        statement = sql.rows(table, list(zip(*columns, strict=True)))
        answer = self._read(table, f"rows of {table.label} cannot be read", statement, None)
        return self._batch(table, answer, table.columns)

    def close(self) -> None:
        self._session.close()

    def _read(
        self,
        table: PolledTable,
        what: str,
        statement: sql.Statement,
        at: datetime.datetime | None,
    ) -> Answer:
        with _told(table):
            return self._session.read(what, statement.sql, statement.parameters, at=at)

    def _moment(self, bound_us: int) -> datetime.datetime | None:
        """When a poll up to a bound is read; None for now: of an old bound Spanner may not have
        the versions any more. Rows that were changed since are beyond the bound then, and come by
        the next poll."""
        age = self._clock() - bound_us / _MICROSECONDS
        if not 0 <= age <= _OLDEST_READ_SECONDS:
            return None
        return _EPOCH + datetime.timedelta(microseconds=bound_us)

    def _batch(self, table: PolledTable, answer: Answer, columns: pa.Schema) -> pa.RecordBatch:
        by_name = dict(zip(answer.names, answer.columns, strict=True))
        arrays = [
            column_of(by_name[name], sql.type_of_column(table, name)) for name in columns.names
        ]
        updated = column_of(by_name[table.updated], sql.type_of_column(table, table.updated))
        updated_us: pa.Array[Any] = (
            microseconds(updated) if updated.type == pa.utf8() else _in_microseconds(table, updated)
        )
        schema = columns.append(pa.field(UPDATED_US, pa.int64()))
        return pa.RecordBatch.from_arrays([*arrays, updated_us], schema=schema)


_DIALECT = (
    "SELECT option_value FROM information_schema.database_options "
    "WHERE option_name = 'database_dialect'"
)


def _in_microseconds(table: PolledTable, updated: pa.Array[Any]) -> pa.Array[Any]:
    found: pa.Array[Any] = pc.multiply(updated, UNITS[table.request.updated_unit or "us"])
    return found


def _last(answer: Answer, order: tuple[str, ...]) -> sql.Place:
    return sql.Place(tuple(answer.columns[answer.names.index(name)][-1] for name in order))


def _nanoseconds(at: DatetimeWithNanoseconds) -> int:
    return calendar.timegm(at.utctimetuple()) * 1_000_000_000 + int(at.nanosecond)


@contextlib.contextmanager
def _told(table: PolledTable | None = None) -> Iterator[None]:
    """Errors of Spanner as those of polling."""
    try:
        yield
    except SpannerSchemaError as error:
        raise (AuditError if table is None else SchemaChanged)(str(error)) from error
    except SpannerError as error:
        raise AuditError(str(error)) from error
