"""What becomes of records that are no changes, and of tables that cannot be kept apart."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import pyarrow as pa
import pytest

from kami.tables import warehouse_name
from tests.transforms.avro_recordings import Schemas
from tests.transforms.change_log_recordings import NOW, rows_of
from transforms.avro import choose_decoder
from transforms.change_log_headers import canonical
from transforms.change_log_lives import OneSource
from transforms.change_log_missing import PLACEHOLDER
from transforms.change_log_order import EventOrder
from transforms.change_log_rows import ChangeLog, LogBatch
from transforms.change_log_tables import TableNames
from transforms.change_log_times import clock_texts, moment_texts, without_zeros, zoned_texts
from transforms.records import RECORD_SCHEMA
from transforms.sql.source import polars_series

TEXT: list[Any] = ["null", "string"]
SOURCE: list[dict[str, Any]] = [
    {"name": "connector", "type": "string"},
    {"name": "name", "type": "string"},
    {"name": "db", "type": "string"},
    {"name": "schema", "type": "string"},
    {"name": "table", "type": "string"},
    {"name": "lsn", "type": ["null", "long"]},
    {"name": "ts_ms", "type": "long"},
]
MAP: dict[str, Any] = {"type": "map", "values": "string"}
COLUMNS: list[dict[str, Any]] = [
    {"name": "id", "type": "int"},
    {"name": "note", "type": TEXT},
    {"name": "raw", "type": ["null", "bytes"]},
    {"name": "tags", "type": ["null", {"type": "array", "items": TEXT}]},
    {"name": "numbers", "type": ["null", {"type": "array", "items": "int"}]},
    {"name": "pairs", "type": ["null", MAP]},
]


def named(name: str, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": fields}


SCHEMAS: dict[int, dict[str, Any]] = {
    1: named("Key", [{"name": "id", "type": "int"}]),
    2: named(
        "Envelope",
        [
            {"name": "before", "type": ["null", named("Value", COLUMNS)]},
            {"name": "after", "type": ["null", "Value"]},
            {"name": "source", "type": named("Source", SOURCE)},
            {"name": "op", "type": "string"},
            {"name": "ts_ms", "type": ["null", "long"]},
        ],
    ),
    3: named("Heartbeat", [{"name": "ts_ms", "type": "long"}]),
    4: named(
        "TransactionMetadataValue",
        [
            {"name": "status", "type": "string"},
            {"name": "id", "type": "string"},
            {"name": "event_count", "type": ["null", "long"]},
            {"name": "ts_ms", "type": "long"},
        ],
    ),
    5: named("Order", [{"name": "id", "type": "int"}, {"name": "total", "type": "int"}]),
}


def encoded(schema_id: int, value: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(SCHEMAS[schema_id]), value)
    return b"\x00" + schema_id.to_bytes(4, "big") + out.getvalue()


def change(op: str = "c", table: str = "items", schema: str = "public", **row: Any) -> bytes:
    empty = dict.fromkeys(str(column["name"]) for column in COLUMNS)
    source = {
        "connector": "postgresql",
        "name": "prefix",
        "db": "shop",
        "schema": schema,
        "table": table,
        "lsn": 5,
        "ts_ms": 1,
    }
    after = {**empty, "id": 1, **row}
    return encoded(2, {"before": None, "after": after, "source": source, "op": op, "ts_ms": 7})


def processed(values: list[bytes | None], keys: list[bytes | None] | None = None) -> LogBatch:
    count = len(values)
    key = encoded(1, {"id": 1})
    columns: list[pa.Array[Any]] = [
        pa.array(["prefix.public.items"] * count, pa.string()),
        pa.array([0] * count, pa.int32()),
        pa.array(range(count), pa.int64()),
        pa.array([1] * count, pa.int64()).cast(pa.timestamp("ms", "UTC")),
        pa.nulls(count, RECORD_SCHEMA.field("headers").type),
        pa.array(keys or [key] * count, pa.binary()),
        pa.array(values, pa.binary()),
    ]
    records = pa.RecordBatch.from_arrays(columns, schema=RECORD_SCHEMA)
    schemas = Schemas({number: json.dumps(schema) for number, schema in SCHEMAS.items()})
    order = EventOrder(OneSource("shop"))
    names = TableNames(warehouse_name)
    return ChangeLog(schemas, choose_decoder(), order, names, lambda: NOW).process(records)


def test_heartbeats_transactions_and_messages_are_skipped_and_counted() -> None:
    begin = {"status": "BEGIN", "id": "1:2", "event_count": None, "ts_ms": 1}
    found = processed([encoded(3, {"ts_ms": 1}), encoded(4, begin), None, change()])
    assert vars(found.counts) == {
        "records": 4,
        "rows": 1,
        "tombstones": 1,
        "skipped": 2,
        "dead_letters": 0,
    }


def test_a_record_that_is_no_change_event_is_refused_with_the_next_step() -> None:
    (refusal,) = processed([encoded(5, {"id": 1, "total": 2})]).refusals
    assert (refusal.stage, refusal.error_class) == ("source", "NoChangeEvent")
    assert "leave out its topic (--topics)" in refusal.message


def test_a_key_that_cannot_be_decoded_is_a_dead_letter_of_its_record() -> None:
    found = processed([change(), change(), None], [b"\x00", encoded(1, {"id": 1}), b"\x00"])
    assert [(each.position, each.stage) for each in found.refusals] == [(0, "decode")]
    assert "the record's key" in found.refusals[0].message
    assert found.counts.rows == found.counts.tombstones == 1


def test_a_record_without_a_key_has_no_key_text() -> None:
    (row,) = rows_of(processed([change("t")], [None]))["items"]
    assert row["_key"] is row["key"] is None


def test_tables_whose_names_differ_by_case_or_schema_alone_are_kept_apart() -> None:
    values: list[bytes | None] = [
        change(),
        change(table="Items"),
        change(schema="a"),
        change(table="a_items"),
    ]
    found = processed(values)
    assert found.rows.keys() == {"items", "a_items"}
    assert [each.position for each in found.refusals] == [1, 3]
    assert "would both be 'Items'" in found.refusals[0].message


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("note", PLACEHOLDER),
        ("raw", PLACEHOLDER.encode()),
        ("tags", [PLACEHOLDER]),
        ("numbers", list(PLACEHOLDER.encode())),
        ("pairs", {PLACEHOLDER: PLACEHOLDER}),
    ],
)
def test_what_was_not_sent_is_left_out_of_after(column: str, value: Any) -> None:
    found = processed([change(note="n"), change(**{column: value}), change(note=None)])
    rows = rows_of(found)["items"]
    assert [row["_missing_columns"] for row in rows] == [[], [column], []]
    names = {str(each["name"]) for each in COLUMNS}
    assert json.loads(rows[1]["after"]).keys() == names - {column}
    assert json.loads(rows[0]["after"]) == {**dict.fromkeys(names), "id": 1, "note": "n"}


def test_nested_values_are_json_of_the_same() -> None:
    found = processed([change(tags=["a", None, 'b"'], numbers=[1, 2], pairs={"k": "v"})])
    after = json.loads(rows_of(found)["items"][0]["after"])
    assert after["tags"] == ["a", None, 'b"']
    assert after["numbers"] == [1, 2]
    assert after["pairs"] == {"k": "v"}


def test_keys_in_headers_have_the_form_of_keys() -> None:
    fields: list[pa.Field[Any]] = [
        pa.field("day", pa.date32()),
        pa.field("at", pa.timestamp("ms", "UTC"), metadata={"connect.name": CONNECT_TIMESTAMP}),
        pa.field("name", pa.string()),
    ]
    schema = pa.schema(fields)
    raw = [
        b'{"day":2026-03-01,"at":2026-02-28T08:00:00.120Z,"name":"x"}',
        b'{"day":2026-03-01,"at":2026-02-28,"name":"y"}',
    ]
    assert [json.loads(text) for text in canonical(raw, schema)] == [
        {"day": "2026-03-01", "at": "2026-02-28T08:00:00.12", "name": "x"},
        {"day": "2026-03-01", "at": "2026-02-28T00:00:00", "name": "y"},
    ]
    assert canonical([b"no json", b'{"other":1}'], schema) == ['"no json"', '{"other":1}']


CONNECT_TIMESTAMP = "org.apache.kafka.connect.data.Timestamp"


def test_times_have_no_zeros_at_the_end_and_zones_are_utc() -> None:
    def texts(*values: str) -> Any:
        return polars_series(pa.array(values, pa.string()))

    given = texts("2026-01-01T10:00:00Z", "2026-01-01T10:00:00.100000Z", "10:20:00.000Z")
    wanted = ["2026-01-01T10:00:00Z", "2026-01-01T10:00:00.1Z", "10:20:00Z"]
    assert without_zeros(given).to_list() == wanted
    moved = texts("2026-01-01T01:30:00+02:00", "infinity", "2026-01-01T10:00:00Z")
    assert zoned_texts(moved).to_list() == [
        "2025-12-31T23:30:00Z",
        "infinity",
        "2026-01-01T10:00:00Z",
    ]


def test_numbers_of_times_beyond_a_day_and_of_nothing() -> None:
    ticks = polars_series(pa.array([-1, None, 86_400_000_000, 90_061_000_001], pa.int64()))
    assert clock_texts(ticks, "us").to_list() == [
        "-00:00:00.000001",
        None,
        "24:00:00",
        "25:01:01.000001",
    ]
    moments = polars_series(pa.array([None, -1], pa.int64()))
    assert moment_texts(moments, "ms", "Z").to_list() == [None, "1969-12-31T23:59:59.999Z"]
