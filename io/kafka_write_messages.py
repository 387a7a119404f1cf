"""Batches of rows as the client library takes messages: values, keys, headers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_io.kafka_write_errors import Refusal
from pipeline_io.record_schema import REFUSED_ROWS, SINK_ROWS

Headers: TypeAlias = list[tuple[str, str | bytes | None]] | None


Message: TypeAlias = tuple[bytes, bytes | None, Headers]
"""Value, key and headers."""


def messages_of(rows: pa.RecordBatch, names: Sequence[str]) -> Iterable[Message]:
    """The messages of SINK_ROWS, in their order.

    Args:
        names: of the attributes that become headers; a NULL is left out.

    Raises TypeError: other columns than SINK_ROWS'.
    """
    check_columns(rows)
    keys: list[bytes | None] = pl.Series(rows.column("key")).to_list()
    payloads: list[bytes] = pl.Series(rows.column("payload")).to_list()
    return zip(payloads, keys, _headers(rows, names), strict=True)


def check_columns(rows: pa.RecordBatch) -> None:
    """Raises TypeError: other columns than SINK_ROWS'."""
    if rows.schema.names != SINK_ROWS.names:
        message = f"the rows have the columns {rows.schema.names}; expected {SINK_ROWS.names}"
        raise TypeError(message)


def size_of(rows: pa.RecordBatch) -> int:
    """Bytes of all keys and payloads."""
    columns: list[Any] = [rows.column(name) for name in ("payload", "key")]
    # Of a column without a value Arrow has no sum.
    return sum(pc.sum(pc.binary_length(one)).as_py() or 0 for one in columns)


def _headers(rows: pa.RecordBatch, names: Sequence[str]) -> Iterable[Headers]:
    attributes = rows.column("attributes")
    columns = {name: pc.struct_field(attributes, name) for name in names}
    given = {name: one for name, one in columns.items() if one.null_count < rows.num_rows}
    if not given:
        return itertools.repeat(None, rows.num_rows)
    # Pairs of name and value, a column at a time, without a line of Python a row.
    pairs = [
        zip(itertools.repeat(name), pl.Series(one).to_list(), strict=False)
        for name, one in given.items()
    ]
    rows_of_pairs: Iterator[Headers] = map(list, zip(*pairs, strict=True))
    if not any(one.null_count for one in given.values()):
        return rows_of_pairs
    return ([pair for pair in one or () if pair[1] is not None] for one in rows_of_pairs)


def refused_rows(rows: pa.RecordBatch, refused: Sequence[tuple[int, Refusal]]) -> pa.RecordBatch:
    """REFUSED_ROWS of some rows of a batch, each by its number in it."""
    columns = [
        rows.column("record").take(pa.array([row for row, _ in refused], pa.int64())),
        pa.array([why.error_class for _, why in refused], pa.string()),
        pa.array([why.message for _, why in refused], pa.string()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=REFUSED_ROWS)
