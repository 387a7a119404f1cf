"""Lookup joins: the columns of a database's table for the keys of a batch.

Keys are compared as values of the stream's key type, exactly (transforms/lookup_fetch.py). A null
in a key matches nothing, and neither does NaN.
"""

import dataclasses
import logging
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
from polars import selectors

from transforms.lookup_cache import ABSENT, CachePolicy, Integers, LookupCache, row_numbers
from transforms.lookup_fetch import LookupKeyError, LookupSource, fetch_rows
from transforms.lookup_values import LookupValueError, converter

__all__ = [
    "Arrays",
    "CachePolicy",
    "Counters",
    "Joined",
    "Lookup",
    "LookupFailure",
    "LookupKeyError",
    "LookupSource",
    "LookupValueError",
]

_LOGGER = logging.getLogger(__name__)


class LookupFailure(NamedTuple):
    """Why the input row at `position` has no outcome."""

    position: int
    error_class: str
    message: str


class Joined(NamedTuple):
    """Rows of a join: row i is input row `positions[i]` beside `values` row i, in input order."""

    positions: pl.Series
    values: pl.DataFrame
    failures: list[LookupFailure]  # these input rows are not in positions


class Arrays(NamedTuple):
    """One List(Struct) a row; empty when the key has no rows, null for the rows in failures."""

    values: pl.Series
    failures: list[LookupFailure]


@dataclasses.dataclass
class Counters:
    """What a lookup did since it was made; the caller turns differences into metrics."""

    hits: int = 0  # distinct keys of a batch that the cache knew
    fetched_keys: int = 0  # distinct keys of a batch that the database was asked for
    misses: int = 0  # input rows whose key has no row (null keys included)
    unmatched_rows: int = 0  # rows of the database whose key is none of those asked for
    queries: int = 0
    retries: int = 0


class _Found(NamedTuple):
    """The distinct keys of a batch, with one more at the end that stands for null keys."""

    codes: Integers  # the key of each input row
    starts: Integers
    counts: Integers
    rows: pl.DataFrame  # row 0 is all null
    errors: dict[int, Exception]  # by key; such a key has no rows


