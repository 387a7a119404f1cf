"""What each Avro type becomes in Arrow, by both decoders."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tests.transforms.avro_decoders import both_decoders, decoder_or_skip
from tests.transforms.avro_framing import decoded, only_rows, record_of, written

UUID = "00010203-0405-0607-0809-0a0b0c0d0eff"
UUID_BYTES = bytes.fromhex(UUID.replace("-", ""))
DURATION = {"name": "D", "type": "fixed", "size": 12, "logicalType": "duration"}
LONG = {"least": -(2**63), "most": 2**63 - 1}


def logical(kind: str, name: str, /, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": name, **more}


def decimal(kind: str, precision: int, scale: int, **more: Any) -> dict[str, Any]:
    return logical(kind, "decimal", precision=precision, scale=scale, **more)


def fixed(size: int, **more: Any) -> dict[str, Any]:
    return {"type": "fixed", "name": "F", "size": size, **more}


def ints(values: list[int | None], arrow: pa.DataType) -> Any:
    whole = pa.int32() if arrow.bit_width == 32 else pa.int64()
    return pa.array(values, whole).view(arrow)


# pyarrow takes a field for the values of a map; its stubs know of types alone.
REQUIRED_DOUBLE: Any = pa.field("value", pa.float64(), False)

# Avro type, Arrow type, values as they are written, values as they come out.
CASES: list[tuple[Any, pa.DataType, list[Any], Any]] = [
    ("boolean", pa.bool_(), [True, False], None),
    ("int", pa.int32(), [0, -1, 2**31 - 1, -(2**31)], None),
    ("long", pa.int64(), [0, *LONG.values()], None),
    ("float", pa.float32(), [0.5, -0.0, float("inf")], None),
    ("double", pa.float64(), [0.1, -1e308, float("-inf")], None),
    ("string", pa.string(), ["", "Crème", "\U0001f600\x00"], None),
    ("bytes", pa.binary(), [b"", b"\xff\x00"], None),
    (fixed(3), pa.binary(), [b"abc", b"\x00\xff\x00"], None),
    ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, pa.string(), ["B", "A"], None),
    (logical("string", "uuid"), pa.string(), [UUID, UUID.upper(), "no uuid"], None),
    (fixed(16, logicalType="uuid"), pa.string(), [UUID_BYTES], [UUID]),
    (
        DURATION,
        pa.struct([pa.field(n, pa.uint32(), False) for n in ("months", "days", "milliseconds")]),
        [bytes([1, 0, 0, 0, 2, 0, 0, 0, 255, 255, 255, 255])],
        [{"months": 1, "days": 2, "milliseconds": 2**32 - 1}],
    ),
    (
        decimal("bytes", 10, 2),
        pa.decimal128(10, 2),
        [b"\x00", b"\xff", b"\x30\x39", b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"],
        [Decimal("0.00"), Decimal("-0.01"), Decimal("123.45"), Decimal("0.01")],
    ),
    (
        decimal("bytes", 38, 38),
        pa.decimal128(38, 38),
        [(10**38 - 1).to_bytes(16, "big"), (1 - 10**38).to_bytes(20, "big", signed=True)],
        [Decimal(f"0.{'9' * 38}"), Decimal(f"-0.{'9' * 38}")],
    ),
    (
        decimal("bytes", 76, 0),
        pa.decimal256(76, 0),
        [(10**76 - 1).to_bytes(32, "big"), b"\x80"],
        [Decimal("9" * 76), Decimal(-128)],
    ),
    (
        decimal("fixed", 5, 1, name="F", size=3),
        pa.decimal128(5, 1),
        [b"\xff\xff\xff", b"\x01\x86\x9f"],
        [Decimal("-0.1"), Decimal("9999.9")],
    ),
    (
        # More bytes than arrow-avro takes.
        decimal("fixed", 10, 0, name="F", size=40),
        pa.decimal128(10, 0),
        [b"\xff" * 40],
        [Decimal(-1)],
    ),
    (fixed(0), pa.binary(), [b"", b""], None),
    (logical("int", "date"), pa.date32(), [0, -719_529, 2**31 - 1, -(2**31)], ints),
    (logical("int", "time-millis"), pa.time32("ms"), [0, 86_399_999, 86_400_000], ints),
    (logical("long", "time-micros"), pa.time64("us"), [0, 86_399_999_999], ints),
    *[
        (
            logical("long", f"{kind}timestamp-{name}"),
            pa.timestamp(unit, zone),
            [0, *LONG.values()],
            ints,
        )
        for name, unit in (("millis", "ms"), ("micros", "us"), ("nanos", "ns"))
        for kind, zone in (("", "UTC"), ("local-", None))
    ],
    # Microseconds in the year 50,000, which Python's datetime does not have.
    (logical("long", "timestamp-micros"), pa.timestamp("us", "UTC"), [1_515_695_328 * 10**9], ints),
    ({"type": "array", "items": ["null", "int"]}, pa.list_(pa.int32()), [[], [1, None]], None),
    (
        {"type": "map", "values": "double"},
        pa.map_(pa.string(), REQUIRED_DOUBLE),
        [{}, {"é": 0.5, "b": 2.0}],
        [[], [("é", 0.5), ("b", 2.0)]],
    ),
    # Debezium in its adaptive mode: no logical type, only Connect's name.
    ({"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"}, pa.int64(), [5], None),
]


@both_decoders
@pytest.mark.parametrize(
    ("avro", "arrow", "values", "expected"), CASES, ids=[str(case[0])[:70] for case in CASES]
)
def test_a_type_has_its_arrow_type_and_values_also_as_a_nullable_one(
    avro: Any, arrow: pa.DataType, values: list[Any], expected: Any, name: str
) -> None:
    decoder = decoder_or_skip(name)
    if expected is None:
        expected = values
    plain = record_of(avro)
    rows = only_rows(decoded(plain, [written(plain, {"a": it}) for it in values], decoder))
    assert rows.schema.field("a").type.equals(arrow)
    assert not rows.schema.field("a").nullable
    assert rows.column("a").equals(wanted(expected, values, arrow))
    for union, nulls in ((["null", avro], [None, *values]), ([avro, "null"], [*values, None])):
        schema = record_of(union)
        rows = only_rows(decoded(schema, [written(schema, {"a": it}) for it in nulls], decoder))
        assert rows.schema.field("a").nullable
        at = nulls.index(None)
        outcome = ints if expected is ints else [*expected[:at], None, *expected[at:]]
        assert rows.column("a").equals(wanted(outcome, nulls, arrow))


def wanted(expected: Any, values: list[Any], arrow: pa.DataType) -> Any:
    if expected is ints:
        return ints(values, arrow)
    return pa.array(expected, arrow)


@both_decoders
def test_a_decimal_of_more_digits_than_its_bytes_can_hold_is_read(name: str) -> None:
    schema = record_of(decimal("fixed", 10, 1, name="F", size=2))
    value = written(record_of(fixed(2)), {"a": b"\x7f\xff"})
    rows = only_rows(decoded(schema, [value], decoder_or_skip(name)))
    assert rows.column("a").equals(pa.array([Decimal("3276.7")], pa.decimal128(10, 1)))


@both_decoders
@pytest.mark.parametrize(
    ("avro", "value"),
    [
        (decimal("bytes", 2, 3), b"\x01"),
        (decimal("bytes", 0, 0), b"\x01"),
        (logical("bytes", "decimal"), b"\x01"),
        (logical("string", "date"), "x"),
        (logical("long", "time-millis"), 7),
        (logical("long", "no-such-type"), 7),
    ],
)
def test_a_logical_type_that_is_not_valid_is_ignored(avro: Any, value: Any, name: str) -> None:
    written_as = record_of(avro["type"])
    rows = only_rows(
        decoded(record_of(avro), [written(written_as, {"a": value})], decoder_or_skip(name))
    )
    assert rows.to_pylist() == [{"a": value}]


@both_decoders
def test_a_named_type_is_found_again_by_its_name_and_namespace(name: str) -> None:
    value = {"type": "record", "name": "Value", "fields": [{"name": "id", "type": "long"}]}
    schema = {
        "type": "record",
        "name": "Envelope",
        "namespace": "server.db.t",
        "fields": [
            {"name": "before", "type": ["null", {**value, "connect.name": "server.db.t.Value"}]},
            {"name": "after", "type": ["null", "Value"]},
            {"name": "again", "type": "server.db.t.Value"},
        ],
    }
    row = {"before": None, "after": {"id": 7}, "again": {"id": 8}}
    rows = only_rows(decoded(schema, [written(schema, row)], decoder_or_skip(name)))
    assert rows.to_pylist() == [row]
    assert rows.schema.field("after").metadata == {b"connect.name": b"server.db.t.Value"}


@both_decoders
def test_an_inner_record_without_a_namespace_takes_the_outer_one(name: str) -> None:
    inner = {"type": "fixed", "name": "other.Id", "size": 2}
    nested = {"type": "record", "name": "other.In", "fields": [{"name": "x", "type": inner}]}
    schema = record_of(nested, "other.Id", "other.In")
    row = {"a": {"x": b"ab"}, "b": b"cd", "c": {"x": b"ef"}}
    rows = only_rows(decoded(schema, [written(schema, row)], decoder_or_skip(name)))
    assert rows.to_pylist() == [row]


@both_decoders
def test_a_decimal_without_a_fixed_scale_is_debeziums_record_of_scale_and_bytes(name: str) -> None:
    variable = {
        "type": "record",
        "name": "VariableScaleDecimal",
        "fields": [{"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}],
        "connect.name": "io.debezium.data.VariableScaleDecimal",
    }
    schema = record_of(["null", variable])
    row = {"a": {"scale": 3, "value": b"\x04\xd2"}}
    rows = only_rows(decoded(schema, [written(schema, row)], decoder_or_skip(name)))
    assert rows.to_pylist() == [row]
    assert rows.schema.field("a").metadata == {
        b"connect.name": b"io.debezium.data.VariableScaleDecimal"
    }


@both_decoders
def test_semantic_names_are_kept_in_items_map_values_and_optional_fields(name: str) -> None:
    semantic = {"type": "string", "connect.name": "N", "connect.parameters": {"b": "2", "a": "1"}}
    schema = record_of(
        {"type": "array", "items": semantic}, {"type": "map", "values": ["null", semantic]}
    )
    row = {"a": ["x"], "b": {"k": "y"}}
    rows = only_rows(decoded(schema, [written(schema, row)], decoder_or_skip(name)))
    metadata = {b"connect.name": b"N", b"connect.parameters": b'{"a": "1", "b": "2"}'}
    array, mapping = rows.schema.field("a").type, rows.schema.field("b").type
    assert isinstance(array, pa.ListType)
    assert isinstance(mapping, pa.MapType)
    assert array.value_field.metadata == metadata
    assert mapping.item_field.metadata == metadata
    assert mapping.item_field.nullable
    assert not array.value_field.nullable


@both_decoders
def test_names_that_avro_does_not_allow_are_columns_all_the_same(name: str) -> None:
    schema = record_of("int")
    value = written(schema, {"a": 5})
    odd = {**schema, "name": "shop-1.Ünï", "fields": [{"name": "größe in €", "type": "int"}]}
    assert only_rows(decoded(odd, [value], decoder_or_skip(name))).to_pylist() == [
        {"größe in €": 5}
    ]


@both_decoders
@pytest.mark.parametrize("schema", ['"string"', '{"type": "string"}', "string"])
def test_a_schema_that_is_no_record_has_the_one_column_value(schema: str, name: str) -> None:
    rows = only_rows(decoded(schema, [written("string", "é")], decoder_or_skip(name)))
    assert rows.to_pylist() == [{"value": "é"}]


@both_decoders
def test_a_record_without_fields_is_a_row_without_columns(name: str) -> None:
    schema = record_of()
    rows = only_rows(decoded(schema, [written(schema, {})] * 3, decoder_or_skip(name)))
    assert (rows.num_rows, rows.num_columns) == (3, 0)


@both_decoders
def test_null_and_unions_of_one_type_are_read(name: str) -> None:
    schema = record_of("null", ["int"], ["null"])
    row = {"a": None, "b": 4, "c": None}
    rows = only_rows(decoded(schema, [written(schema, row)], decoder_or_skip(name)))
    assert rows.to_pylist() == [row]
    assert [field.nullable for field in rows.schema] == [True, False, True]
