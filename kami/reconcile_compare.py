"""Compares a table read twice: the database's rows and the god view's.

First counts and checksums by key range, in memory that does not grow with the table; only where a
range differs are both sides read again, down to the rows and columns that differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from kami.reconcile_fingerprint import (
    RANGES,
    Fingerprints,
    Numbers,
    Shape,
    canonical_frame,
    fingerprints,
    key_ranges,
)

ReadRows = Callable[[], Iterable[pl.DataFrame]]
"""Reads one side from its beginning, each time: frames with at least the shape's columns."""

MISSING = "missing"
ADDED = "added"
CHANGED = "changed"
REPEATED = "repeated"


class Difference(NamedTuple):
    """A row that is not the same on both sides.

    `kind`: `missing` from the god view, `added` to it, `changed`, or `repeated` where a side has
    the key more than once. `key` and the values are canonical texts, None for NULL; `columns` maps
    the columns that differ to the database's and the god view's text.
    """

    kind: str
    key: dict[str, str | None]
    columns: dict[str, tuple[str | None, str | None]]


class Comparison(NamedTuple):
    """What a comparison found."""

    database_rows: int
    god_view_rows: int
    differing_ranges: int
    differing_rows: int
    """All of them; `differences` has at most the limit."""
    differences: list[Difference]

    @property
    def is_equal(self) -> bool:
        return not self.differing_ranges


class Checksums:
    """Counts and checksums of a side by key range."""

    def __init__(self) -> None:
        self.counts: npt.NDArray[np.int64] = np.zeros(RANGES, np.int64)
        self.sums: Numbers = np.zeros(RANGES, np.uint64)
        self.mixes: Numbers = np.zeros(RANGES, np.uint64)

    def add(self, rows: Fingerprints) -> None:
        """Sums, which no order of the rows changes, and which a repeated row does change."""
        ranges = key_ranges(rows.key)
        self.counts += np.bincount(ranges, minlength=RANGES)
        np.add.at(self.sums, ranges, rows.row)
        np.add.at(self.mixes, ranges, rows.row * (rows.key | np.uint64(1)))

    def differing(self, other: Checksums) -> npt.NDArray[np.int64]:
        """The numbers of the ranges that are not the same in both."""
        differs = (
            (self.counts != other.counts) | (self.sums != other.sums) | (self.mixes != other.mixes)
        )
        return np.flatnonzero(differs)


def checksums_of(read: ReadRows, shape: Shape) -> Checksums:
    """Reads a side once."""
    found = Checksums()
    for _, rows in _read(read, shape):
        found.add(rows)
    return found


def compare(database: ReadRows, god_view: ReadRows, shape: Shape, limit: int = 100) -> Comparison:
    """The comparison of all rows.

    Args:
        limit: the most differences that are named. Of the rows in ranges that differ, 16 bytes each
            are kept in memory, and of the named ones the values.
    """
    theirs, ours = checksums_of(database, shape), checksums_of(god_view, shape)
    return drill_down(database, god_view, shape, (theirs, ours), limit)


def drill_down(
    database: ReadRows,
    god_view: ReadRows,
    shape: Shape,
    checksums: tuple[Checksums, Checksums],
    limit: int,
) -> Comparison:
    """The comparison of two sides whose checksums are known: reads what differs again."""
    theirs, ours = checksums
    ranges = theirs.differing(ours)
    totals = int(theirs.counts.sum()), int(ours.counts.sum())
    if not len(ranges):
        return Comparison(*totals, 0, 0, [])
    keys = _differing_keys(database, god_view, shape, ranges)
    named = named_differences(database, god_view, shape, keys[:limit])
    return Comparison(*totals, len(ranges), len(keys), named)


def named_differences(
    database: ReadRows, god_view: ReadRows, shape: Shape, keys: Numbers
) -> list[Difference]:
    """The differences of the rows with these fingerprints of keys, as they are read now."""
    if not len(keys):
        return []
    sides = [_rows_of(read, shape, keys) for read in (database, god_view)]
    found = []
    for key in keys.tolist():
        theirs, ours = (side.get(key, []) for side in sides)
        difference = _difference(theirs, ours, shape)
        if difference is not None:
            found.append(difference)
    return found


def _read(read: ReadRows, shape: Shape) -> Iterator[tuple[pl.DataFrame, Fingerprints]]:
    for frame in read():
        if len(frame):
            texts = canonical_frame(frame, shape.columns)
            yield texts, fingerprints(texts, shape)


def _differing_keys(
    database: ReadRows, god_view: ReadRows, shape: Shape, ranges: npt.NDArray[np.int64]
) -> Numbers:
    """The fingerprints of the keys whose rows differ, in the order of the fingerprints."""
    sides = []
    for read in (database, god_view):
        kept = []
        for _, rows in _read(read, shape):
            inside = np.isin(key_ranges(rows.key), ranges)
            kept.append(pl.DataFrame({"key": rows.key[inside], "row": rows.row[inside]}))
        schema = {"key": pl.UInt64, "row": pl.UInt64}
        side = pl.concat([pl.DataFrame(schema=schema), *kept])
        sides.append(side.group_by("key", "row").len("times"))
    # A row is the same where both sides have it equally often; what is left of either differs.
    on = ["key", "row", "times"]
    theirs, ours = sides
    left = [theirs.join(ours, on=on, how="anti"), ours.join(theirs, on=on, how="anti")]
    keys: Numbers = pl.concat(left)["key"].unique().sort().to_numpy()
    return keys


def _rows_of(read: ReadRows, shape: Shape, keys: Numbers) -> dict[int, list[dict[str, str | None]]]:
    found: dict[int, list[dict[str, str | None]]] = {}
    for texts, rows in _read(read, shape):
        inside = np.isin(rows.key, keys)
        if inside.any():
            named = texts.filter(pl.Series(inside)).to_dicts()
            for key, row in zip(rows.key[inside].tolist(), named, strict=True):
                found.setdefault(key, []).append(row)
    return found


def _difference(
    theirs: list[dict[str, str | None]], ours: list[dict[str, str | None]], shape: Shape
) -> Difference | None:
    """None when they are the same, which they may be by the time that they are read again."""
    if not theirs and not ours:
        return None
    key = {name: (theirs or ours)[0][name] for name in shape.key}
    if len(theirs) > 1 or len(ours) > 1:
        times: tuple[str | None, str | None] = (str(len(theirs)), str(len(ours)))
        return Difference(REPEATED, key, {"count": times})
    if not ours:
        return Difference(MISSING, key, {})
    if not theirs:
        return Difference(ADDED, key, {})
    columns = {
        name: (theirs[0][name], ours[0][name])
        for name, _ in shape.columns
        if theirs[0][name] != ours[0][name]
    }
    return Difference(CHANGED, key, columns) if columns else None
