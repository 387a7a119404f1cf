"""Arrow columns become change events that this project's decoders and fastavro read back."""

import datetime
import io
import json
from decimal import Decimal
from typing import Any

import fastavro
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.avro_decoders import both_decoders, decoder_or_skip
from tests.transforms.envelope_rows import Registry, encoded, schema_of, source_rows, table_of
from transforms.avro import decode
from transforms.change_log_json import Rows, json_texts
from transforms.envelope_records import EnvelopeEncoder


def _json_field(name: str, kind: pa.DataType, semantic: str) -> Any:
    metadata: dict[bytes | str, bytes | str] = {b"connect.name": semantic.encode()}
    return pa.field(name, kind, metadata=metadata)


def _whole(bits: int, *, signed: bool = True) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else _unsigned(bits)


def _unsigned(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


def _decimals(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    limit = 10**digits - 1
    return st.integers(-limit, limit).map(lambda number: Decimal(f"{number}e-{scale}"))


_TEXT = st.text(st.characters(codec="utf-8"))
_MOMENTS = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)
TYPES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "yes": (pa.field("yes", pa.bool_()), st.booleans()),
    "i8": (pa.field("i8", pa.int8()), _whole(8)),
    "i16": (pa.field("i16", pa.int16()), _whole(16)),
    "i32": (pa.field("i32", pa.int32()), _whole(32)),
    "i64": (pa.field("i64", pa.int64()), _whole(64)),
    "u16": (pa.field("u16", pa.uint16()), _unsigned(16)),
    "u32": (pa.field("u32", pa.uint32()), _unsigned(32)),
    "u64": (pa.field("u64", pa.uint64()), _unsigned(64)),
    "f32": (pa.field("f32", pa.float32()), st.floats(width=32, allow_nan=False)),
    "f64": (pa.field("f64", pa.float64()), st.floats(allow_nan=False)),
    "d10": (pa.field("d10", pa.decimal128(10, 2)), _decimals(10, 2)),
    "d38": (pa.field("d38", pa.decimal128(38, 0)), _decimals(38, 0)),
    "d76": (pa.field("d76", pa.decimal256(76, 30)), _decimals(76, 30)),
    "text": (pa.field("text", pa.string()), _TEXT),
    "long_text": (pa.field("long_text", pa.large_string()), _TEXT),
    "octets": (pa.field("octets", pa.binary()), st.binary()),
    "json": (_json_field("json", pa.string(), "io.debezium.data.Json"), _TEXT),
    "day": (pa.field("day", pa.date32()), st.dates()),
    "clock": (pa.field("clock", pa.time64("us")), st.times()),
    "moment": (pa.field("moment", pa.timestamp("us")), _MOMENTS),
    "zoned": (pa.field("zoned", pa.timestamp("us", "UTC")), _MOMENTS),
    "numbers": (pa.field("numbers", pa.list_(pa.int32())), st.lists(st.none() | _whole(32))),
    "texts": (pa.field("texts", pa.list_(pa.string())), st.lists(st.none() | _TEXT)),
    "prices": (pa.field("prices", pa.list_(pa.decimal128(12, 3))), st.lists(_decimals(12, 3))),
}
ROW = schema_of(pa.field("id", pa.int64(), nullable=False), *(each for each, _ in TYPES.values()))


@st.composite
def _rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    values = st.fixed_dictionaries({name: st.none() | of for name, (_, of) in TYPES.items()})
    count = draw(st.integers(1, 4))
    return [{"id": draw(_whole(64)), **draw(values)} for _ in range(count)]


def _decoded(records: pa.RecordBatch, column: str, registry: Registry, name: str) -> pa.RecordBatch:
    values: Any = records.column(column)
    found = decode(values, registry, decoder_or_skip(name))
    assert not found.failures
    (group,) = found.groups
    return group.rows


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """The row as its Avro says it."""
    found = dict(row)
    epoch = datetime.date(1970, 1, 1)
    if found["day"] is not None:
        found["day"] = (found["day"] - epoch).days
    if (clock := found["clock"]) is not None:
        seconds = clock.hour * 3600 + clock.minute * 60 + clock.second
        found["clock"] = seconds * 1_000_000 + clock.microsecond
    if found["u64"] is not None:
        found["u64"] = Decimal(found["u64"])
    zoned = found["zoned"]
    if zoned is not None:
        moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        text = (moment + datetime.timedelta(microseconds=zoned)).isoformat()
        head, dot, fraction = text.replace("+00:00", "").partition(".")
        digits = fraction.rstrip("0")
        found["zoned"] = f"{head}{dot if digits else ''}{digits}Z"
    return found


