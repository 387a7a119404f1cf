"""Differences that are none: changes that the log has, and the warehouse not yet.

The database is read once, in one consistent read, and the log goes on. A row that differs is
looked at again until it is the same, or no time is left. Where the god view had moved on already,
the row is the same as of one of the row's changes since.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import polars as pl

from kami.reconcile_compare import Comparison, Difference, ReadRows, compare, named_differences
from kami.reconcile_fingerprint import Numbers, Shape, canonical_frame, fingerprints

PAUSE_SECONDS = 2.0


def rows_with_keys(read: ReadRows, shape: Shape, keys: Numbers) -> list[pl.DataFrame]:
    """The rows of a side that have one of these fingerprints of keys."""
    found = []
    for frame in read():
        if not len(frame):
            continue
        inside = np.isin(fingerprints(canonical_frame(frame, shape.columns), shape).key, keys)
        if inside.any():
            found.append(frame.filter(pl.Series(inside)))
    return found


def keys_of(differences: list[Difference], shape: Shape) -> Numbers:
    """The fingerprints of the keys of the differences."""
    names = sorted(shape.key)
    texts = pl.DataFrame(
        {name: pl.Series([one.key[name] for one in differences], dtype=pl.String) for name in names}
    )
    return fingerprints(texts, Shape((), shape.key)).key


def compare_and_settle(
    database: ReadRows,
    god_view: Callable[[str | None], ReadRows],
    shape: Shape,
    *,
    limit: int,
    wait_seconds: float,
    positions: Callable[[], list[str]] = list,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Comparison:
    """The comparison, after differences had `wait_seconds` to go away.

    Args:
        database: reads the database, each time as it was at the first read.
        god_view: reads the god view as of an order key; None: now.
        limit: the most differences that are named; so many can settle. With more of them the log
            is far behind, and waiting for all of it is left to the caller.
        positions: order keys, as of which the god view may have been what the database was: those
            between the positions before and after the read, oldest first.
    """
    deadline = clock() + wait_seconds
    found = compare(database, god_view(None), shape, limit)
    while not found.is_equal and found.differing_rows > limit and clock() < deadline:
        sleep(PAUSE_SECONDS)
        found = compare(database, god_view(None), shape, limit)
    if found.is_equal or found.differing_rows > limit:
        return found
    left = found.differences
    kept = rows_with_keys(database, shape, keys_of(left, shape))

    def theirs() -> list[pl.DataFrame]:
        return kept

    while left:
        for position in [None, *positions()]:
            if left:
                left = named_differences(theirs, god_view(position), shape, keys_of(left, shape))
        if not left or clock() >= deadline:
            break
        sleep(PAUSE_SECONDS)
    if not left:
        return found._replace(differing_ranges=0, differing_rows=0, differences=[])
    return found._replace(differing_rows=len(left), differences=left)
