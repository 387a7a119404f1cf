"""A whole answer of Spanner, by columns and in its wire form."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.cloud.spanner_v1.types import PartialResultSet, Type
from google.protobuf.struct_pb2 import ListValue, Value


@dataclasses.dataclass(frozen=True)
class Answer:
    """The rows of a query as columns of values, which are texts for nearly all types.

    read_timestamp: the time that was read at, when the read was one of its own.
    """

    names: tuple[str, ...]
    types: tuple[Type, ...]
    columns: tuple[list[Value], ...]
    read_timestamp: DatetimeWithNanoseconds | None

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def texts(self, name: str) -> list[str | None]:
        """A column of texts, None for NULL."""
        values = self.columns[self.names.index(name)]
        return [None if value.HasField("null_value") else value.string_value for value in values]


def answer_of(parts: Iterable[PartialResultSet]) -> Answer:
    """The parts of an answer put together; a value may begin in one part and end in the next."""
    flat: list[Value] = []
    pending = False
    metadata: Any = None
    for part in parts:
        raw = PartialResultSet.pb(part)
        if metadata is None:
            metadata = part.metadata
        values = list(raw.values)
        if pending and values:
            flat[-1] = _merged(flat[-1], values[0])
            del values[0]
        flat.extend(values)
        pending = raw.chunked_value
    fields = metadata.row_type.fields
    width = len(fields)
    return Answer(
        names=tuple(field.name for field in fields),
        types=tuple(field.type_ for field in fields),
        columns=tuple(flat[place::width] for place in range(width)),
        read_timestamp=metadata.transaction.read_timestamp,
    )


def _merged(begin: Value, end: Value) -> Value:
    """A value of two pieces, as the API's PartialResultSet.chunked_value has it."""
    if begin.HasField("string_value"):
        return Value(string_value=begin.string_value + end.string_value)
    if not begin.HasField("list_value"):
        # Only texts and lists are cut; what follows another value is empty.
        return begin
    first, second = list(begin.list_value.values), list(end.list_value.values)
    if first and second:
        kind = first[-1].WhichOneof("kind")
        # NULL and whatever else is not cut begins a value of its own.
        if kind in ("string_value", "list_value") and second[0].WhichOneof("kind") == kind:
            first[-1] = _merged(first[-1], second.pop(0))
    return Value(list_value=ListValue(values=first + second))
