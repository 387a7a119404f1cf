"""Rows of a looked up table in memory: bounded in time and size, found for a whole batch at once.

The rows of all keys lie in one polars frame and a key's entry is a span of it, so that a batch of
keys is one pass over a dict and the rows come by one gather. A cache library that holds a Python
object a key was measured at 2.8 microseconds a key for the finding alone, more than all of a lookup
may cost; that is why this one is written out.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

Integers = npt.NDArray[np.int64]

# The count of a key that the cache does not know (a known key without rows has 0).
ABSENT = -1
# Below this, memory held by replaced and expired entries is not worth the copy that frees it.
_COMPACT_ROWS = 10_000
# Gathers slow down with the number of pieces, and joining them up copies all rows.
_MOST_CHUNKS = 8


@dataclasses.dataclass(frozen=True)
class CachePolicy:
    """How long and how much a lookup remembers.

    Args:
        ttl_seconds: age at which an entry is looked up again (Flink's `lookup.cache.ttl`);
            None keeps entries for ever.
        max_rows: rows held, those of the least recently used keys go first
            (`lookup.cache.max-rows`); a key without rows counts as one, a key with more rows than
            this is never held. 0 holds nothing, None has no bound.
        cache_misses: whether keys without rows are remembered
            (`lookup.cache.caching-missing-key`).
    """

    ttl_seconds: float | None
    max_rows: int | None
    cache_misses: bool = True

    def __post_init__(self) -> None:
        if self.ttl_seconds is not None and not self.ttl_seconds > 0:
            message = f"ttl_seconds is {self.ttl_seconds!r}; expected more than 0, or None"
            raise ValueError(message)
        if self.max_rows is not None and self.max_rows < 0:
            message = f"max_rows is {self.max_rows!r}; expected 0 or more, or None"
            raise ValueError(message)


class Spans(NamedTuple):
    """Where the rows of keys lie: one item a key."""

    starts: Integers
    counts: Integers  # ABSENT for a key that is not known


def row_numbers(starts: Integers, counts: Integers) -> Integers:
    """The row numbers of the spans, one after the other: (5, 2), (9, 1) gives 5, 6, 9."""
    firsts = np.repeat(starts, counts)
    if len(firsts) == np.count_nonzero(counts):  # one row a key: the usual lookup
        return firsts
    ends = np.cumsum(counts)
    return firsts + np.arange(len(firsts)) - np.repeat(ends - counts, counts)


class LookupCache:
    """Spans of rows by key, the newest `max_rows` rows of the last `ttl_seconds`.

    Recency is counted in batches: the keys of one `find` are equally recent. `rows` begins with
    one row of nulls, number 0, which is where a key without rows points.
    """

    def __init__(
        self,
        policy: CachePolicy,
        columns: Mapping[str, pl.DataType],
        clock: Callable[[], float],
    ) -> None:
        self._policy = policy
        self._clock = clock
        self.rows = pl.DataFrame({name: [None] for name in columns}, schema=dict(columns))
        self._numbers: dict[Hashable, int] = {}
        # Entry 0 is what an unknown key gets.
        self._starts: Integers = np.zeros(1, np.int64)
        self._counts: Integers = np.full(1, ABSENT, np.int64)
        self._expiries = np.full(1, math.inf)
        self._used: Integers = np.zeros(1, np.int64)
        self._batch = 0
        self._compact_above = _COMPACT_ROWS

    def __len__(self) -> int:
        """Keys known, expired ones that nobody asked for among them."""
        return len(self._numbers)

    def find(self, keys: Sequence[Hashable]) -> Spans:
        """The spans of the keys in `rows`; they hold until the next `add`."""
        self._batch += 1
        found = map(self._numbers.get, keys, itertools.repeat(0))
        numbers = np.fromiter(found, np.int64, len(keys))
        self._used[numbers] = self._batch
        fresh = self._expiries[numbers] > self._clock()
        return Spans(self._starts[numbers], np.where(fresh, self._counts[numbers], ABSENT))

    def add(self, keys: Sequence[Hashable], counts: Integers, rows: pl.DataFrame) -> None:
        """Remembers the keys; `rows` are those of the first key, then of the second, ..."""
        if not keys or self._policy.max_rows == 0:
            return
        ttl = math.inf if self._policy.ttl_seconds is None else self._policy.ttl_seconds
        first = len(self._starts)
        starts = self.rows.height + np.cumsum(counts) - counts
        self._starts = np.concatenate([self._starts, starts])
        self._counts = np.concatenate([self._counts, counts])
        self._expiries = np.append(self._expiries, np.full(len(keys), self._clock() + ttl))
        self._used = np.append(self._used, np.full(len(keys), self._batch))
        self._numbers.update(zip(keys, range(first, first + len(keys)), strict=True))
        self.rows = pl.concat([self.rows, rows], rechunk=self.rows.n_chunks() >= _MOST_CHUNKS)
        held = int(np.maximum(self._counts[1:], 1).sum())
        most = math.inf if self._policy.max_rows is None else self._policy.max_rows
        if held > min(most, self._compact_above):
            self._compact()

    def _compact(self) -> None:
        """Drops what expired or was replaced and, above `max_rows`, what is least recently used."""
        keys = list(self._numbers)
        numbers = np.fromiter(self._numbers.values(), np.int64, len(keys))
        weights = np.maximum(self._counts[numbers], 1)
        kept = self._expiries[numbers] > self._clock()
        most = self._policy.max_rows
        if most is not None:
            kept &= weights <= most
            if weights[kept].sum() > most:
                # A tenth is freed at once: else a full cache would be copied for every batch.
                newest_first = np.lexsort((-numbers, -self._used[numbers]))
                total = np.cumsum(np.where(kept, weights, 0)[newest_first])
                kept[newest_first[total > most - most // 10]] = False
        numbers = numbers[kept]
        starts, counts = self._starts[numbers], self._counts[numbers]
        self.rows = self.rows[np.append(0, row_numbers(starts, counts))]
        self._starts = np.append(0, 1 + np.cumsum(counts) - counts)
        self._counts = np.append(ABSENT, counts)
        self._expiries = np.append(math.inf, self._expiries[numbers])
        self._used = np.append(0, self._used[numbers])
        kept_keys = itertools.compress(keys, kept.tolist())
        self._numbers = {key: number for number, key in enumerate(kept_keys, start=1)}
        # Twice what is in use before the next copy keeps the cost a key constant.
        self._compact_above = 2 * int(weights[kept].sum()) + _COMPACT_ROWS
