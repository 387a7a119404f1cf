"""Columns as a statement computes them made into what a table of BigQuery takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_io.bigquery_types import ColumnType, arrow_schema

# Their stubs know less than they do.
_ARROW: Any = pa
_COMPUTE: Any = pc
_TYPES: Any = pa.types


class Shaped(NamedTuple):
    """Rows with the columns of a table, and how many values it has no column for."""

    rows: pa.RecordBatch
    left_out: int


def shaped_rows(rows: pa.StructArray, columns: Sequence[tuple[str, ColumnType]]) -> Shaped:
    """The rows as a table of these columns takes them: digits that it has not are cut.

    rows: a struct a row, whose fields have the columns' names, in any case, and may be more. An
    array that is NULL becomes an empty one. left_out: values, not NULL, of fields that are no
    column; those of structs in it count too.

    Raises pa.ArrowInvalid: a number that its column cannot hold.
    """
    arrays, left_out = _members(rows, columns)
    return Shaped(pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(columns)), left_out)


def _members(
    rows: pa.StructArray, columns: Sequence[tuple[str, ColumnType]]
) -> tuple[list[Any], int]:
    given = {
        field.name.casefold(): child for field, child in zip(rows.type, rows.flatten(), strict=True)
    }
    left_out = 0
    found = []
    for name, of in columns:
        shaped, lost = _shaped(given.pop(name.casefold()), of)
        found.append(shaped)
        left_out += lost
    return found, left_out + sum(len(rest) - rest.null_count for rest in given.values())


def _shaped(values: Any, of: ColumnType) -> tuple[Any, int]:
    if of.repeated:
        lengths = _COMPUTE.fill_null(_COMPUTE.list_value_length(values), 0)
        ends = _COMPUTE.cumulative_sum(_COMPUTE.cast(lengths, pa.int32()))
        offsets = _ARROW.concat_arrays([pa.array([0], pa.int32()), ends])
        one = ColumnType(of.kind, of.parameters, of.fields)
        elements, left_out = _shaped(values.flatten(), one)
        return _ARROW.ListArray.from_arrays(offsets, elements, type=of.arrow), left_out
    if of.kind == "STRUCT":
        children, left_out = _members(values, of.fields)
        fields = [pa.field(name, each.arrow) for name, each in of.fields]
        made = _ARROW.StructArray.from_arrays(children, fields=fields, mask=values.is_null())
        return made, left_out
    if values.type == of.arrow:
        return values, 0
    # A time of day comes in nanoseconds; a decimal must fit.
    return _COMPUTE.cast(values, of.arrow, safe=not _TYPES.is_time(values.type)), 0
