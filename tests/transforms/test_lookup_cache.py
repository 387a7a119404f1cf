"""Rows in memory, bounded in time and size."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from transforms.lookup_cache import ABSENT, CachePolicy, LookupCache, row_numbers

COLUMNS = {"value": pl.Int64()}


@dataclasses.dataclass
class Clock:
    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


def cache(ttl: float | None = None, rows: int | None = None) -> tuple[LookupCache, Clock]:
    clock = Clock()
    return LookupCache(CachePolicy(ttl, rows), COLUMNS, clock), clock


def add(held: LookupCache, rows_by_key: dict[int, list[int]]) -> None:
    counts = np.array([len(rows) for rows in rows_by_key.values()], np.int64)
    rows = [row for rows in rows_by_key.values() for row in rows]
    held.add(list(rows_by_key), counts, pl.DataFrame({"value": rows}, schema=COLUMNS))


def found(held: LookupCache, keys: Sequence[int]) -> list[list[int] | None]:
    spans = held.find(keys)
    rows = held.rows["value"].to_list()
    return [
        None if count == ABSENT else rows[start : start + count]
        for start, count in zip(spans.starts.tolist(), spans.counts.tolist(), strict=True)
    ]


def held_rows(held: LookupCache, keys: Sequence[int]) -> int:
    return sum(max(1, len(rows)) for rows in found(held, keys) if rows is not None)


def test_known_keys_have_their_rows_and_unknown_ones_none() -> None:
    held, _ = cache()
    add(held, {1: [10], 2: [20, 21], 3: []})

    assert found(held, [2, 9, 3, 1]) == [[20, 21], None, [], [10]]


def test_an_entry_ends_with_its_time_to_live() -> None:
    held, clock = cache(ttl=60)
    add(held, {1: [10]})
    clock.seconds += 59.9
    add(held, {2: [20]})
    assert found(held, [1, 2]) == [[10], [20]]

    clock.seconds += 0.1

    assert found(held, [1, 2]) == [None, [20]]


def test_a_key_added_again_has_its_new_rows() -> None:
    held, clock = cache(ttl=60)
    add(held, {1: [10], 2: [20]})
    clock.seconds += 60
    add(held, {1: [11, 12]})

    assert found(held, [1, 2]) == [[11, 12], None]


def test_the_least_recently_used_keys_go_first() -> None:
    held, _ = cache(rows=3)
    add(held, {1: [10]})
    held.find([1])
    add(held, {2: [20]})
    held.find([2])
    add(held, {3: [30]})
    held.find([1])
    add(held, {4: [40]})

    assert found(held, [1, 2, 3, 4]) == [[10], None, [30], [40]]


def test_rows_are_bounded_not_keys_and_a_key_without_rows_counts_as_one() -> None:
    held, _ = cache(rows=5)
    add(held, {1: [1, 2, 3]})
    held.find([])
    add(held, {2: [4, 5], 3: []})

    assert found(held, [1, 2, 3]) == [None, [4, 5], []]


def test_a_key_with_more_rows_than_the_bound_is_not_held_and_harms_no_other() -> None:
    held, _ = cache(rows=3)
    add(held, {1: [10]})
    add(held, {2: [1, 2, 3, 4]})

    assert found(held, [1, 2]) == [[10], None]


@pytest.mark.parametrize("most", [1, 2, 10, 57])
def test_the_bound_holds_after_every_batch(most: int) -> None:
    held, _ = cache(rows=most)
    for first in range(0, 200, 4):
        add(held, {key: list(range(key % 3)) for key in range(first, first + 4)})

        assert held_rows(held, range(200)) <= most
        assert held.rows.height <= most + 1


def test_a_bound_of_no_rows_holds_nothing() -> None:
    held, _ = cache(rows=0)
    add(held, {1: [10], 2: []})

    assert found(held, [1, 2]) == [None, None]


def test_expired_entries_that_nobody_asks_for_do_not_pile_up() -> None:
    held, clock = cache(ttl=1)
    for first in range(0, 100_000, 5_000):
        add(held, {key: [key] for key in range(first, first + 5_000)})
        clock.seconds += 2

    assert len(held) <= 20_000
    assert held.rows.height <= 20_001


def test_without_bounds_everything_stays_through_compactions() -> None:
    held, _ = cache()
    for first in range(0, 50_000, 5_000):
        add(held, {key: [key, -key] for key in range(first, first + 5_000)})

    assert found(held, range(50_000)) == [[key, -key] for key in range(50_000)]


def test_row_numbers_of_spans_follow_each_other() -> None:
    assert row_numbers(np.array([5, 0, 9]), np.array([2, 0, 1])).tolist() == [5, 6, 9]


@pytest.mark.parametrize(("ttl", "rows"), [(0, 1), (-1, 1), (float("nan"), 1), (1, -1)])
def test_a_policy_without_sense_is_refused(ttl: float, rows: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        CachePolicy(ttl, rows)
