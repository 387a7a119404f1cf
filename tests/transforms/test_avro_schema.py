"""Schemas that have no Arrow columns are refused with a message that says where and why."""

import json
from typing import Any

import pytest

from tests.transforms.avro_decoders import both_decoders, decoder_or_skip
from tests.transforms.avro_framing import decoded, framed, record_of
from transforms.avro_schema import MAX_DEPTH, parse_schema
from transforms.avro_types import UnsupportedSchema

TREE = record_of("int", {"type": "array", "items": "R"})


def nested(depth: int) -> Any:
    schema: Any = "int"
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def doubling(times: int) -> Any:
    schema: Any = "int"
    for level in range(times):
        fields = [{"name": "x", "type": schema}, {"name": "y", "type": f"T{level - 1}"}]
        fields = fields if level else fields[:1]
        schema = {"type": "record", "name": f"T{level}", "fields": fields}
    return schema


UNSUPPORTED: list[tuple[Any, str]] = [
    (record_of(["int", "string"]), r"a: a union of \[int, string\]; expected null and one other"),
    (record_of(["null", "int", "string"]), r"a: a union of \[null, int, string\]"),
    (record_of(["null", "null"]), r"a: a union of \[null, null\]"),
    (record_of([]), r"a: a union of \[\]"),
    (record_of([["null", "int"]]), "a: a union of"),
    (TREE, r"b\[\]: type 'R' is recursive; Arrow types are finite"),
    (record_of("Missing"), "a: type 'Missing' is not defined before it is used"),
    (record_of({"type": "enum", "name": "E"}), "a: enum 'E' needs symbols, not None"),
    (record_of({"type": "fixed", "name": "F", "size": -1}), "a: fixed 'F' needs a size in bytes"),
    (record_of({"type": "record", "name": "N"}), "a: a record needs fields, not None"),
    (record_of({"type": "record", "fields": []}), "a: a record needs a name, not None"),
    (record_of({"type": "record", "name": "R", "fields": []}), "a: type 'R' is defined twice"),
    (record_of({"type": "array"}), r"a\[\]: expected an Avro type, not None"),
    (record_of({"type": 5}), "a: expected the name of an Avro type, not 5"),
    (
        record_of({"type": "bytes", "logicalType": "decimal", "precision": 77, "scale": 2}),
        r"a: decimal\(77, 2\) has more digits than Arrow's 76",
    ),
    ({"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}] * 2}, "of its own"),
    (nested(MAX_DEPTH + 1), "the schema is nested more than 30 levels deep"),
    (doubling(20), "the schema has more than 10,000 types"),
    (5, "expected an Avro type, not 5"),
]


@pytest.mark.parametrize(("schema", "message"), UNSUPPORTED)
def test_a_schema_without_arrow_columns_is_refused(schema: Any, message: str) -> None:
    with pytest.raises(UnsupportedSchema, match=message):
        parse_schema(json.dumps(schema))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\ud800", '{"type"'])
def test_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedSchema, match="the schema is not JSON"):
        parse_schema(text)


@both_decoders
@pytest.mark.parametrize("schema", [TREE, record_of(["int", "string"])])
def test_records_of_an_unsupported_schema_are_failures_and_no_crash(schema: Any, name: str) -> None:
    result = decoded(schema, [framed(b"\x00\x00"), None, framed(b"\x00")], decoder_or_skip(name))
    assert result.groups == []
    assert [(failure.position, failure.error_class) for failure in result.failures] == [
        (0, "UnsupportedSchema"),
        (2, "UnsupportedSchema"),
    ]


@both_decoders
def test_the_deepest_schema_and_one_of_thousands_of_columns_are_decoded(name: str) -> None:
    body = b"\x02" * (MAX_DEPTH - 1) + b"\x06" + b"\x00" * (MAX_DEPTH - 1)
    result = decoded(nested(MAX_DEPTH - 1), [framed(body)], decoder_or_skip(name))
    assert str(result.groups[0].rows.to_pylist()[0]["value"]).strip("[]") == "3"
    wide = {**record_of(), "fields": [{"name": f"c{at}", "type": "int"} for at in range(3000)]}
    result = decoded(wide, [framed(b"\x02" * 3000)], decoder_or_skip(name))
    assert result.groups[0].rows.num_columns == 3000
