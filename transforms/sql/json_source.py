"""Payloads of JSON objects, or of bytes as they are, as the columns of a declared source."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from transforms.avro import Decoded, DecodedGroup, DecodeFailure
from transforms.sql.json_source_slow import json_object, row_of
from transforms.sql.json_source_types import has_type

NO_SCHEMA = -1
"""The schema id of rows whose format has none."""

MALFORMED = "CorruptRecord"
"""The error class of a payload that is not what the format says."""


def decode_json(payloads: pa.Array[Any], schema: pa.Schema) -> Decoded:
    """The columns `schema` of payloads that are a JSON object each; NULLs are in no group.

    All at once, and one by one where not every object is as declared: then a payload that cannot be
    read is a failure, and the others are rows.
    """
    positions = np.flatnonzero(payloads.is_valid().to_numpy(zero_copy_only=False))
    if len(positions) < len(payloads):
        payloads = payloads.take(pa.array(positions, pa.int64()))
    if not len(payloads):
        return Decoded([], [])
    rows = _all_at_once(payloads, schema)
    if rows is not None:
        return Decoded([DecodedGroup(NO_SCHEMA, positions, rows)], [])
    return _one_by_one(payloads, schema, positions)


def decode_raw(payloads: pa.Array[Any], column: str | None) -> Decoded:
    """Payloads as they are in a column, if there is one; NULLs are in no group."""
    positions = np.flatnonzero(payloads.is_valid().to_numpy(zero_copy_only=False))
    if len(positions) < len(payloads):
        payloads = payloads.take(pa.array(positions, pa.int64()))
    if not len(payloads):
        return Decoded([], [])
    # Rows of no column would have no number.
    rows = pa.record_batch([payloads], names=[column or "payload"])
    return Decoded([DecodedGroup(NO_SCHEMA, positions, rows)], [])


def _all_at_once(payloads: pa.Array[Any], schema: pa.Schema) -> pa.RecordBatch | None:
    """The rows, or None where some object is not just as declared."""
    if _has(schema, pa.types.is_map):
        return None
    try:
        texts: Any = payloads.cast(pa.string())
    except pa.ArrowInvalid:
        return None
    trimmed = pl.Series(texts).str.strip_chars(" \t\r\n")
    # An object that ends as it begins, and of which the parser sees no two or none in one payload:
    # so rows and payloads are the same.
    if not (trimmed.str.starts_with("{") & trimmed.str.ends_with("}")).all():
        return None
    whole: Any = pa.LargeListArray.from_arrays(pa.array([0, len(texts)], pa.int64()), texts)
    lines: Any = pc.binary_join(whole, "\n")
    text: pa.Buffer = lines[0].as_buffer()
    broken = pc.sum(pc.count_substring(texts, "\n")).as_py()
    return _parsed(text, schema, len(payloads), newlines=bool(broken))


def _parsed(
    text: pa.Buffer, schema: pa.Schema, count: int, *, newlines: bool
) -> pa.RecordBatch | None:
    read = pa_json.ReadOptions(use_threads=False, block_size=max(text.size + 1, 1))
    # A table of no column would have no number of rows.
    parsed_schema = schema if len(schema) else pa.schema([pa.field("", pa.string())])
    parse = pa_json.ParseOptions(
        explicit_schema=parsed_schema,
        unexpected_field_behavior="ignore",
        newlines_in_values=newlines,
    )
    try:
        table = pa_json.read_json(io.BytesIO(text), read_options=read, parse_options=parse)
        if _has(schema, pa.types.is_decimal):
            # The parser takes decimals of more digits than their type has.
            table.validate(full=True)
    except pa.ArrowInvalid:
        return None
    if table.num_rows != count or table.schema.types != parsed_schema.types:
        return None
    columns = [_whole(column) for column in table.columns]
    return pa.RecordBatch.from_arrays(columns, schema=parsed_schema)


def _has(schema: pa.Schema, is_wanted: Callable[[pa.DataType], bool]) -> bool:
    return any(has_type(field.type, is_wanted) for field in schema)


def _whole(column: Any) -> Any:
    whole = column.combine_chunks()
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole


def _one_by_one(
    payloads: pa.Array[Any], schema: pa.Schema, positions: np.ndarray[Any, np.dtype[np.int64]]
) -> Decoded:
    rows: list[dict[str, Any]] = []
    good: list[int] = []
    failures: list[DecodeFailure] = []
    for position, payload in zip(positions.tolist(), payloads.to_pylist(), strict=True):
        try:
            rows.append(row_of(json_object(payload), schema))
        except ValueError as error:
            failures.append(DecodeFailure(position, MALFORMED, str(error), None))
        else:
            good.append(position)
    if not rows:
        return Decoded([], failures)
    columns = [pa.array([row[field.name] for row in rows], field.type) for field in schema]
    if not columns:
        return Decoded(
            [_nothing(np.array(good, np.int64))],
            failures,
        )
    batch = pa.RecordBatch.from_arrays(columns, schema=schema)
    return Decoded([DecodedGroup(NO_SCHEMA, np.array(good, np.int64), batch)], failures)


def _nothing(positions: np.ndarray[Any, np.dtype[np.int64]]) -> DecodedGroup:
    rows = pa.record_batch([pa.nulls(len(positions), pa.string())], names=[""])
    return DecodedGroup(NO_SCHEMA, positions, rows)
