"""Mistakes that are told before a job starts."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2

from tests.transforms.sql.protobuf_files import (
    SCALARS,
    SHOP,
    descriptor_set,
    shop_file,
    shop_set,
    strict_set,
    timestamp_file,
)
from transforms.sql import types
from transforms.sql.errors import SqlError, SqlErrors
from transforms.sql.protobuf_messages import message_class
from transforms.sql.protobuf_rows import ProtobufRows
from transforms.sql.types import Field, SqlType

INTEGERS = {types.TINYINT, types.SMALLINT, types.INT, types.BIGINT}
TEXTS = {types.STRING, SqlType(types.Kind.VARCHAR, length=9), SqlType(types.Kind.CHAR, length=2)}
BINARIES = {types.BYTES, SqlType(types.Kind.VARBINARY, length=9)}
OTHERS = {
    types.BOOLEAN,
    types.FLOAT,
    types.DOUBLE,
    types.decimal(5, 2),
    types.DATE,
    types.time(),
    types.timestamp(),
    types.timestamp_ltz(),
    types.INTERVAL,
    types.row(Field("city", types.STRING)),
    types.array(types.INT),
    types.map_of(types.STRING, types.INT),
}
EVERY = INTEGERS | TEXTS | BINARIES | OTHERS
FITS: dict[str, set[SqlType]] = {
    **{f"a_{name}": INTEGERS for name in SCALARS if "int" in name or "fixed" in name},
    "a_bool": {types.BOOLEAN},
    "a_string": TEXTS | {types.decimal(5, 2)},
    "a_bytes": BINARIES,
    "a_float": {types.FLOAT},
    "a_double": {types.FLOAT, types.DOUBLE},
    "state": INTEGERS | TEXTS,
    "at": {types.timestamp(), types.timestamp_ltz()},
    "clock": {types.timestamp(), types.timestamp_ltz()},
    "place": {types.row(Field("city", types.STRING))},
    "many_int32": {types.array(types.INT)},
    "counts": {types.map_of(types.STRING, types.INT)},
}


def mistakes(*columns: tuple[str, SqlType]) -> list[str]:
    with pytest.raises(SqlErrors) as caught:
        ProtobufRows(columns, shop_set(), SHOP)
    return [str(error) for error in caught.value.errors]


@pytest.mark.parametrize("field", FITS)
def test_a_field_takes_its_types_and_no_others(field: str) -> None:
    descriptors = shop_set()

    def is_taken(sql_type: SqlType) -> bool:
        try:
            ProtobufRows([(field, sql_type)], descriptors, SHOP)
        except SqlErrors:
            return False
        return True

    assert {sql_type for sql_type in EVERY if is_taken(sql_type)} == FITS[field]


@pytest.mark.parametrize(
    ("column", "sql_type", "expected"),
    [
        (
            "a_double",
            types.decimal(10, 2),
            "column 'a_double' is DECIMAL(10, 2), and the field shop.v1.Item.a_double is double; "
            "what fits is DOUBLE or FLOAT: CAST the column, or change the field",
        ),
        (
            "at",
            types.STRING,
            "column 'at' is STRING, and the field shop.v1.Item.at is the message "
            "google.protobuf.Timestamp; what fits is TIMESTAMP, or a ROW of its fields: CAST the "
            "column, or change the field",
        ),
        (
            "states",
            types.STRING,
            "column 'states' is STRING, and the field shop.v1.Item.states is repeated the enum "
            "shop.v1.State; what fits is an ARRAY of STRING (the name), TINYINT, SMALLINT, INT or "
            "BIGINT: CAST the column, or change the field",
        ),
        (
            "counts",
            types.array(types.INT),
            "column 'counts' is ARRAY<INT>, and the field shop.v1.Item.counts is map<string, "
            "int32>; what fits is a MAP with keys of STRING, CHAR, VARCHAR or DECIMAL and values "
            "of TINYINT, SMALLINT, INT or BIGINT: CAST the column, or change the field",
        ),
        (
            "places",
            types.array(types.row(Field("zip", types.STRING))),
            "column 'places', the elements, field 'zip' is STRING, and the field "
            "shop.v1.Place.zip is int32; what fits is TINYINT, SMALLINT, INT or BIGINT: CAST the "
            "column, or change the field",
        ),
        (
            "homes",
            types.map_of(types.STRING, types.row(Field("town", types.STRING))),
            "column 'homes', the key is STRING, and the field shop.v1.Item.HomesEntry.key is "
            "int64; what fits is TINYINT, SMALLINT, INT or BIGINT: CAST the column, or change the "
            "field",
        ),
        (
            "many_in32",
            types.array(types.INT),
            "column 'many_in32': the message shop.v1.Item has no such field; did you mean "
            "'many_int32' or 'a_int32' or 'a_uint32'?",
        ),
    ],
)
def test_a_mistake_names_the_column_both_types_and_what_fits(
    column: str, sql_type: SqlType, expected: str
) -> None:
    assert mistakes((column, sql_type))[0] == expected


def test_every_mistake_is_told_at_once() -> None:
    found = mistakes(("a_bool", types.INT), ("a_string", types.STRING), ("nothing", types.INT))

    assert [message.split(" is ")[0].split(":")[0] for message in found] == [
        "column 'a_bool'",
        "column 'nothing'",
    ]


def test_a_required_field_needs_a_column() -> None:
    with pytest.raises(SqlErrors, match=r"the field Strict\.id is required, .* add 'id'"):
        ProtobufRows([("level", types.INT)], strict_set(), "Strict")


def test_a_sink_without_columns_is_a_mistake() -> None:
    with pytest.raises(SqlError, match="needs a column, got none"):
        ProtobufRows([], shop_set(), SHOP)


@pytest.mark.parametrize(
    ("name", "full_name"),
    [
        ("shop.v1.Item", "shop.v1.Item"),
        ("shop.v1.Item.Inner", "shop.v1.Item.Inner"),
        ("com.shop.ItemEvents$Item", "shop.v1.Item"),
        ("com.shop.ItemEvents$Item$Inner", "shop.v1.Item.Inner"),
        ("com.google.protobuf.Timestamp", "google.protobuf.Timestamp"),
    ],
)
def test_a_message_goes_by_its_name_or_its_java_class(name: str, full_name: str) -> None:
    assert message_class(shop_set(), name).DESCRIPTOR.full_name == full_name


def test_a_file_named_as_its_message_has_an_outer_class_as_protoc_makes_it() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="item.proto", syntax="proto3")
    file.message_type.add(name="Item")

    found = message_class(descriptor_set(file), "ItemOuterClass$Item")

    assert found.DESCRIPTOR.full_name == "Item"


def test_an_unknown_message_is_told_with_the_names_there_are() -> None:
    with pytest.raises(
        SqlError, match=r"no message 'shop\.v1\.Itm'; did you mean .*shop\.v1\.Item"
    ):
        message_class(shop_set(), "shop.v1.Itm")


@pytest.mark.parametrize("content", [b"", b"syntax = 'proto3';\n", b"\x00\x01", b"\xff" * 20])
def test_what_is_no_descriptor_set_is_told_with_protocs_command(content: bytes) -> None:
    with pytest.raises(SqlError, match="protoc --include_imports --descriptor_set_out"):
        message_class(content, "shop.v1.Item")


def test_an_import_that_was_left_out_is_named() -> None:
    with pytest.raises(SqlError, match=r"lacks 'google/protobuf/timestamp\.proto'.*protoc"):
        message_class(descriptor_set(shop_file()), SHOP)


def test_files_may_come_in_any_order() -> None:
    found = message_class(descriptor_set(shop_file(), timestamp_file()), SHOP)

    assert found.DESCRIPTOR.full_name == SHOP
