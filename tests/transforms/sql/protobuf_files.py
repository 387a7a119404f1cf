"""Descriptor sets as protoc compiles them."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, timestamp_pb2

Field = descriptor_pb2.FieldDescriptorProto
SHOP = "shop.v1.Item"
"""The message of `shop_set` with a field of every type."""

SCALARS = (
    "double float int64 uint64 int32 fixed64 fixed32 bool string bytes uint32 sfixed32 sfixed64 "
    "sint32 sint64"
).split()


def descriptor_set(*files: descriptor_pb2.FileDescriptorProto) -> bytes:
    return descriptor_pb2.FileDescriptorSet(file=files).SerializeToString()


def timestamp_file() -> descriptor_pb2.FileDescriptorProto:
    return descriptor_pb2.FileDescriptorProto.FromString(timestamp_pb2.DESCRIPTOR.serialized_pb)


def add_field(
    message: descriptor_pb2.DescriptorProto,
    name: str,
    type_name: str,
    *,
    repeated: bool = False,
    **options: Any,
) -> None:
    """Adds a field; type_name: `int32`, ... or the full name of a message or, with a + before it,
    of an enum."""
    field = message.field.add(name=name, number=len(message.field) + 1, **options)
    field.label = Field.LABEL_REPEATED if repeated else options.get("label", Field.LABEL_OPTIONAL)
    if type_name in SCALARS:
        field.type = Field.Type.Value(f"TYPE_{type_name.upper()}")
    else:
        field.type = Field.TYPE_ENUM if type_name.startswith("+") else Field.TYPE_MESSAGE
        field.type_name = "." + type_name.removeprefix("+")


def add_map(message: descriptor_pb2.DescriptorProto, name: str, key: str, value: str) -> None:
    """Adds a map field to a message of shop.v1."""
    entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
    entry.options.map_entry = True
    add_field(entry, "key", key)
    add_field(entry, "value", value)
    add_field(message, name, f"shop.v1.{message.name}.{entry.name}", repeated=True)


def shop_file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="shop/item_events.proto",
        package="shop.v1",
        syntax="proto3",
        dependency=["google/protobuf/timestamp.proto"],
    )
    file.options.java_package = "com.shop"
    state = file.enum_type.add(name="State")
    for number, name in enumerate(("UNKNOWN", "NEW", "SOLD")):
        state.value.add(name=name, number=number)
    place = file.message_type.add(name="Place")
    add_field(place, "city", "string")
    add_field(place, "zip", "int32")
    add_field(place, "at", "google.protobuf.Timestamp")
    clock = file.message_type.add(name="Clock")
    add_field(clock, "seconds", "int64")
    add_field(clock, "nanos", "int32")
    item = file.message_type.add(name="Item")
    for name in SCALARS:
        add_field(item, f"a_{name}", name)
    for name in ("string", "int32", "sint64", "double", "bool", "bytes"):
        add_field(item, f"many_{name}", name, repeated=True)
    add_field(item, "state", "+shop.v1.State")
    add_field(item, "states", "+shop.v1.State", repeated=True)
    add_field(item, "place", "shop.v1.Place")
    add_field(item, "places", "shop.v1.Place", repeated=True)
    add_field(item, "at", "google.protobuf.Timestamp")
    add_field(item, "clock", "shop.v1.Clock")
    add_map(item, "counts", "string", "int32")
    add_map(item, "homes", "int64", "shop.v1.Place")
    add_map(item, "flags", "bool", "+shop.v1.State")
    item.oneof_decl.add(name="contact")
    add_field(item, "mail", "string", oneof_index=0)
    add_field(item, "phone", "string", oneof_index=0)
    item.nested_type.add(name="Inner")
    return file


def shop_set() -> bytes:
    return descriptor_set(timestamp_file(), shop_file())


def strict_set() -> bytes:
    """A proto2 message with a required field and an enum whose numbers are closed."""
    file = descriptor_pb2.FileDescriptorProto(name="strict.proto", syntax="proto2")
    level = file.enum_type.add(name="Level")
    for number, name in ((1, "LOW"), (5, "HIGH")):
        level.value.add(name=name, number=number)
    strict = file.message_type.add(name="Strict")
    add_field(strict, "id", "int64", label=Field.LABEL_REQUIRED)
    add_field(strict, "level", "+Level")
    return descriptor_set(file)
