"""What a snapshot reads: tables by ranges of their primary keys."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import pyarrow as pa


class ReadColumn(NamedTuple):
    """A column of a source: its name, and its type in the source's words, in lower case."""

    name: str
    source_type: str


class ReadTable(NamedTuple):
    """A table that is read.

    Args:
        name: its name in the warehouse.
        schema: PostgreSQL's schema, MySQL's database; '' is the one that the address names.
        source_table: its name in the source.
        key: the names of the columns whose values identify a row, in the key's order.
    """

    name: str
    schema: str
    source_table: str
    columns: tuple[ReadColumn, ...]
    key: tuple[str, ...]


class KeyRange(NamedTuple):
    """Rows of a table whose key is above `low` and at most `high`; None is no bound.

    The bounds are the key columns' values as texts of the source's.
    """

    table: ReadTable
    low: tuple[str, ...] | None
    high: tuple[str, ...] | None


class RangePlan(NamedTuple):
    """The ranges of a table, which hold each row once, and how many rows they have together."""

    ranges: list[KeyRange]
    row_count: int


class RangeReader(Protocol):
    """Reads ranges, all in one consistent read. Pickles; connects at its first `read`."""

    def read(self, key_range: KeyRange) -> Iterator[pa.Table]:
        """The rows in tables of texts (String), a column a column of the source.

        Raises SnapshotError.
        """

    def close(self) -> None:
        """Ends the reader's connection."""


def ranges_between(table: ReadTable, bounds: Sequence[tuple[str, ...]]) -> list[KeyRange]:
    """The ranges that the bounds cut the table into; one without bounds."""
    edges: list[tuple[str, ...] | None] = [None, *bounds, None]
    return [KeyRange(table, low, high) for low, high in itertools.pairwise(edges)]
