"""The queries of polling: pages in the order of (update time, key), keys, and rows of keys.

Pure: they make SQL, and send none. Names are quoted and values bound; a comparison of rows is
written out, since databases differ in what they make of (a, b) > (c, d).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import FromClause, Select

from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_tables import Shard, TableRequest

ALIAS = "polled"
AFTER, UPTO, KEY, LOW, HIGH, FROM_DAY = "after", "upto", "key_", "low", "high", "from_day"


@dataclasses.dataclass(frozen=True)
class SqlColumn:
    """A column in SQL.

    Args:
        selected: what is asked for.
        order: what is sorted and compared.
        cast: the type by its name that a text is cast to, to be compared with `order`; None binds
            the value as it is.
    """

    name: str
    selected: str
    order: str
    cast: str | None = None

    def expression(self) -> ColumnElement[object]:
        return sa.literal_column(self.order)

    def parameter(self, name: str) -> ColumnElement[object]:
        """A bound value that compares with the column."""
        if self.cast is None:
            return sa.bindparam(name)
        return sa.cast(sa.bindparam(name, type_=sa.String()), _NamedType(self.cast))


class _NamedType(sa.types.UserDefinedType[object]):
    """A type of the database by its name; values are bound as texts."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        return self.name


@dataclasses.dataclass(frozen=True)
class TableSql:
    """A polled table in SQL.

    Args:
        source: the table, or the query as a subquery.
        updated: `selected` are microseconds, or what the client makes them of.
        zero_times: whether a time may be zero, which sorts before all others and is none.
        day: a text column that sorts by its day, for SQLite: the expression by which it is found
            with an index.
    """

    source: FromClause
    columns: tuple[SqlColumn, ...]
    key: tuple[SqlColumn, ...]
    updated: SqlColumn
    shard_column: str | None = None
    index: str | None = None
    day: str | None = None
    zero_times: bool = False

    def _select(self, columns: Sequence[SqlColumn]) -> Select[Any]:
        # Names that no table has: ORDER BY takes what is selected before the column of that name.
        chosen: list[ColumnElement[object]] = [
            sa.literal_column(column.selected).label(f"audit_{number}")
            for number, column in enumerate((*columns, self.updated))
        ]
        select: Any = sa.select
        query: Select[Any] = select(*chosen).select_from(self.source)
        if self.index is not None:
            query = query.with_hint(self.source, f"FORCE INDEX ({self.index})")
        return query

    def _within(self, shard: Shard) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if self.shard_column is None:
            return conditions
        column: ColumnElement[int] = sa.literal_column(self.shard_column)
        if shard.low is not None:
            conditions.append(column >= sa.bindparam(LOW, shard.low, sa.BigInteger()))
        if shard.high is not None:
            conditions.append(column <= sa.bindparam(HIGH, shard.high, sa.BigInteger()))
        return conditions

    def page(self, shard: Shard, *, after: bool, after_key: bool, rows: int) -> Select[Any]:
        """Rows up to the parameter `upto`, in order.

        Args:
            after: only rows from the time `after` on; with `after_key` only those behind
                (`after`, `key_0`, `key_1`, ...).
        """
        time = self.updated.expression()
        upto = self.updated.parameter(UPTO)
        conditions: list[ColumnElement[bool]] = [time.is_not(None), time <= upto]
        if after:
            lower = self.updated.parameter(AFTER)
            conditions.append(time >= lower)
            if self.day is not None:
                conditions.append(sa.literal_column(self.day) >= sa.bindparam(FROM_DAY))
            if after_key:
                behind = sa.and_(time == self.updated.parameter(AFTER), self.behind_key())
                conditions.append(sa.or_(time > self.updated.parameter(AFTER), behind))
        order = [time, *(column.expression() for column in self.key)]
        query = self._select(self.columns).where(*conditions, *self._within(shard))
        return query.order_by(*order).limit(rows)

    def behind_key(self) -> ColumnElement[bool]:
        """(a, b, c) > (key_0, key_1, key_2), written out."""
        condition: ColumnElement[bool] | None = None
        for number in reversed(range(len(self.key))):
            column, name = self.key[number], f"{KEY}{number}"
            more = column.expression() > column.parameter(name)
            if condition is None:
                condition = more
            else:
                same = column.expression() == column.parameter(name)
                condition = sa.or_(more, sa.and_(same, condition))
        assert condition is not None  # noqa: S101  # a table that is polled has a key
        return condition

    def keys(self, shard: Shard, *, after_key: bool, rows: int) -> Select[Any]:
        """Keys and update times in the order of keys, behind (`key_0`, ...) with `after_key`."""
        conditions = self._within(shard)
        if after_key:
            conditions.append(self.behind_key())
        order = [column.expression() for column in self.key]
        return self._select(self.key).where(*conditions).order_by(*order).limit(rows)

    def rows(self, count: int) -> Select[Any]:
        """The rows of `count` keys: parameters `key_0_0`, `key_0_1` (row 0), `key_1_0`, ..."""
        if len(self.key) == 1:
            column = self.key[0]
            values = [column.parameter(f"{KEY}{row}_0") for row in range(count)]
            return self._select(self.columns).where(column.expression().in_(values))
        rows = [
            sa.and_(
                *(
                    column.expression() == column.parameter(f"{KEY}{row}_{number}")
                    for number, column in enumerate(self.key)
                )
            )
            for row in range(count)
        ]
        return self._select(self.columns).where(sa.or_(*rows))

    def without_time(self, rows: int) -> Select[Any]:
        """How many rows, `rows` at most, no poll will ever see."""
        some: Select[Any] = sa.select(sa.literal_column("1").label("one")).select_from(self.source)
        time = self.updated.expression()
        none: ColumnElement[bool] = time.is_(None)
        if self.zero_times:
            none = sa.or_(none, time < sa.literal_column("'0001-01-01'"))
        some = some.where(none).limit(rows)
        return sa.select(sa.func.count()).select_from(some.subquery("some"))

    def outside_shards(self, rows: int) -> Select[Any]:
        """How many rows, `rows` at most, are in no shard."""
        assert self.shard_column is not None  # noqa: S101  # asked for tables with shards alone
        column: ColumnElement[object] = sa.literal_column(self.shard_column)
        some: Select[Any] = sa.select(sa.literal_column("1").label("one")).select_from(self.source)
        some = some.where(column.is_(None)).limit(rows)
        return sa.select(sa.func.count()).select_from(some.subquery("some"))


def source_of(request: TableRequest, kind: str) -> FromClause:
    """What is read: the table, or the query as a subquery.

    Raises AuditError for an index that cannot be forced.
    """
    schema, _, name = request.name.rpartition(".")
    if request.index is not None:
        _check_index(request, kind)
    if request.query is not None:
        # A colon in it is no parameter of ours.
        text = request.query.strip().rstrip("; \n").replace(":", "\\:")
        return sa.text(text).columns().subquery(ALIAS)
    return sa.table(name, schema=schema or None)


def _check_index(request: TableRequest, kind: str) -> None:
    if kind not in ("mysql", "mariadb"):
        message = (
            f"{request.name}: index {request.index!r} cannot be forced: {kind} has no such hint; "
            "leave it out, and see with EXPLAIN which index is taken"
        )
        raise AuditError(message)
    if request.query is not None:
        message = (
            f"{request.name}: index {request.index!r} besides a query; write FORCE INDEX into the "
            "query"
        )
        raise AuditError(message)
