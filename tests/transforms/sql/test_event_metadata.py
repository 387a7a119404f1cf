"""Metadata columns: of the Kafka record, of Debezium's envelope, order keys and event ids."""

from __future__ import annotations

import base64
from typing import Any

import pyarrow as pa
import pytest

from tests.transforms.sql.job_runs import Recorded, recorded, run, script, source_options
from tests.transforms.sql.made_envelopes import CAPTURED_AT, SOURCE, change, envelope, events

ITEMS = recorded("pg_adaptive", ".items_evo")
MADE = events((envelope(id="int"), [change("c", None, {"id": 1}), None, change("d", {"id": 1})]))


def column(
    declared: str, sql_type: str, source: Recorded = MADE, batch_sizes: tuple[int, ...] = ()
) -> list[Any]:
    """The values of one metadata column."""
    text = script(f"v {sql_type} METADATA FROM '{declared}'", f"v {sql_type}", "v")
    ran = run(text, source, batch_sizes=batch_sizes)
    ran.check_sums()
    assert ran.refusals == []
    return [row["v"] for row in ran.only()]


@pytest.mark.parametrize(
    ("key", "sql_type", "values"),
    [
        ("op", "STRING", ["c", "d"]),
        ("op", "CHAR(1)", ["c", "d"]),
        ("table", "STRING", ["items", "items"]),
        ("source.table", "STRING", ["items", "items"]),
        ("source.db", "VARCHAR(10)", ["shop", "shop"]),
        ("source.lsn", "BIGINT", [1_000, 1_002]),
        ("source.no_such_field", "STRING", [None, None]),
        ("ts_ms", "BIGINT", [CAPTURED_AT] * 2),
        ("ts_ms", "TIMESTAMP_LTZ(3)", ["2026-04-24 03:06:40.456Z"] * 2),
        ("ts_ms", "TIMESTAMP_LTZ(0)", ["2026-04-24 03:06:40Z"] * 2),
        ("source.ts_ms", "BIGINT", [SOURCE["ts_ms"]] * 2),
        ("source.ts_ms", "TIMESTAMP_LTZ(6)", ["2026-04-24 03:06:40.123Z"] * 2),
        ("topic", "STRING", ["t", "t"]),
        ("partition", "INT", [0, 0]),
        ("partition", "BIGINT", [0, 0]),
        ("offset", "BIGINT", [0, 2]),
        ("timestamp", "TIMESTAMP_LTZ(3)", ["2026-05-01 12:30:15.25Z"] * 2),
        ("timestamp", "TIMESTAMP_LTZ(0)", ["2026-05-01 12:30:15Z"] * 2),
        ("timestamp", "TIMESTAMP_LTZ(9)", ["2026-05-01 12:30:15.25Z"] * 2),
        ("headers", "MAP<STRING, BYTES>", [{}, {}]),
    ],
)
@pytest.mark.parametrize("batch_sizes", [(), (1, 1)])
def test_a_metadata_column_has_the_value_of_its_own_record(
    key: str, sql_type: str, values: list[Any], batch_sizes: tuple[int, ...]
) -> None:
    assert column(key, sql_type, batch_sizes=batch_sizes) == values


def test_headers_are_those_of_the_record() -> None:
    found = column("headers", "MAP<STRING, BYTES>", recorded("pg_adaptive", ".items"))
    lines = recorded("pg_adaptive", ".items").records.to_pylist()
    expected = [
        {one["key"]: base64.b64encode(one["value"]).decode() for one in line["headers"]}
        for line in lines
        if line["value"] is not None
    ]
    assert found == expected
    assert any("__debezium.newkey" in headers for headers in found)
    assert any("__debezium.oldkey" in headers for headers in found)


@pytest.mark.parametrize("key", ["op", "table", "ts_ms", "order_key", "event_id"])
def test_a_metadata_column_may_have_another_name_and_none_is_in_the_way(key: str) -> None:
    sql_type = "BIGINT" if key == "ts_ms" else "STRING"
    text = script(f"`{key}` {sql_type} METADATA", f"`{key}` {sql_type}", f"`{key}`")
    assert [row[key] for row in run(text, MADE).only()] == column(key, sql_type)


