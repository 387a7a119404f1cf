"""What BigQuery makes of rows that are changes, as its documentation has it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Row = dict[str, Any]
CHANGE_TYPE, SEQUENCE = "_CHANGE_TYPE", "_CHANGE_SEQUENCE_NUMBER"
_SEQUENCE = re.compile(r"[0-9A-Fa-f]{1,16}(/[0-9A-Fa-f]{1,16}){0,3}")


class Messages:
    """Reads rows that are protobuf messages, by protobuf's own library."""

    def __init__(self, descriptor: Any) -> None:
        file = descriptor_pb2.FileDescriptorProto(name="row.proto", package="rows", syntax="proto2")
        file.message_type.add().MergeFromString(descriptor.SerializeToString())
        # Its stubs have no types.
        pool: Any = descriptor_pool.DescriptorPool()
        pool.Add(file)
        name = f"rows.{descriptor.name}"
        self._class: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))

    @property
    def names(self) -> list[str]:
        return [field.name for field in self._class.DESCRIPTOR.fields]

    def rows(self, serialized: Sequence[bytes]) -> list[Row]:
        return [_row(self._class.FromString(one)) for one in serialized]


def _row(message: Any) -> Row:
    found: Row = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.is_repeated:
            found[field.name] = [_row(one) if field.message_type else one for one in value]
        elif not message.HasField(field.name):
            found[field.name] = None
        else:
            found[field.name] = _row(value) if field.message_type else value
    return found


def refusal(rows: Sequence[Row], key: Sequence[str], stream: str, *, is_arrow: bool) -> str | None:
    """Why changes are not taken; None where they are, and for rows that are none."""
    if not rows or CHANGE_TYPE not in rows[0]:
        return None
    if is_arrow:
        return "Change data capture needs rows that are protobuf messages."
    if stream != "_default":
        return "Change data capture is of the default stream alone."
    if not key:
        return "Change data capture needs a primary key."
    for row in rows:
        if row[CHANGE_TYPE] not in ("UPSERT", "DELETE"):
            return f"{CHANGE_TYPE} is {row[CHANGE_TYPE]!r}."
        if row[SEQUENCE] is not None and not _SEQUENCE.fullmatch(row[SEQUENCE]):
            return f"{SEQUENCE} is {row[SEQUENCE]!r}."
        if any(row[name] is None for name in key):
            return "A column of the primary key is NULL."
    return None


@dataclasses.dataclass
class Changed:
    """A table and the changes that it has taken: of each key the one with the greatest sequence
    number counts, of equal ones the one that came last, and a deleted row is remembered."""

    key: tuple[str, ...]
    newest: dict[tuple[Any, ...], tuple[tuple[int, ...], Row]] = dataclasses.field(
        default_factory=dict
    )

    def apply(self, rows: Sequence[Row]) -> None:
        for row in rows:
            key = tuple(row[name] for name in self.key)
            order = tuple(int(part, 16) for part in str(row[SEQUENCE] or "0").split("/"))
            order = (0,) * (4 - len(order)) + order
            if key not in self.newest or self.newest[key][0] <= order:
                self.newest[key] = (order, row)

    @property
    def rows(self) -> list[Row]:
        """What a query sees."""
        return [
            {name: value for name, value in row.items() if name not in (CHANGE_TYPE, SEQUENCE)}
            for _, row in self.newest.values()
            if row[CHANGE_TYPE] == "UPSERT"
        ]
