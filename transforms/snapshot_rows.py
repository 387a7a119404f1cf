"""Rows of a snapshot as the warehouse takes them: their texts, with their key in front."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import apache_beam as beam
import polars as pl
import pyarrow as pa

from transforms.snapshot_key import KeyColumn, snapshot_keys


def incoming_rows(rows: pa.Table, key: tuple[KeyColumn, ...]) -> pa.Table:
    """The columns `_key`, `c0`, `c1` and so on: numbered, since names may differ in case alone.

    Raises SnapshotKeyError for NULL in a key.
    """
    keys = snapshot_keys(rows, key).to_arrow(compat_level=pl.CompatLevel.oldest())
    names = [f"c{number}" for number in range(rows.num_columns)]
    return rows.rename_columns(names).add_column(0, "_key", keys)


class AddKeys(beam.DoFn):
    """Turns (table's name, rows as texts) into (table's name, incoming rows)."""

    def __init__(self, keys: Mapping[str, tuple[KeyColumn, ...]]) -> None:
        self.keys = keys

    def process(self, element: tuple[str, pa.Table]) -> Iterator[tuple[str, pa.Table]]:
        name, rows = element
        yield name, incoming_rows(rows, self.keys[name])
