"""The canonical keys of a snapshot's rows, from the columns as the database prints them."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl
import pyarrow as pa

from transforms.change_log_times import without_zeros
from transforms.key_texts import decimal_key_texts, json_strings

_TRUE = ("t", "true", "1")


class KeyColumn(NamedTuple):
    """A column of a primary key.

    form: how its values stand in the canonical JSON: text, integer, unsigned, decimal, float,
    boolean, date, datetime, timestamp, time, bytes.
    """

    name: str
    form: str


class SnapshotKeyError(ValueError):
    """A row that its key does not identify."""


def snapshot_keys(rows: pa.Table, key: tuple[KeyColumn, ...]) -> pl.Series:
    """The key text of each row, as kami.keys.key_text has it.

    rows: columns of texts. Timestamps are in UTC, with a space or T, and +00 or Z.

    Raises SnapshotKeyError for NULL in a key.
    """
    texts: list[pl.Series] = []
    for column in sorted(key):
        values = pl.Series(column.name, pl.from_arrow(rows.column(column.name)))
        if values.null_count():
            message = (
                f"the key column {column.name!r} has NULL in {values.null_count()} rows: expected "
                "a value in each; name other key columns for this table"
            )
            raise SnapshotKeyError(message)
        texts.append(json_strings(_canonical(values, column.form)).alias(str(len(texts))))
    frame = pl.DataFrame(texts)
    inner = pl.concat_str([pl.col(name) for name in frame.columns], separator=",")
    return frame.select(pl.concat_str(pl.lit("["), inner, pl.lit("]")).alias("_key")).to_series()


def _canonical(values: pl.Series, form: str) -> pl.Series:
    if form == "decimal":
        return decimal_key_texts(values)
    if form == "float":
        return _floats(values)
    if form == "boolean":
        digits: pl.Series = values.is_in(_TRUE).cast(pl.Int8).cast(pl.String)
        return digits
    if form in ("datetime", "timestamp"):
        iso: pl.Series = values.str.replace(" ", "T", literal=True).str.replace(r"\+00$", "Z")
        return without_zeros(iso)
    if form == "time":
        return without_zeros(values)
    return values


def _floats(values: pl.Series) -> pl.Series:
    # Python's own text is the reference. Keys of floats are rare.
    texts = [repr(float(text)) for text in values]
    special = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return pl.Series(values.name, [special.get(text, text) for text in texts], dtype=pl.String)
