"""Differences that are none: changes that the read saw, and the warehouse does not have yet.

The database is read as of one moment. The god view is read as of the same moment, by what the log
has by then: what is written afterwards is in neither of them, however fast it is, and what the log
has still to bring is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from kami.reconcile_compare import (
    Comparison,
    Difference,
    ReadRows,
    checksums_of,
    drill_down,
    named_differences,
)
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
    now: ReadRows,
    as_of: Callable[[], Sequence[ReadRows]],
    shape: Shape,
    *,
    limit: int,
    wait_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Comparison:
    """The comparison, after differences had `wait_seconds` to go away.

    A look at the god view reads it once or twice while the sides are far apart, and once for each
    of `as_of` at the end; none begins after the time is over, but for those that name what differs.

    Args:
        database: reads the database, each time as it was at the first read.
        now: reads the god view.
        as_of: what reads the god view as of the read, by what the log has now; several where the
            read may have been at either of them. A row is the same when it is in one of them.
        limit: the most differences that are named; so many are looked at by themselves.
    """
    deadline = clock() + wait_seconds
    theirs = checksums_of(database, shape)
    if not len(theirs.differing(checksums_of(now, shape))):
        return _equal(int(theirs.counts.sum()))
    while True:
        view = as_of()[0]
        ours = checksums_of(view, shape)
        # Only few are worth another read of the database while more may come.
        if len(theirs.differing(ours)) <= limit or clock() >= deadline:
            found = drill_down(database, view, shape, (theirs, ours), limit)
            if found.differing_rows <= limit or clock() >= deadline:
                break
        sleep(PAUSE_SECONDS)
    if found.is_equal or found.differing_rows > limit:
        return found
    return _followed(found, database, as_of, shape, deadline, clock, sleep)


def _followed(
    found: Comparison,
    database: ReadRows,
    as_of: Callable[[], Sequence[ReadRows]],
    shape: Shape,
    deadline: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Comparison:
    """Looks at the rows that differ until they are the same, or no time is left."""
    left = found.differences
    if not left:
        return _equal(found.database_rows)
    kept = rows_with_keys(database, shape, keys_of(left, shape))

    def theirs() -> list[pl.DataFrame]:
        return kept

    while left:
        for view in as_of():
            if left:
                left = named_differences(theirs, view, shape, keys_of(left, shape))
        if not left or clock() >= deadline:
            break
        sleep(PAUSE_SECONDS)
    if not left:
        return _equal(found.database_rows)
    return found._replace(differing_rows=len(left), differences=left)


def _equal(rows: int) -> Comparison:
    return Comparison(rows, rows, 0, 0, [])