class Lookup:
    """Joins batches with a `LookupSource`, remembering rows as the policy says.

    Use it as a context manager around the batches (a DoFn's setup and teardown). It pickles while
    not entered. Not for several threads at once: one for each DoFn instance.

    Args:
        keys: name and type of each key column, in the order of the frames and of the source.
        columns: name and type of each wanted column, in the order of the source.
        clock: seconds that only grow.

    Raises TypeError for a column type that no lookup can have, ValueError without columns.
    Batches raise what the source raises when the database is gone or refuses the query.
    """

    def __init__(
        self,
        source: LookupSource,
        keys: Mapping[str, pl.DataType],
        columns: Mapping[str, pl.DataType],
        policy: CachePolicy,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not keys or not columns:
            message = f"{source.name}: keys {keys!r}, columns {columns!r}; expected one of each"
            raise ValueError(message)
        for dtype in (*keys.values(), *columns.values()):
            converter(dtype)
        self.source = source
        self.keys = dict(keys)
        self.columns = dict(columns)
        self.policy = policy
        self.clock = clock
        self.counters = Counters()
        self._cache: LookupCache | None = None
        self._told_unmatched = False

    def __enter__(self) -> "Lookup":
        self.source.__enter__()
        self._cache = LookupCache(self.policy, self.columns, self.clock)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._cache = None
        self.source.__exit__(exc_type, exc, traceback)

    def join(self, keys: pl.DataFrame, keep_misses: bool) -> Joined:
        """The looked up rows beside the input rows; an input row appears once a row of its key.

        Args:
            keys: the key columns, with the declared types in the declared order.
            keep_misses: LEFT JOIN: an input row without rows appears once with nulls.
        """
        found = self._find(keys)
        counts = found.counts[found.codes]
        if keep_misses:
            counts = np.maximum(counts, 1)
            if found.errors:
                counts[np.isin(found.codes, list(found.errors))] = 0
        positions = np.repeat(np.arange(keys.height), counts)
        numbers = row_numbers(found.starts[found.codes], counts)
        return Joined(
            pl.Series("position", positions, dtype=pl.UInt32),
            found.rows[numbers],
            list(_failures(found)),
        )

    def arrays(self, keys: pl.DataFrame) -> Arrays:
        """The rows of each input row's key as one List(Struct) value."""
        found = self._find(keys)
        items = found.rows[row_numbers(found.starts, found.counts)].to_struct("item").to_arrow()
        offsets = np.append(0, np.cumsum(found.counts))
        dtype = pl.List(pl.Struct(self.columns))
        lists = pl.Series(
            "rows", pa.LargeListArray.from_arrays(pa.array(offsets), items), dtype=dtype
        )
        codes = pl.Series(found.codes)
        if found.errors:
            codes = codes.set(codes.is_in(list(found.errors)), None)
        return Arrays(lists.gather(codes), list(_failures(found)))

    def _find(self, keys: pl.DataFrame) -> _Found:
        if self._cache is None:
            message = f"the lookup of {self.source.name} is not open; use it in a with statement"
            raise RuntimeError(message)
        codes, unique = self._distinct(keys)
        values: Sequence[Hashable] = (
            unique.to_series().to_list() if unique.width == 1 else unique.rows()
        )
        spans = self._cache.find(values)
        absent = np.flatnonzero(spans.counts == ABSENT)
        rows = self._cache.rows
        starts, counts = spans
        errors: dict[int, Exception] = {}
        if len(absent):
            fetched = [values[number] for number in absent.tolist()]
            new_counts, new_rows, new_errors, unmatched = fetch_rows(
                self.source, fetched, self.keys, self.columns
            )
            self._tell_unmatched(unmatched)
            starts[absent] = rows.height + np.cumsum(new_counts) - new_counts
            counts[absent] = new_counts
            errors = {int(absent[number]): error for number, error in new_errors.items()}
            rows = pl.concat([rows, new_rows])
            kept = new_counts >= (0 if self.policy.cache_misses else 1)
            # A key that failed is asked for again: its row may be repaired meanwhile.
            kept[list(new_errors)] = False
            kept_keys = [fetched[number] for number in np.flatnonzero(kept).tolist()]
            self._cache.add(kept_keys, new_counts[kept], new_rows)
        # Row 0 of the rows is all null: where keys without rows point.
        starts = np.append(np.where(counts == 0, 0, starts), 0)
        counts = np.append(counts, 0)
        found = _Found(codes, starts, counts, rows, errors)
        self._count(found, len(absent))
        return found

    def _distinct(self, keys: pl.DataFrame) -> tuple[Integers, pl.DataFrame]:
        """Each row's number among the distinct keys (their number for a null key), and those."""
        if keys.dtypes != list(self.keys.values()):
            message = (
                f"keys for {self.source.name} have the types {keys.dtypes}; expected "
                f"{list(self.keys.values())}"
            )
            raise TypeError(message)
        if keys.width == 1 and _encodes(keys.dtypes[0]):
            return _distinct_of(keys)
        plain = keys.with_columns(
            # Ambiguous local times are unequal to every other datetime in Python.
            selectors.datetime(time_zone="*").dt.convert_time_zone("UTC"),
            selectors.float().fill_nan(None),
        )
        unique = plain.drop_nulls().unique(maintain_order=True)
        numbered = unique.with_row_index("_number")
        codes = plain.join(numbered, on=plain.columns, how="left", maintain_order="left")
        return codes["_number"].fill_null(unique.height).to_numpy().astype(np.int64), unique

    def _count(self, found: _Found, fetched: int) -> None:
        self.counters.hits += len(found.counts) - 1 - fetched
        self.counters.fetched_keys += fetched
        missing = found.counts == 0
        missing[list(found.errors)] = False
        self.counters.misses += int(np.count_nonzero(missing[found.codes]))
        self.counters.queries = self.source.queries
        self.counters.retries = self.source.retries

    def _tell_unmatched(self, rows: int) -> None:
        self.counters.unmatched_rows += rows
        if rows and not self._told_unmatched:
            self._told_unmatched = True
            _LOGGER.warning(
                "%s: the database gave %d rows whose key is none of those asked for (a column "
                "that ignores case or trailing spaces?); they are not joined. Cast or fold the "
                "key in the SQL if they should be. Said once; the counter unmatched_rows goes on",
                self.source.name,
                rows,
                extra={"table": self.source.name},
            )


def _failures(found: _Found) -> Iterator[LookupFailure]:
    for position in np.flatnonzero(np.isin(found.codes, list(found.errors))).tolist():
        error = found.errors[int(found.codes[position])]
        yield LookupFailure(position, type(error).__name__, str(error))


def _encodes(dtype: pl.DataType) -> bool:
    """Whether Arrow tells values apart as Python does: not 0.0 from -0.0, for one."""
    return dtype.is_integer() or dtype in (pl.String, pl.Binary, pl.Date)


def _distinct_of(keys: pl.DataFrame) -> tuple[Integers, pl.DataFrame]:
    """What _distinct gives of one column, at a fifth of the cost of a join."""
    column = keys.to_series().to_arrow(compat_level=pl.CompatLevel.oldest())
    encoded: Any = column.dictionary_encode()
    unique = pl.DataFrame({keys.columns[0]: encoded.dictionary})
    codes = encoded.indices.fill_null(unique.height).to_numpy(zero_copy_only=False)
    return codes.astype(np.int64), unique
