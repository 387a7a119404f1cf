"""Fingerprints of rows, in columns: one of the key and one of the whole row.

A fingerprint lives as long as the process that made it: both sides are read and fingerprinted by
the same one, and nothing is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from kami.reconcile_text import canonical_text
from kami.tables import Column

Numbers = npt.NDArray[np.uint64]

RANGES = 4096
"""Key ranges of a table: ten million rows are 2,400 a range, which is what drilling down keeps."""

_RANGE_BITS = 12
_NULL = np.uint64(0x9E3779B97F4A7C15)
_FACTOR = np.uint64(0xD6E8FEB86659FD93)


class Shape(NamedTuple):
    """What is compared: the table's columns in BigQuery's types, and which identify a row."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]


class Fingerprints(NamedTuple):
    """Of the rows of a frame, in its order."""

    key: Numbers
    row: Numbers
    """Of key and values, so that two rows that swap their values differ."""


def canonical_frame(frame: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    """The columns as canonical text, in this order."""
    return pl.DataFrame(
        [canonical_text(frame[column.name], column.type).alias(column.name) for column in columns]
    )


def fingerprints(texts: pl.DataFrame, shape: Shape) -> Fingerprints:
    """The fingerprints of a frame of canonical texts.

    The key's columns are taken in the order of their names: sources list them in any.
    """
    return Fingerprints(
        _mixed(texts, sorted(shape.key), 1), _mixed(texts, [name for name, _ in shape.columns], 2)
    )


def key_ranges(key: Numbers) -> npt.NDArray[np.int64]:
    """The number of the range, below RANGES, of each key's fingerprint.

    Ranges are of the fingerprint and not of the key itself: databases and warehouses sort texts,
    letter case and signs in different orders, and a range must hold the same keys on both sides.
    """
    numbers: npt.NDArray[np.int64] = (key >> np.uint64(64 - _RANGE_BITS)).astype(np.int64)
    return numbers


def _mixed(texts: pl.DataFrame, names: Sequence[str], seed: int) -> Numbers:
    mixed: Numbers = np.full(len(texts), seed, np.uint64)
    for name in names:
        values = texts[name]
        hashes: Numbers = values.hash(seed).to_numpy().astype(np.uint64)
        # A NULL has its own number: it is not the empty text.
        hashes = np.where(values.is_null().to_numpy(), _NULL, hashes)
        mixed = (mixed ^ hashes) * _FACTOR
        mixed ^= mixed >> np.uint64(29)
    return mixed
