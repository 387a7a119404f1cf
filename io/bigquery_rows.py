"""Batches of rows made into what BigQuery takes of a table, and the rows that it cannot take."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_io.bigquery_errors import BigQuerySchemaError

# Their stubs know less than they do.
_TYPES: Any = pa.types
_COMPUTE: Any = pc
_ARROW: Any = pa

# 0001-01-01 to 9999-12-31, in microseconds.
_FIRST_MICROSECOND = -62_135_596_800_000_000
_LAST_MICROSECOND = 253_402_300_799_999_999


class RefusedRow(NamedTuple):
    """Why a row is not written: its position, a word to count by, a sentence."""

    row: int
    error_class: str
    message: str


class Fitted(NamedTuple):
    """The rows of a batch that can be sent, where they were in it, and the rest."""

    rows: pa.RecordBatch
    places: np.ndarray[Any, np.dtype[np.int64]]
    refused: list[RefusedRow]


class Fitting:
    """Makes batches of one schema into batches that a table takes.

    table: named in messages. given: the batches' schema; columns of the table that it lacks are
    NULL. wanted: the table's, as `arrow_schema` gives it.

    Raises BigQuerySchemaError: a column that the table lacks, or that has values it could lose.
    """

    def __init__(self, table: str, given: pa.Schema, wanted: pa.Schema) -> None:
        unknown = sorted(set(given.names) - set(wanted.names))
        if unknown:
            message = (
                f"rows for {table} have the columns {', '.join(map(repr, unknown))}, which it was "
                "not declared with; name them to ensure_table first"
            )
            raise BigQuerySchemaError(message)
        for field in given:
            target = wanted.field(field.name).type
            if not _fits(field.type, target):
                message = (
                    f"rows for {table} have {field.type} in the column {field.name!r}, and it "
                    f"takes {target}; cast the column, or declare it with another type"
                )
                raise BigQuerySchemaError(message)
        self.schema = pa.schema([wanted.field(name) for name in given.names])
        self._same = given.equals(self.schema)
        self._lists = [f.name for f in self.schema if _TYPES.is_list(f.type)]
        self._times = [f.name for f in self.schema if _TYPES.is_timestamp(f.type)]

    def fit(self, rows: pa.RecordBatch) -> Fitted:
        """The batch as it can be sent: columns of the table's types, arrays never NULL."""
        columns = dict(zip(self.schema.names, rows.columns, strict=True))
        if not self._same:
            for field in self.schema:
                columns[field.name] = _cast(columns[field.name], field.type)
        refused: dict[int, RefusedRow] = {}
        for name in self._lists:
            columns[name] = _filled(columns[name])
            _check_elements(name, columns[name], refused)
        for name in self._times:
            _check_times(name, columns[name], refused)
        fitted = pa.RecordBatch.from_arrays(list(columns.values()), schema=self.schema)
        places = np.arange(rows.num_rows)
        if refused:
            places = np.delete(places, list(refused))
            fitted = fitted.take(_ARROW.array(places))
        return Fitted(fitted, places, [refused[row] for row in sorted(refused)])


def _fits(given: Any, wanted: Any) -> bool:
    """Whether each value of one type is a value of the other."""
    if given == wanted or _TYPES.is_null(given):
        return True
    if _TYPES.is_string(wanted):
        return bool(_TYPES.is_large_string(given) or _TYPES.is_string_view(given))
    if _TYPES.is_binary(wanted):
        of = (_TYPES.is_large_binary, _TYPES.is_binary_view, _TYPES.is_fixed_size_binary)
        return any(each(given) for each in of)
    if _TYPES.is_integer(wanted):
        return bool(_TYPES.is_integer(given) and given != pa.uint64())
    if _TYPES.is_floating(wanted):
        return bool(_TYPES.is_floating(given))
    if _TYPES.is_timestamp(wanted):
        same_zone = _TYPES.is_timestamp(given) and given.tz == wanted.tz
        return bool(same_zone and given.unit in ("s", "ms"))
    if _TYPES.is_decimal(wanted):
        return bool(
            _TYPES.is_decimal(given)
            and given.scale <= wanted.scale
            and given.precision - given.scale <= wanted.precision - wanted.scale
        )
    if _TYPES.is_list(wanted):
        lists = _TYPES.is_large_list(given) or _TYPES.is_list(given)
        return bool(lists and _fits(given.value_type, wanted.value_type))
    if _TYPES.is_struct(wanted) and _TYPES.is_struct(given):
        names = [field.name for field in given]
        return names == [field.name for field in wanted] and all(
            _fits(one.type, other.type) for one, other in zip(given, wanted, strict=True)
        )
    return False


def _cast(column: Any, wanted: Any) -> Any:
    return column if column.type == wanted else _COMPUTE.cast(column, wanted)


def _filled(column: Any) -> Any:
    """NULL arrays as empty ones: BigQuery has no other."""
    if not column.null_count:
        return column
    return _COMPUTE.coalesce(column, pa.scalar([], column.type))


def _check_elements(name: str, column: Any, refused: dict[int, RefusedRow]) -> None:
    if column.flatten().null_count:
        missing = _COMPUTE.is_null(column.flatten())
        for row in _COMPUTE.unique(
            _COMPUTE.list_parent_indices(column).filter(missing)
        ).to_pylist():
            message = f"the array in the column {name!r} has a NULL, which BigQuery cannot store"
            refused.setdefault(row, RefusedRow(row, "NullInArray", message))


def _check_times(name: str, column: Any, refused: dict[int, RefusedRow]) -> None:
    numbers = _COMPUTE.cast(column, pa.int64())
    bounds = _COMPUTE.min_max(numbers)
    if not bounds["min"].is_valid:
        return
    if bounds["min"].as_py() >= _FIRST_MICROSECOND and bounds["max"].as_py() <= _LAST_MICROSECOND:
        return
    outside = _COMPUTE.or_(
        _COMPUTE.less(numbers, _FIRST_MICROSECOND), _COMPUTE.greater(numbers, _LAST_MICROSECOND)
    )
    for row in np.flatnonzero(_COMPUTE.fill_null(outside, False)).tolist():
        message = (
            f"the time in the column {name!r} is {numbers[row].as_py()} microseconds from 1970, "
            "and BigQuery has the years 1 to 9999"
        )
        refused.setdefault(row, RefusedRow(row, "TimeOutOfRange", message))
