"""Tables that are polled by an update timestamp: what is asked for, and who answers.

Whoever reads a database (`AuditDatabase`) knows its SQL and its open transactions; whoever polls
(`audit_poll`) knows cursors, versions and the order of changes. These are the words between them.

Times are microseconds since 1970 in UTC, whatever the column's type and zone are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Protocol, TypeAlias

import pyarrow as pa

from pipeline_io.audit_errors import AuditError

UPDATED_US = "_updated_us"
"""The column that batches carry besides the table's: its update time, INT64, NULL where it is."""

UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}
"""Units of an update column of integers, in microseconds."""

KeyValue: TypeAlias = object
"""A value of a key column as Python has it: int, str, bytes, Decimal, datetime, ..."""


@dataclasses.dataclass(frozen=True)
class TableRequest:
    """A table that somebody wants to poll.

    Args:
        name: `table` or `schema.table` as the database spells it.
        updated: the column that each insert and update moves.
        key: columns that identify a row; empty for the primary key.
        query: SELECT that gives the rows, read as a subquery; None for all columns of the table.
        index: an index that the database is told to use (MySQL, MariaDB, Spanner).
        shard_column: an integer column that cuts the table, or None.
        shards: in how many parts, and the lowest and highest value of `shard_column`; the first
            part has all values below as well, the last one all above.
        overlap_seconds: how far each poll goes back behind the last one, for clocks that differ
            and step back. At least the time between two polls.
        updated_unit: `s`, `ms` or `us` where the column holds integers since 1970.

    Raises AuditError.
    """

    name: str
    updated: str
    key: tuple[str, ...] = ()
    query: str | None = None
    index: str | None = None
    shard_column: str | None = None
    shards: tuple[int, int, int] | None = None
    overlap_seconds: float = 120.0
    updated_unit: str | None = None

    def __post_init__(self) -> None:
        if not self.name or not self.updated:
            message = f"table {self.name!r}, update column {self.updated!r}: give both"
            raise AuditError(message)
        if self.overlap_seconds < 0:
            message = (
                f"{self.name}: overlap_seconds is {self.overlap_seconds!r}; expected 0 or more"
            )
            raise AuditError(message)
        if (self.shards is None) != (self.shard_column is None):
            message = f"{self.name}: shard_column and shards are given together or not at all"
            raise AuditError(message)
        if self.shards is not None:
            count, low, high = self.shards
            if not 1 <= count <= high - low + 1:
                message = (
                    f"{self.name}: shards is {self.shards!r}; expected (count, lowest, highest) "
                    "with at least one value for each shard"
                )
                raise AuditError(message)
        if self.updated_unit is not None and self.updated_unit not in UNITS:
            message = (
                f"{self.name}: updated_unit is {self.updated_unit!r}; expected {', '.join(UNITS)}"
            )
            raise AuditError(message)

    @property
    def overlap_us(self) -> int:
        return round(self.overlap_seconds * 1_000_000)


@dataclasses.dataclass(frozen=True)
class Shard:
    """Part `number` of `of`: `shard_column BETWEEN low AND high`; an end that is None is open."""

    number: int = 0
    of: int = 1
    low: int | None = None
    high: int | None = None

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def shards_of(request: TableRequest) -> tuple[Shard, ...]:
    """The parts of the table, of nearly equal ranges; the outer ends are open, so that no value
    falls outside."""
    if request.shards is None:
        return (Shard(),)
    count, low, high = request.shards
    cuts = [low + (high - low + 1) * number // count for number in range(count + 1)]
    return tuple(
        Shard(
            number,
            count,
            None if number == 0 else cuts[number],
            None if number == count - 1 else cuts[number + 1] - 1,
        )
        for number in range(count)
    )


@dataclasses.dataclass(frozen=True)
class PolledTable:
    """A table as its database describes it now.

    Args:
        schema: None where the database has none beside its own name.
        columns: Arrow types; a field's metadata has `connect.name` where the type alone does not
            tell what it is (`io.debezium.data.Json`). Nullable as at the source.
        key, updated: names of columns.
        request: what was asked for.
        warnings: what works but not well, each with its remedy: no index, rows with NULL.
        source_types: the database's own words for the columns' types, in their order.
    """

    schema: str | None
    name: str
    columns: pa.Schema
    key: tuple[str, ...]
    updated: str
    request: TableRequest
    warnings: tuple[str, ...] = ()
    source_types: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """`schema.table`, or `table`."""
        return f"{self.schema}.{self.name}" if self.schema else self.name

    def with_updated_us(self) -> pa.Schema:
        """The schema of batches of rows: the columns and `_updated_us`."""
        return self.columns.append(pa.field(UPDATED_US, pa.int64()))

    def key_schema(self) -> pa.Schema:
        """The schema of batches of keys: the key columns and `_updated_us`."""
        fields = [self.columns.field(name) for name in self.key]
        return pa.schema([*fields, pa.field(UPDATED_US, pa.int64())])


@dataclasses.dataclass(frozen=True)
class Cursor:
    """A place in the order (update time, key). An empty key stands before all rows of its time."""

    us: int
    key: tuple[KeyValue, ...] = ()


@dataclasses.dataclass(frozen=True)
class Bound:
    """Up to where a table may be read now.

    Args:
        us: every row with an update time of at most this, that will ever be committed, is visible.
        why: what holds it back, for people.
        now_us: the database's clock when the bound was taken.
    """

    us: int
    why: str
    now_us: int


class AuditDatabase(Protocol):
    """A database whose tables can be polled. Every method may raise AuditError."""

    def describe(self, request: TableRequest) -> PolledTable:
        """The table as it is now; says what is missing, with the nearest names."""

    def unseen(self, table: PolledTable) -> list[str]:
        """What no poll will ever see, told for people: rows without an update time, rows that are
        in no shard. Empty when there is nothing to say; asked once, at the start."""

    def upper_bound(self, last_us: int | None = None) -> Bound:
        """Up to where every table may be read.

        Args:
            last_us: the bound of the last finished poll, for transactions whose start the
                database does not tell: they began after it.
        """

    def changed(
        self, table: PolledTable, shard: Shard, after: Cursor | None, upto_us: int
    ) -> Iterator[pa.RecordBatch]:
        """Rows after the cursor with an update time of at most `upto_us`, in the order of
        (update time, key), as `table.with_updated_us()`; a page of one query each."""

    def keys(self, table: PolledTable, shard: Shard) -> Iterator[pa.RecordBatch]:
        """All keys with their update times, as `table.key_schema()`, each key once, as of one
        moment. Closing the iterator ends the read."""

    def rows(self, table: PolledTable, keys: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that have these keys now, in whatever shard, as `table.with_updated_us()`.

        Args:
            keys: the key columns, a page of them at most.
        """

    def close(self) -> None: ...