@both_decoders
@settings(max_examples=60, deadline=None)
@given(rows=_rows())
def test_every_value_is_read_back_as_it_was(name: str, rows: list[dict[str, Any]]) -> None:
    registry = Registry()
    records = encoded(rows, table_of(ROW), registry)
    found = _decoded(records, "value", registry, name)
    assert found.column("after").to_pylist() == [_plain(row) for row in rows]
    assert found.column("before").null_count == len(rows)
    assert found.column("source").to_pylist() == source_rows(len(rows)).to_pylist()
    assert found.column("op").to_pylist() == ["u"] * len(rows)
    assert found.column("ts_us").to_pylist() == [1_700_000_000_123_000] * len(rows)
    assert found.column("transaction").null_count == len(rows)
    keys = _decoded(records, "key", registry, name)
    assert keys.to_pylist() == [{"id": row["id"]} for row in rows]


@settings(max_examples=40, deadline=None)
@given(rows=_rows())
def test_fastavro_reads_what_was_written_to_its_last_byte(rows: list[dict[str, Any]]) -> None:
    registry = Registry()
    records = encoded(rows, table_of(ROW), registry)
    schema = fastavro.parse_schema(json.loads(registry.schema(2)))
    values: list[Any] = records.column("value").to_pylist()
    for row, raw in zip(rows, values, strict=True):
        body = io.BytesIO(raw[5:])
        found: Any = fastavro.schemaless_reader(body, schema, None)
        assert found["after"] == _plain(row)
        assert not body.read()


@both_decoders
def test_nan_and_the_infinities_are_floats_as_any_other(name: str) -> None:
    registry = Registry()
    row = {name: None for name in ROW.names} | {"id": 1}
    rows = [row | {"f64": float(each), "f32": float(each)} for each in ("nan", "inf", "-inf")]
    found = _decoded(encoded(rows, table_of(ROW), registry), "value", registry, name)
    after: list[Any] = found.column("after").to_pylist()
    assert [str(each["f64"]) for each in after] == ["nan", "inf", "-inf"]
    assert [str(each["f32"]) for each in after] == ["nan", "inf", "-inf"]


@both_decoders
def test_a_delete_has_its_key_alone(name: str) -> None:
    registry = Registry()
    before: Any = pa.array([{"id": 4}, {"id": -5}])
    encoder = EnvelopeEncoder(table_of(ROW), registry)
    ops, times = pa.array(["d", "d"]), pa.array([5, 6])
    records = encoder.records(before, None, ops, times, source_rows(2), 7)
    assert records.column("offset").to_pylist() == [7, 8]
    assert _decoded(records, "key", registry, name).to_pylist() == [{"id": 4}, {"id": -5}]
    value = _decoded(records, "value", registry, name)
    assert value.column("after").null_count == 2
    before_rows: list[Any] = value.column("before").to_pylist()
    (first, _) = before_rows
    assert {name for name, given in first.items() if given is not None} == {"id"}


def test_semantic_types_make_the_text_that_a_connector_would_make() -> None:
    registry = Registry()
    row = {
        **dict.fromkeys(ROW.names),
        "id": 1,
        "day": datetime.date(2024, 2, 29),
        "clock": datetime.time(23, 59, 59, 500_000),
        "moment": 1_000_001,
        "zoned": 1_500_000,
        "d10": Decimal("-0.10"),
        "octets": b"\x00\xff",
    }
    records = encoded([row], table_of(ROW), registry)
    after: Any = _decoded(records, "value", registry, "fastavro").column("after")
    found = json.loads(json_texts(Rows(after))[0])
    assert {name: given for name, given in found.items() if given is not None} == {
        "id": 1,
        "day": "2024-02-29",
        "clock": "23:59:59.5",
        "moment": "1970-01-01T00:00:01.000001",
        "zoned": "1970-01-01T00:00:01.5Z",
        "d10": "-0.10",
        "octets": "AP8=",
    }


def test_sliced_columns_are_read_from_where_they_begin() -> None:
    registry = Registry()
    rows = [
        {**dict.fromkeys(ROW.names), "id": number, "d76": Decimal(number), "texts": [str(number)]}
        for number in range(9)
    ]
    struct: Any = pa.array(rows, pa.struct(list(ROW)))
    encoder = EnvelopeEncoder(table_of(ROW), registry)
    ops, times = pa.array(["c"] * 9).slice(5, 2), pa.array(range(9)).slice(5, 2)
    records = encoder.records(None, struct.slice(5, 2), ops, times, source_rows(9).slice(5, 2), 0)
    decoded = _decoded(records, "value", registry, "fastavro")
    after: list[Any] = decoded.column("after").to_pylist()
    assert [(row["id"], row["d76"], row["texts"]) for row in after] == [
        (5, Decimal(5), ["5"]),
        (6, Decimal(6), ["6"]),
    ]


def test_an_empty_batch_has_no_records() -> None:
    assert encoded([], table_of(ROW), Registry()).num_rows == 0
