"""Which SQL type goes into which protobuf field, as Flink's protobuf format maps them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from transforms.sql.errors import did_you_mean
from transforms.sql.types import Field, Kind, SqlType, element_type, key_type

Type = FieldDescriptor


@dataclasses.dataclass(frozen=True)
class Value:
    """One value. low, high: the whole numbers that the field holds. enum: whose value it is."""

    sql_type: SqlType
    low: int | None = None
    high: int | None = None
    enum: EnumDescriptor | None = None


@dataclasses.dataclass(frozen=True)
class Instant:
    """A TIMESTAMP as seconds since 1970 and nanoseconds. limited: to the years 1 to 9999."""

    sql_type: SqlType
    limited: bool


@dataclasses.dataclass(frozen=True)
class Record:
    """A message. oneofs: those that several of its members are part of."""

    members: tuple[tuple[str, Node], ...]
    required: frozenset[str]
    oneofs: tuple[tuple[str, tuple[str, ...]], ...]


@dataclasses.dataclass(frozen=True)
class Repeated:
    """An ARRAY."""

    element: Node


@dataclasses.dataclass(frozen=True)
class Mapped:
    """A MAP."""

    key: Node
    value: Node


Node = Value | Instant | Record | Repeated | Mapped

_SIGNED = {
    **dict.fromkeys((Type.TYPE_INT32, Type.TYPE_SINT32, Type.TYPE_SFIXED32), 32),
    **dict.fromkeys((Type.TYPE_INT64, Type.TYPE_SINT64, Type.TYPE_SFIXED64), 64),
}
_UNSIGNED = {
    **dict.fromkeys((Type.TYPE_UINT32, Type.TYPE_FIXED32), 32),
    **dict.fromkeys((Type.TYPE_UINT64, Type.TYPE_FIXED64), 64),
}
_INTEGER = "TINYINT, SMALLINT, INT or BIGINT"
_NAMES = {
    value: name.removeprefix("TYPE_").lower()
    for name, value in vars(Type).items()
    if name.startswith("TYPE_")
}


def record_of(
    fields: Sequence[Field], message: Descriptor, place: str, errors: list[str]
) -> Record:
    """How the fields of a ROW, or a sink's columns, go into a message; mistakes go into `errors`.

    place: begins the name of a field in a mistake, as in "column 'a'" for the columns.
    """
    known = {field.name: field for field in message.fields}
    members: list[tuple[str, Node]] = []
    for field in fields:
        where = f"{place}, field {field.name!r}" if place else f"column {field.name!r}"
        target = known.get(field.name)
        if target is None:
            errors.append(
                f"{where}: the message {message.full_name} has no such field; "
                f"{did_you_mean(field.name, known)}"
            )
        elif (node := node_of(field.type, target, where, errors)) is not None:
            members.append((field.name, node))
    required = frozenset(field.name for field in message.fields if _is_required(field))
    names = {field.name for field in fields}
    for name in sorted(required - names):
        errors.append(
            f"{place or 'the sink'}: the field {message.full_name}.{name} is required, and nothing "
            f"is written into it; add {name!r}"
        )
    oneofs = (
        (oneof.name, tuple(field.name for field in oneof.fields if field.name in names))
        for oneof in message.oneofs
    )
    several = tuple((name, found) for name, found in oneofs if len(found) > 1)
    return Record(tuple(members), required, several)


def node_of(
    sql_type: SqlType, field: FieldDescriptor, where: str, errors: list[str]
) -> Node | None:
    """How a value goes into a field; None with a mistake in `errors` where it does not."""
    if _is_map(field):
        if sql_type.kind is not Kind.MAP:
            return _unfit(sql_type, field, where, errors)
        entry = field.message_type.fields_by_name
        key = _single(key_type(sql_type), entry["key"], f"{where}, the key", errors)
        value = _single(element_type(sql_type), entry["value"], f"{where}, the value", errors)
        return None if key is None or value is None else Mapped(key, value)
    if _is_repeated(field):
        if sql_type.kind is not Kind.ARRAY:
            return _unfit(sql_type, field, where, errors)
        element = _single(element_type(sql_type), field, f"{where}, the elements", errors)
        return None if element is None else Repeated(element)
    return _single(sql_type, field, where, errors)


def _single(
    sql_type: SqlType, field: FieldDescriptor, where: str, errors: list[str]
) -> Node | None:
    """How a value goes into a field, or into one element of it."""
    kind, target = sql_type.kind, field.type
    if field.message_type is not None:
        if kind is Kind.ROW:
            return record_of(sql_type.fields, field.message_type, where, errors)
        if sql_type.is_timestamp and _is_instant(field.message_type):
            limited = field.message_type.full_name == "google.protobuf.Timestamp"
            return Instant(sql_type, limited)
    elif target in _SIGNED and sql_type.is_integer:
        half = 1 << _SIGNED[target] - 1
        return Value(sql_type, -half, half - 1)
    elif target in _UNSIGNED and sql_type.is_integer:
        return Value(sql_type, 0, (1 << _UNSIGNED[target]) - 1)
    elif target == Type.TYPE_ENUM and (sql_type.is_integer or sql_type.is_string):
        return Value(sql_type, -(1 << 31), (1 << 31) - 1, field.enum_type)
    elif (
        (target == Type.TYPE_STRING and (sql_type.is_string or kind is Kind.DECIMAL))
        or (target == Type.TYPE_BYTES and sql_type.is_binary)
        or (target == Type.TYPE_BOOL and kind is Kind.BOOLEAN)
        or (target == Type.TYPE_FLOAT and kind is Kind.FLOAT)
        or (target == Type.TYPE_DOUBLE and kind in (Kind.FLOAT, Kind.DOUBLE))
    ):
        return Value(sql_type)
    return _unfit(sql_type, field, where, errors, single=True)


def _unfit(
    sql_type: SqlType,
    field: FieldDescriptor,
    where: str,
    errors: list[str],
    *,
    single: bool = False,
) -> Node | None:
    """Adds to `errors`, and gives no node."""
    text = _name(field, single=single)
    errors.append(
        f"{where} is {sql_type}, and the field {field.full_name} is {text}; what fits is "
        f"{_what_fits(field, single=single)}: CAST the column, or change the field"
    )
    return None


def _name(field: FieldDescriptor, *, single: bool) -> str:
    if not single and _is_map(field):
        entry = field.message_type.fields_by_name
        names = (_name(entry[part], single=True) for part in ("key", "value"))
        return f"map<{', '.join(names)}>"
    if field.message_type is not None:
        name = f"the message {field.message_type.full_name}"
    elif field.enum_type is not None:
        name = f"the enum {field.enum_type.full_name}"
    else:
        name = _NAMES[field.type]
    return f"repeated {name}" if _is_repeated(field) and not single else name


def _what_fits(field: FieldDescriptor, *, single: bool) -> str:
    if not single and _is_map(field):
        entry = field.message_type.fields_by_name
        key, value = (_what_fits(entry[part], single=True) for part in ("key", "value"))
        return f"a MAP with keys of {key} and values of {value}"
    if not single and _is_repeated(field):
        return f"an ARRAY of {_what_fits(field, single=True)}"
    if field.message_type is not None:
        fits = "a ROW of its fields"
        return f"TIMESTAMP, or {fits}" if _is_instant(field.message_type) else fits
    if field.type in _SIGNED or field.type in _UNSIGNED:
        return _INTEGER
    return {
        Type.TYPE_ENUM: f"STRING (the name), {_INTEGER}",
        Type.TYPE_STRING: "STRING, CHAR, VARCHAR or DECIMAL",
        Type.TYPE_BYTES: "BYTES, BINARY or VARBINARY",
        Type.TYPE_BOOL: "BOOLEAN",
        Type.TYPE_FLOAT: "FLOAT",
        Type.TYPE_DOUBLE: "DOUBLE or FLOAT",
    }[field.type]


def _is_instant(message: Descriptor) -> bool:
    types = {field.name: field.type for field in message.fields}
    return types == {"seconds": Type.TYPE_INT64, "nanos": Type.TYPE_INT32}


def _is_map(field: FieldDescriptor) -> bool:
    message = field.message_type
    return message is not None and message.GetOptions().map_entry


def _is_repeated(field: FieldDescriptor) -> bool:
    return field.is_repeated


def _is_required(field: FieldDescriptor) -> bool:
    return field.is_required
