"""Rows as Beam's sink of BigQuery takes them from Python: classes with Beam's schemas.

Beam makes named tuples of schemas that it does not know, and those have no field whose name starts
with `_`, as columns of logs do. So each layout has a dataclass, which Beam finds by the schema's
id: `row_class` makes it known to a process.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from apache_beam.coders import RowCoder, typecoders
from apache_beam.io.gcp.bigquery import StorageWriteToBigQuery
from apache_beam.pvalue import Row
from apache_beam.typehints import schemas
from apache_beam.typehints.row_type import RowTypeConstraint

from pipeline_io.bigquery_types import ColumnType, arrow_schema, parse_type

# JSON goes as text: the table is there, and says what it is. A time goes as its microseconds, as
# which BigQuery takes it: Beam's sink cannot give back a row that has one of Beam's times.
_TYPES: dict[str, Any] = {
    "STRING": str,
    "JSON": str,
    "BYTES": bytes,
    "INT64": np.int64,
    "FLOAT64": np.float64,
    "BOOL": bool,
    "TIMESTAMP": np.int64,
}
DESTINATION, RECORD = StorageWriteToBigQuery.DESTINATION, StorageWriteToBigQuery.RECORD
# Beam's own mark of a class whose schema it has.
_SCHEMA_ID = "_beam_schema_id"
_TIME = pa.timestamp("us", tz="UTC")
_IDS = uuid.UUID("6f3d6a0e-1c0c-4a7b-9d0f-5f6f1a4f5d21")

Columns = tuple[tuple[str, str], ...]
"""Names, with types as BigQuery's DDL writes them."""


@functools.cache
def row_class(columns: Columns) -> type:
    """The dataclass of a table's rows; the same columns have the same schema in every process.

    Raises ValueError: a column that Beam's sink does not have.
    """
    return _registered("Row", [(name, _hint(name, parse_type(text))) for name, text in columns])


@functools.cache
def addressed_class(columns: Columns) -> type:
    """The dataclass of a row and its table, `project:dataset.table`.

    It has the row's columns besides, which are NULL: Beam's sink gives a row back as one of this
    class, with the row's values in them, and fails where they are not there. Raises ValueError.
    """
    more = [(name, _or_null(_hint(name, parse_type(text)))) for name, text in columns]
    row = _or_null(row_class(columns))
    return _registered("Addressed", [(DESTINATION, _or_null(str)), (RECORD, row), *more])


def beam_rows(columns: Columns, table: str, rows: pa.RecordBatch) -> Iterator[Any]:
    """Rows of `addressed_class`: times as microseconds, no array that is NULL; columns that the
    batch lacks are NULL."""
    made, addressed = row_class(columns), addressed_class(columns)
    given = {name: rows.column(name) for name in rows.schema.names}
    for field in rows.schema:
        if pa.types.is_timestamp(field.type):
            given[field.name] = given[field.name].cast(_TIME).cast(pa.int64())
    lists = {name for name, text in columns if parse_type(text).repeated}
    for row in pa.RecordBatch.from_pydict(given).to_pylist():
        yield addressed(
            table, made(**{name: _value(row.get(name), name in lists) for name, _ in columns})
        )


def plain_rows(columns: Columns, given_back: Sequence[Any]) -> pa.RecordBatch:
    """Rows of `addressed_class` that Beam's sink gave back, as the batch that they were of."""
    parsed = [(name, parse_type(text)) for name, text in columns]
    values = {
        name: pa.array([_plain(getattr(row, name)) for row in given_back], _sent(of.arrow))
        for name, of in parsed
    }
    return pa.RecordBatch.from_pydict(values).cast(arrow_schema(parsed))


def _registered(name: str, fields: Sequence[tuple[str, Any]]) -> type:
    """A dataclass that Beam finds by its schema's id; its fields are None unless given."""
    # Java keeps a schema by its id for as long as it runs.
    number = uuid.uuid5(_IDS, repr(fields))
    with_default = [(field, hint, dataclasses.field(default=None)) for field, hint in fields]
    made = dataclasses.make_dataclass(f"{name}{number.hex}", with_default)
    setattr(made, _SCHEMA_ID, str(number))
    schemas.schema_from_element_type(made)
    typecoders.registry.register_coder(made, RowCoder)
    return made


def _or_null(hint: Any) -> Any:
    # Beam's types of rows are no classes, which `|` would need.
    return typing.Optional[hint]  # noqa: UP045


def _sent(of: pa.DataType) -> pa.DataType:
    return pa.int64() if pa.types.is_timestamp(of) else of


def _value(value: Any, is_list: bool) -> Any:
    if value is None:
        return [] if is_list else None
    return Row(**value) if isinstance(value, dict) else value


def _hint(name: str, of: ColumnType) -> Any:
    if of.kind == "STRUCT":
        one: Any = RowTypeConstraint.from_fields(
            [(inner, _hint(f"{name}.{inner}", type_)) for inner, type_ in of.fields]
        )
    elif of.kind in _TYPES:
        one = _TYPES[of.kind]
    else:
        message = (
            f"the column {name!r} is {of}, which Beam's sink does not take from Python; expected "
            f"one of {', '.join((*_TYPES, 'STRUCT'))}, or write with the native sink"
        )
        raise ValueError(message)
    return Sequence[one] if of.repeated else _or_null(one)


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return {name: _plain(inner) for name, inner in value._asdict().items()}
    return list(value) if isinstance(value, (list, tuple)) else value
