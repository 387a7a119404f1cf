"""Bytes that Avro libraries read on over are failures, by both decoders alike."""

from typing import Any

import pytest

from tests.transforms.avro_decoders import both_decoders, decoder_or_skip
from tests.transforms.avro_framing import decoded, framed, record_of, varint

ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}
WIDE = {**DECIMAL, "precision": 60}
FIXED = {"type": "fixed", "name": "F", "size": 4, "logicalType": "decimal", "precision": 4}
INTS = {"type": "array", "items": "int"}
NULLS = {"type": "array", "items": "null"}
EMPTY = {"type": "array", "items": {"type": "record", "name": "N", "fields": []}}
MAP = {"type": "map", "values": "int"}
LONG_BYTES = b"\xff" * 9

CORRUPT: list[tuple[Any, bytes, str]] = [
    ("boolean", b"\x02", "boolean byte 2, expected 0 or 1"),
    ("int", b"\x80\x00", "padded"),
    ("int", b"\xff\xff\xff\xff\x1f", "more than 32 bits"),
    ("int", b"\x80\x80\x80\x80\x80\x01", "more than 32 bits"),
    ("long", b"\x81\x80\x00", "padded"),
    ("long", LONG_BYTES + b"\x02", "more than 64 bits"),
    ("long", LONG_BYTES + b"\xff\x01", "more than 64 bits"),
    ("long", b"\xff", "the bytes end before the value does"),
    ("string", varint(-1), "a length of -1 bytes"),
    ("string", varint(2**62), "a length of 4611686018427387904 bytes, 0 are left"),
    ("string", varint(1) + b"\xff", "a string that is not UTF-8"),
    ("string", varint(3) + b"\xed\xa0\x80", "a string that is not UTF-8"),
    ("string", varint(2) + b"\xc0\x80", "a string that is not UTF-8"),
    ("bytes", varint(2**40), "a length of 1099511627776 bytes"),
    ("double", b"\x00" * 7, "a length of 8 bytes, 7 are left"),
    (["null", "int"], varint(2), "union branch 2, the schema has 2 branches"),
    (["null", "int"], varint(-1), "union branch -1, the schema has 2 branches"),
    (["int", "null"], varint(2**40), "union branch 1099511627776"),
    (["int", "null"], b"\x80\x00\x02", "padded"),
    (ENUM, varint(2), "enum symbol 2, the schema has 2 symbols"),
    (ENUM, varint(-1), "enum symbol -1, the schema has 2 symbols"),
    (DECIMAL, varint(0), "a decimal of no bytes"),
    (DECIMAL, varint(2) + b"\x27\x10", "a decimal of more than 4 digits"),
    (DECIMAL, varint(2) + b"\xd8\xf0", "a decimal of more than 4 digits"),
    (DECIMAL, varint(40) + b"\x01" + bytes(39), "a decimal of more than 4 digits"),
    (WIDE, varint(26) + b"\x7f" + bytes(25), "a decimal of more than 60 digits"),
    (FIXED, b"\x01\x00\x00\x00", "a decimal of more than 4 digits"),
    (FIXED, b"\x01\x00\x00", "a length of 4 bytes, 3 are left"),
    (INTS, varint(2**60) + b"\x00" * 8, "the bytes end before the value does"),
    (INTS, varint(-(2**63)) + varint(0), "the bytes end before the value does"),
    (INTS, varint(-1) + varint(2) + b"\x00\x00", "a block of 1 bytes says that it has 2"),
    (INTS, varint(-1) + varint(-1) + b"\x00\x00", "a block of 1 bytes says that it has -1"),
    (NULLS, varint(2**60) + b"\x00", "more than 1,000 array items that take no bytes"),
    (NULLS, varint(-(2**63)) + varint(0) + b"\x00", "more than 1,000 array items"),
    (NULLS, (varint(1000) + varint(1)) + b"\x00", "more than 1,000 array items"),
    (EMPTY, varint(2**60) + b"\x00", "more than 1,000 array items that take no bytes"),
    ({"type": "array", "items": NULLS}, varint(2) + (varint(900) + b"\x00") * 2, "more than 1,000"),
    (MAP, varint(1) + varint(1) + b"\xff\x00\x00", "key: a string that is not UTF-8"),
    (MAP, varint(2**31) + b"\x00\x00", "the bytes end before the value does"),
    ("null", b"\x00", "1 bytes are left over after the record"),
]

VALID: list[tuple[Any, bytes, Any]] = [
    ("int", b"\xff\xff\xff\xff\x0f", -(2**31)),
    ("long", LONG_BYTES + b"\x01", -(2**63)),
    (INTS, varint(-2) + varint(2) + b"\x02\x04" + varint(1) + b"\x06\x00", [1, 2, 3]),
    (MAP, varint(-1) + varint(3) + varint(1) + b"k\x02" + b"\x00", [("k", 1)]),
    (NULLS, varint(999) + varint(1) + b"\x00", [None] * 1000),
    (EMPTY, varint(2) + b"\x00", [{}, {}]),
    (DECIMAL, varint(40) + b"\xff" * 40, "-0.01"),
]


@both_decoders
@pytest.mark.parametrize(("avro", "body", "message"), CORRUPT)
def test_corrupt_bytes_are_a_failure_and_the_neighbours_are_unharmed(
    avro: Any, body: bytes, message: str, name: str
) -> None:
    schema = record_of("int", avro)
    good = next((good for kind, good, _ in VALID if kind is avro), None)
    bad = framed(b"\x02" + body)
    values = [bad] if good is None else [framed(b"\x02" + good), bad, framed(b"\x04" + good)]
    result = decoded(schema, values, decoder_or_skip(name))
    [failure] = result.failures
    assert (failure.error_class, failure.schema_id) == ("CorruptRecord", 1)
    assert message in failure.message
    if good is None:
        assert result.groups == []
    else:
        assert result.groups[0].positions.tolist() == [0, 2]
        assert result.groups[0].rows.column("a").to_pylist() == [1, 2]


@both_decoders
@pytest.mark.parametrize(("avro", "body", "expected"), VALID)
def test_unusual_bytes_that_avro_allows_are_read(
    avro: Any, body: bytes, expected: Any, name: str
) -> None:
    result = decoded(record_of(avro), [framed(body)], decoder_or_skip(name))
    assert result.failures == []
    [value] = result.groups[0].rows.column("a").to_pylist()
    assert (str(value) if isinstance(expected, str) else value) == expected


@both_decoders
def test_a_failure_names_the_path_of_the_field(name: str) -> None:
    inner = {"type": "record", "name": "In", "fields": [{"name": "flag", "type": "boolean"}]}
    schema = record_of(["null", inner])
    result = decoded(schema, [framed(varint(1) + b"\x07")], decoder_or_skip(name))
    assert result.failures[0].message == "a.flag: boolean byte 7, expected 0 or 1"
