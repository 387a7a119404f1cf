"""Records of a change stream, as its read function answers with them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa
from google.cloud.spanner_v1.types import PartialResultSet, ResultSetMetadata, StructType
from google.protobuf.struct_pb2 import Value

from pipeline_io.spanner_answer import answer_of
from pipeline_io.spanner_stream_description import WHOLE_ROWS, ChangeStreamError

_FIELDS: list[tuple[str, pa.DataType]] = [
    ("commit_us", pa.int64()),
    ("sequence", pa.string()),
    ("mod_number", pa.int64()),
    ("table", pa.string()),
    ("column_types", pa.string()),
    ("mod_type", pa.string()),
    ("keys", pa.string()),
    ("new_values", pa.string()),
    ("old_values", pa.string()),
    ("server_transaction_id", pa.string()),
    ("transaction_tag", pa.string()),
    ("is_system_transaction", pa.bool_()),
]
MODS = pa.schema(_FIELDS)
"""Changes of rows, one a row. commit_us: microseconds since 1970. column_types: JSON, a list of
[name, type, is primary key, position]. mod_type: INSERT, UPDATE or DELETE. keys, new_values,
old_values: JSON objects by column."""


class DataChange(NamedTuple):
    """A data change record: changes of one table and kind by one transaction.

    mods: (keys, new values, old values) of each row, JSON.
    """

    commit_us: int
    sequence: str
    transaction: str
    table: str
    column_types: str
    mods: tuple[tuple[str, str, str], ...]
    mod_type: str
    tag: str
    is_system: bool


class Heartbeat(NamedTuple):
    """All changes up to there, microseconds since 1970, have been told."""

    at_us: int


class Child(NamedTuple):
    """A partition that goes on where its parents end."""

    token: str
    start_us: int
    parents: tuple[str, ...]


class Children(NamedTuple):
    """The partition that was read ends; others go on."""

    partitions: tuple[Child, ...]


StreamRecord: TypeAlias = DataChange | Heartbeat | Children

_EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001  (all are UTC, whose mark is cut off)
_MICROSECOND = datetime.timedelta(microseconds=1)
# Only the first part of an answer says what its columns are.
_ONE_COLUMN = PartialResultSet(
    metadata=ResultSetMetadata(row_type=StructType(fields=[StructType.Field(name="ChangeRecord")]))
)


def records_of(parts: Iterable[PartialResultSet]) -> Iterator[StreamRecord]:
    """The records of an answer, each as soon as it is there.

    Raises ChangeStreamError: a change that was captured without its whole row.
    """
    pieces: list[PartialResultSet] = []
    names: _Names | None = None
    for part in parts:
        raw = PartialResultSet.pb(part)
        if names is None:
            names = _Names(raw.metadata.row_type.fields[0].type_.array_element_type.struct_type)
        pieces.append(part)
        # A value, and so a record, may be cut into several parts.
        if raw.chunked_value:
            continue
        for value in _values(pieces):
            yield from _records(value, names)
        pieces = []


def mods_of(changes: Sequence[DataChange]) -> pa.RecordBatch:
    """The changes of rows of records (MODS), in their order."""
    numbers = [len(change.mods) for change in changes]

    def spread(values: Iterable[Any]) -> list[Any]:
        return [value for value, n in zip(values, numbers, strict=True) for _ in range(n)]

    mods = [mod for change in changes for mod in change.mods]
    columns: list[Any] = [
        spread(change.commit_us for change in changes),
        spread(change.sequence for change in changes),
        [number for n in numbers for number in range(n)],
        spread(change.table for change in changes),
        spread(change.column_types for change in changes),
        spread(change.mod_type for change in changes),
        *([mod[place] for mod in mods] for place in range(3)),
        spread(change.transaction for change in changes),
        spread(change.tag for change in changes),
        spread(change.is_system for change in changes),
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, MODS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=MODS)


def microseconds_of(text: str) -> int:
    """A TIMESTAMP's text as microseconds since 1970; what is finer is cut off."""
    moment, _, fraction = text.removesuffix("Z").partition(".")
    whole = (datetime.datetime.fromisoformat(moment) - _EPOCH) // _MICROSECOND
    return whole + int(fraction[:6].ljust(6, "0"))


def text_of(microseconds: int) -> str:
    """A TIMESTAMP's text of microseconds since 1970."""
    return f"{(_EPOCH + microseconds * _MICROSECOND).isoformat(timespec='microseconds')}Z"


class _Names:
    """Where each field stands in the structs of a record."""

    def __init__(self, record: Any) -> None:
        self.record = [field.name for field in record.fields]
        self._of = {
            field.name: {
                inner.name: place
                for place, inner in enumerate(field.type_.array_element_type.struct_type.fields)
            }
            for field in record.fields
        }

    def fields(self, kind: str, struct: Value) -> dict[str, Value]:
        values = struct.list_value.values
        return {name: values[place] for name, place in self._of[kind].items()}


def _values(pieces: Sequence[PartialResultSet]) -> Sequence[Value]:
    if len(pieces) == 1:
        found: Sequence[Value] = PartialResultSet.pb(pieces[0]).values
        return found
    return answer_of([_ONE_COLUMN, *pieces]).columns[0]


def _records(value: Value, names: _Names) -> Iterator[StreamRecord]:
    for record in value.list_value.values:
        for kind, found in zip(names.record, record.list_value.values, strict=True):
            for struct in found.list_value.values:
                fields = names.fields(kind, struct)
                if kind == "data_change_record":
                    yield _data_change(fields)
                elif kind == "heartbeat_record":
                    yield Heartbeat(microseconds_of(fields["timestamp"].string_value))
                else:
                    yield _children(fields)


def _data_change(fields: dict[str, Value]) -> DataChange:
    capture = fields["value_capture_type"].string_value
    commit = fields["commit_timestamp"].string_value
    table = fields["table_name"].string_value
    if capture not in WHOLE_ROWS:
        message = (
            f"the change of {table} at {commit} was captured as {capture}, before the stream's "
            f"value_capture_type was {' or '.join(WHOLE_ROWS)}: it lacks columns. Take a new "
            "snapshot of the table, and start later than the ALTER CHANGE STREAM (--start)"
        )
        raise ChangeStreamError(message)
    return DataChange(
        microseconds_of(commit),
        fields["record_sequence"].string_value,
        fields["server_transaction_id"].string_value,
        table,
        _column_types(fields["column_types"]),
        tuple(
            (mod[0].string_value, mod[1].string_value or "{}", mod[2].string_value or "{}")
            for mod in (one.list_value.values for one in fields["mods"].list_value.values)
        ),
        fields["mod_type"].string_value,
        fields["transaction_tag"].string_value,
        fields["is_system_transaction"].bool_value,
    )


def _column_types(value: Value) -> str:
    """The columns as one text, the same for the same columns."""
    columns = [
        f'["{_escaped(column[0].string_value)}",{column[1].string_value},'
        f"{'true' if column[2].bool_value else 'false'},{column[3].string_value}]"
        for column in (one.list_value.values for one in value.list_value.values)
    ]
    return f"[{','.join(columns)}]"


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


def _children(fields: dict[str, Value]) -> Children:
    start_us = microseconds_of(fields["start_timestamp"].string_value)
    found = []
    for one in fields["child_partitions"].list_value.values:
        token, parents = one.list_value.values
        # The partitions of the first query have a parent that is NULL, or none.
        known = [parent.string_value for parent in parents.list_value.values if parent.string_value]
        found.append(Child(token.string_value, start_us, tuple(known)))
    return Children(tuple(found))
