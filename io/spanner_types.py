"""Types of Spanner's columns: as its information schema names them, and what they are in Arrow."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pyarrow as pa
from google.cloud.spanner_v1.types import Type, TypeCode

CONNECT_NAME = b"connect.name"

_ARROW: dict[str, pa.DataType] = {
    "BOOL": pa.bool_(),
    "INT64": pa.int64(),
    "FLOAT32": pa.float32(),
    "FLOAT64": pa.float64(),
    "NUMERIC": pa.decimal128(38, 9),
    "STRING": pa.utf8(),
    "BYTES": pa.binary(),
    "DATE": pa.date32(),
    # Texts of RFC 3339: Arrow's microseconds would cut what Spanner's nanoseconds tell apart.
    "TIMESTAMP": pa.utf8(),
    "JSON": pa.utf8(),
    "UUID": pa.utf8(),
}
_CONNECT_NAMES = {
    "TIMESTAMP": b"io.debezium.time.ZonedTimestamp",
    "JSON": b"io.debezium.data.Json",
    "UUID": b"io.debezium.data.Uuid",
}
# With a length in brackets, or a name.
_WRITTEN = re.compile(r"(?P<kind>[A-Z0-9]+)(?:\((?P<length>MAX|\d+)\)|<(?P<of>.+)>)?")
# What the column of a vector says besides: ARRAY<FLOAT32>(vector_length=>128).
_VECTOR = re.compile(r"\s*\(vector_length=>\d+\)$")

MOST_CHARACTERS = 2_621_440
"""What STRING(MAX) holds, in characters; BYTES(MAX) holds four times as many bytes."""


class UnknownType(ValueError):
    """A type that has no form outside of Spanner, such as PROTO; the message names it."""


@dataclasses.dataclass(frozen=True)
class SpannerType:
    """A type such as INT64, STRING(100) or ARRAY<DATE>. Text of it is Spanner's own.

    kind: of the elements, where it is an array. length: of STRING and BYTES, None for MAX.
    """

    kind: str
    array: bool = False
    length: int | None = None

    def __str__(self) -> str:
        element = self.kind
        if self.kind in ("STRING", "BYTES"):
            element += f"({'MAX' if self.length is None else self.length})"
        return f"ARRAY<{element}>" if self.array else element

    @property
    def proto(self) -> Type:
        """As parameters of SQL have it."""
        one = Type(code=getattr(TypeCode, self.kind))
        return Type(code=TypeCode.ARRAY, array_element_type=one) if self.array else one

    @property
    def arrow(self) -> pa.DataType:
        """What a column of it is in Arrow."""
        if self.array:
            return pa.list_(self._field("item", nullable=True))
        return _ARROW[self.kind]

    def field(self, name: str, *, nullable: bool) -> pa.Field[Any]:
        """A column of it, with Connect's name where Arrow's type does not tell what it is."""
        if self.array:
            return pa.field(name, self.arrow, nullable=nullable)
        return self._field(name, nullable=nullable)

    def _field(self, name: str, *, nullable: bool) -> pa.Field[Any]:
        known = _CONNECT_NAMES.get(self.kind)
        metadata = None if known is None else {CONNECT_NAME: known}
        return pa.field(name, _ARROW[self.kind], nullable=nullable, metadata=metadata)


def parse_type(written: str) -> SpannerType:
    """A type as INFORMATION_SCHEMA.COLUMNS.SPANNER_TYPE has it. Raises UnknownType."""
    found = _WRITTEN.fullmatch(_VECTOR.sub("", written.strip()))
    if found and found["kind"] == "ARRAY" and found["of"]:
        return dataclasses.replace(parse_type(found["of"]), array=True)
    if not found or found["of"] or found["kind"] not in _ARROW:
        message = f"{written} has no form outside of Spanner"
        raise UnknownType(message)
    length = found["length"]
    return SpannerType(found["kind"], length=int(length) if length and length != "MAX" else None)


def type_of(proto: Type) -> SpannerType:
    """A type as an answer has it. Raises UnknownType."""
    if proto.code == TypeCode.ARRAY:
        return dataclasses.replace(type_of(proto.array_element_type), array=True)
    kind = TypeCode(proto.code).name
    if kind not in _ARROW or proto.type_annotation:
        message = f"{kind} has no form outside of Spanner"
        raise UnknownType(message)
    return SpannerType(kind)
