"""Rows of a sink as protobuf messages, one Binary a row, as Flink's protobuf format writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from google.protobuf.message import EncodeError

from transforms.sql.avro_rows import Encoded
from transforms.sql.errors import SqlError, SqlErrors
from transforms.sql.protobuf_messages import message_class
from transforms.sql.protobuf_reasons import reason
from transforms.sql.protobuf_types import Instant, Mapped, Node, Record, Repeated, record_of
from transforms.sql.tables import Table
from transforms.sql.types import Field, Kind, SqlType, time_unit

# What google.protobuf.Timestamp may hold: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
_FIRST_SECOND = -62_135_596_800
_LAST_SECOND = 253_402_300_799

# No int32 holds it: protobuf refuses the row, as it does not by itself for such a time.
_NO_NANOS = 1 << 31


class ProtobufRows:
    """Encodes rows of a sink as messages of one type; columns and fields go together by name.

    A column that is NULL leaves its field out, and so does a field that no column has. A DECIMAL
    is written as text, a TIMESTAMP as google.protobuf.Timestamp, read as UTC.

    Args:
        columns: name and type.
        descriptor_set: a compiled FileDescriptorSet with its imports.
        message_name: the message's full name, or the name of its Java class.

    Raises SqlErrors: every column that does not fit its field, with what would; SqlError: no
    columns, no such message, or no usable descriptor set.
    """

    def __init__(
        self, columns: Sequence[tuple[str, SqlType]], descriptor_set: bytes, message_name: str
    ) -> None:
        if not columns:
            message = "a protobuf message needs a column, got none: name the columns of the sink"
            raise SqlError(message)
        self._class = message_class(descriptor_set, message_name)
        errors: list[str] = []
        fields = [Field(name, sql_type) for name, sql_type in columns]
        descriptor: Any = self._class.DESCRIPTOR
        self._record = record_of(fields, descriptor, "", errors)
        if errors:
            raise SqlErrors([SqlError(message) for message in errors])
        self._prepared = [
            _prepared(pl.col(name), node).alias(name) for name, node in self._record.members
        ]
        self._with_maps = {
            name: finish
            for name, node in self._record.members
            if (finish := _finish(node)) is not None
        }
        self._has_oneofs = _has_oneofs(self._record)

    def encode(self, rows: pl.DataFrame) -> Encoded:
        """The rows, whose columns have the sink's names and the types `polars_type(type)`."""
        values = rows.select(self._prepared).to_dicts()
        for name, finish in self._with_maps.items():
            for row in values:
                row[name] = finish(row[name])
        failures: list[tuple[int, str]] = []
        payloads: list[bytes | None] = []
        make = self._class
        for number, row in enumerate(values):
            try:
                if self._has_oneofs and (found := reason(row, self._record)) is not None:
                    # Of a oneof the last value would stay, without a word.
                    failures.append((number, found))
                    payloads.append(None)
                    continue
                payloads.append(make(**row).SerializeToString(deterministic=True))
            except (EncodeError, TypeError, ValueError) as error:
                told = reason(row, self._record) or f"the row has no protobuf form: {error}"
                failures.append((number, told))
                payloads.append(None)
        return Encoded(pl.Series("payload", payloads, pl.Binary), failures)


def descriptor_set(path: str, sink: Table) -> bytes:
    """The compiled descriptors of a sink's messages. Raises SqlError."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        message = (
            f"'protobuf.descriptor-file' = {path!r}: {error}; make it by "
            "protoc --include_imports --descriptor_set_out=FILE"
        )
        raise SqlError(message, sink.option_node("protobuf.descriptor-file")) from error


def _prepared(value: pl.Expr, node: Node) -> pl.Expr:
    """A column whose Python values are what the message's class takes, but for maps."""
    if _is_ready(node):
        return value
    match node:
        case Instant():
            return _instant(value, node)
        case Record(members):
            parts = [
                _prepared(value.struct.field(name), part).alias(name) for name, part in members
            ]
            return pl.when(value.is_not_null()).then(pl.struct(parts))
        case Repeated(element):
            return value.list.eval(_prepared(pl.element(), element))
        case Mapped(key, element):
            name = _prepared(pl.element().struct.field("key"), key).alias("key")
            part = _prepared(pl.element().struct.field("value"), element).alias("value")
            return value.list.eval(pl.struct(name, part))
    return value.cast(pl.String)


def _is_ready(node: Node) -> bool:
    match node:
        case Instant():
            return False
        case Record(members):
            return bool(members) and all(_is_ready(part) for _, part in members)
        case Repeated(element):
            return _is_ready(element)
        case Mapped(key, element):
            return _is_ready(key) and _is_ready(element)
    return node.sql_type.kind is not Kind.DECIMAL


def _instant(value: pl.Expr, node: Instant) -> pl.Expr:
    units = 1_000_000 if time_unit(node.sql_type) == "us" else 1_000_000_000
    passed = value.cast(pl.Int64)
    seconds = passed // units
    nanos = (passed - seconds * units) * (1_000_000_000 // units)
    if node.limited:
        held = seconds.is_between(_FIRST_SECOND, _LAST_SECOND)
        nanos = pl.when(held).then(nanos).otherwise(pl.lit(_NO_NANOS, pl.Int64))
    both = pl.struct(seconds.alias("seconds"), nanos.alias("nanos"))
    return pl.when(value.is_not_null()).then(both)


def _finish(node: Node) -> Callable[[Any], Any] | None:
    """What turns the entries of the maps in a value into dicts; None where it has no maps."""
    match node:
        case Record(members):
            found = [(name, done) for name, part in members if (done := _finish(part)) is not None]
            return _in_record(found) if found else None
        case Repeated(element):
            done = _finish(element)
            return None if done is None else _in_list(done)
        case Mapped(_, element):
            return _to_dict(_finish(element) or _as_it_is)
    return None


def _as_it_is(value: Any) -> Any:
    return value


def _in_record(members: list[tuple[str, Callable[[Any], Any]]]) -> Callable[[Any], Any]:
    def finish(value: Any) -> Any:
        if value is not None:
            for name, done in members:
                value[name] = done(value[name])
        return value

    return finish


def _in_list(done: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def finish(value: Any) -> Any:
        return None if value is None else [done(one) for one in value]

    return finish


def _to_dict(done: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def finish(value: Any) -> Any:
        if value is None:
            return None
        # A NULL entry of the list is a NULL key.
        entries = (entry or {"key": None, "value": None} for entry in value)
        return {entry["key"]: done(entry["value"]) for entry in entries}

    return finish


def _has_oneofs(node: Node) -> bool:
    match node:
        case Record(members, _, oneofs):
            return bool(oneofs) or any(_has_oneofs(part) for _, part in members)
        case Repeated(element) | Mapped(_, element):
            return _has_oneofs(element)
    return False