@pytest.mark.parametrize("recording", ["mysql_adaptive", "pg_adaptive", "mariadb_adaptive"])
@pytest.mark.parametrize("topic", [".items", ".items_evo"])
def test_order_keys_ascend_in_a_partition_and_event_ids_differ(recording: str, topic: str) -> None:
    source = recorded(recording, topic)
    keys = column("order_key", "STRING", source)
    assert keys == sorted(keys)
    assert None not in keys
    ids = column("event_id", "STRING", source)
    assert len(set(ids)) == len(ids)
    assert {len(one) for one in ids} == {32}


@pytest.mark.parametrize("key", ["order_key", "event_id"])
@pytest.mark.parametrize("batch_sizes", [(1,) * 30, (2, 3, 5, 7), (500,)])
def test_order_keys_and_event_ids_do_not_depend_on_the_batches(
    key: str, batch_sizes: tuple[int, ...]
) -> None:
    for recording in ("mysql_adaptive", "pg_adaptive"):
        source = recorded(recording, ".items_evo")
        parts = column(key, "STRING", source, batch_sizes)
        assert parts == column(key, "STRING", source)


def test_an_event_id_is_the_same_when_the_record_comes_again() -> None:
    again = ITEMS._replace(records=ITEMS.records.slice(3, 4))
    assert column("event_id", "STRING", again) == column("event_id", "STRING", ITEMS)[3:7]


def test_events_that_have_no_order_are_dead_letters_only_of_who_asks() -> None:
    schema = envelope(id="int")
    changes = [{**change("c", None, {"id": number})} for number in (1, 2)]
    lost = {**SOURCE, "connector": "mysql"}
    source = events((schema, [changes[0], {**changes[1], "source": lost}]))
    text = script("k STRING METADATA FROM 'order_key', id INT", "k STRING, id INT", "k, id")
    ran = run(text, source)
    ran.check_sums()
    assert [row["id"] for row in ran.only()] == [1]
    (refusal,) = ran.refusals
    assert (refusal.position, refusal.stage, refusal.error_class) == (1, "source", "NoOrderKey")
    assert refusal.message.startswith("job.sql:1:")
    without = run(script("id INT", "id INT", "id"), source)
    assert [row["id"] for row in without.only()] == [1, 2]


def test_metadata_of_the_record_goes_with_every_format() -> None:
    text = script(
        "op STRING, `offset` BIGINT METADATA, topic STRING METADATA",
        "op STRING, o BIGINT, topic STRING",
        "op, `offset`, topic",
        options=source_options("avro-confluent"),
    )
    assert [tuple(row.values()) for row in run(text, MADE).only()] == [("c", 0, "t"), ("d", 2, "t")]


def test_a_metadata_column_of_another_type_is_told_by_its_name() -> None:
    text = script("moment INT METADATA FROM 'source.ts_ms'", "v INT", "moment")
    ran = run(text, MADE)
    assert {one.error_class for one in ran.refusals} == {"SchemaMismatch"}
    assert "'moment' is declared INT, and the topic has int64" in ran.refusals[0].message


def test_a_timestamp_of_a_record_that_no_column_holds_is_a_dead_letter() -> None:
    far = pa.array([2**62, 2**62, 0], pa.timestamp("ms", "UTC"))
    place = MADE.records.schema.get_field_index("timestamp")
    records = MADE.records.set_column(place, MADE.records.schema.field(place), far)
    text = script("v TIMESTAMP_LTZ(3) METADATA FROM 'timestamp'", "v TIMESTAMP_LTZ(3)", "v")
    ran = run(text, MADE._replace(records=records))
    ran.check_sums()
    assert [row["v"] for row in ran.only()] == ["1970-01-01 00:00:00Z"]
    assert "the record's timestamp does not fit" in ran.refusals[0].message
