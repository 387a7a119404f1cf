"""Rows that change a table of BigQuery by its primary key: what each does, and in which order."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_io.bigquery_types import ColumnType

_COMPUTE: Any = pc

CHANGE_TYPE = "_CHANGE_TYPE"
SEQUENCE = "_CHANGE_SEQUENCE_NUMBER"
"""BigQuery's pseudo columns of rows that are changes."""

_FIELDS: list[pa.Field[Any]] = [
    pa.field(CHANGE_TYPE, pa.string(), nullable=False),
    pa.field(SEQUENCE, pa.string()),
]
CHANGE_FIELDS = tuple(_FIELDS)
PSEUDO = (CHANGE_TYPE, SEQUENCE)

# Up to four numbers of up to 16 hexadecimal digits.
_SEQUENCE_TEXT = r"^[0-9A-Fa-f]{1,16}(/[0-9A-Fa-f]{1,16}){0,3}$"

_MOST_KEY_COLUMNS = 16
_MOST_COLUMNS = 2_000
_MOST_CLUSTERED = 4
_KEY_KINDS = (
    "BIGNUMERIC",
    "BOOL",
    "DATE",
    "DATETIME",
    "INT64",
    "NUMERIC",
    "STRING",
    "TIMESTAMP",
)


@dataclasses.dataclass(frozen=True)
class Upserting:
    """How rows change a table.

    key: the columns of its primary key. delete_column, delete_value: which rows delete: those with
    that text in the column, which is not stored; None is the `op` of the change event. deletes:
    whether any row does. order_column: whose text orders the rows of a key; None is the order key
    of the change event. staleness_seconds: how old what a query sees may be, of a table that is
    made; None for BigQuery's own, 0.
    """

    key: tuple[str, ...]
    deletes: bool = True
    delete_column: str | None = None
    delete_value: str = "d"
    order_column: str | None = None
    staleness_seconds: int | None = None

    @property
    def max_staleness(self) -> str | None:
        """As the API has it: an INTERVAL of BigQuery."""
        if self.staleness_seconds is None:
            return None
        minutes, seconds = divmod(self.staleness_seconds, 60)
        hours, minutes = divmod(minutes, 60)
        return f"0-0 0 {hours}:{minutes}:{seconds}"

    def clustering(self) -> tuple[str, ...]:
        """By what a table that is made is clustered, so that changes find their rows."""
        return self.key[:_MOST_CLUSTERED]


def check_upserting(name: str, columns: Sequence[tuple[str, ColumnType]], by: Upserting) -> None:
    """Raises ValueError where BigQuery changes no such table."""
    types = dict(columns)
    if not by.key or set(by.key) - set(types):
        message = f"the table {name!r} is changed by a key of its columns, not by {list(by.key)!r}"
        raise ValueError(message)
    if len(by.key) > _MOST_KEY_COLUMNS:
        message = (
            f"the key of the table {name!r} has {len(by.key)} columns; BigQuery takes up to "
            f"{_MOST_KEY_COLUMNS}"
        )
        raise ValueError(message)
    if len(columns) > _MOST_COLUMNS:
        message = (
            f"the table {name!r} has {len(columns):,} columns; BigQuery changes rows of up to "
            f"{_MOST_COLUMNS:,}"
        )
        raise ValueError(message)
    for column in by.key:
        of = types[column]
        if of.repeated or of.kind not in _KEY_KINDS:
            message = (
                f"the column {column!r} of the key of {name!r} is {of}; a key of BigQuery has "
                f"{', '.join(_KEY_KINDS)}: CAST it AS STRING"
            )
            raise ValueError(message)


def stored_part(payload: pa.StructArray, by: Upserting | None) -> pa.StructArray:
    """The columns of rows without the one that says what they do."""
    if by is None or by.delete_column is None:
        return payload
    place = payload.type.get_field_index(by.delete_column)
    fields, columns = list(payload.type), payload.flatten()
    del fields[place], columns[place]
    return pa.StructArray.from_arrays(columns, fields=fields)


class Changes(NamedTuple):
    """rows: with CHANGE_TYPE and SEQUENCE. places: of these rows in the batch. refused: the other
    rows' places, and why."""

    rows: pa.RecordBatch
    places: pa.Array[Any]
    refused: list[tuple[int, str]]


def change_rows(
    rows: pa.RecordBatch, payload: pa.StructArray, attributes: pa.StructArray, by: Upserting
) -> Changes:
    """The rows of a batch as changes.

    rows: the table's columns. payload: what they were made of, with the columns that say what they
    do. attributes: those of the change events, with `op` and `order_key`.
    """
    given = dict(zip((field.name for field in payload.type), payload.flatten(), strict=True))
    events = dict(zip((field.name for field in attributes.type), attributes.flatten(), strict=True))
    says = events["op"] if by.delete_column is None else given[by.delete_column]
    deletes = _COMPUTE.fill_null(_COMPUTE.equal(_text(says), by.delete_value), False)
    if not by.deletes:
        deletes = pa.array([False] * rows.num_rows)
    order = _text(events["order_key"] if by.order_column is None else given[by.order_column])
    is_legal = _COMPUTE.fill_null(_COMPUTE.match_substring_regex(order, _SEQUENCE_TEXT), False)
    kinds = _COMPUTE.if_else(deletes, "DELETE", "UPSERT")
    schema = pa.schema([*rows.schema, *CHANGE_FIELDS])
    whole = pa.RecordBatch.from_arrays([*rows.columns, kinds, order], schema=schema)
    refused = []
    if not _COMPUTE.all(is_legal).as_py():
        for place in _COMPUTE.indices_nonzero(_COMPUTE.invert(is_legal)).to_pylist():
            refused.append((place, _no_order(order[place].as_py(), by)))
        whole = whole.filter(is_legal)
    return Changes(whole, _COMPUTE.indices_nonzero(is_legal), refused)


def _text(values: Any) -> Any:
    return _COMPUTE.cast(values, pa.string())


def _no_order(value: str | None, by: Upserting) -> str:
    of = "of the change event" if by.order_column is None else f"in the column {by.order_column!r}"
    if value is None:
        return f"the order key {of} is NULL, and BigQuery orders the changes of a key by it"
    return (
        f"the order key {of} is {value!r}; expected up to four hexadecimal numbers of up to 16 "
        "digits with / between them"
    )
