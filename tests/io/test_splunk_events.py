"""Rows as events of HEC."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given

from pipeline_io.record_schema import SINK_ROWS
from pipeline_io.splunk_config import SplunkConfig
from pipeline_io.splunk_events import encoded
from pipeline_io.splunk_json import not_json
from tests.splunk.rows import EPOCH_MS, sink_rows

CONFIG: dict[str, Any] = {"urls": ("https://hec:8088",), "token": "env://T"}


def events_of(rows: pa.RecordBatch, **options: Any) -> list[Any]:
    """The events as a reader of concatenated JSON finds them."""
    events, refused = encoded(rows, SplunkConfig(**CONFIG, **options))
    assert not refused
    found, place = [], 0
    text = bytes(events.between(0, len(events))).decode()
    while place < len(text):
        event, place = json.JSONDecoder().raw_decode(text, place)
        found.append(event)
    assert len(found) == len(events) == rows.num_rows
    return found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=5,
)


@given(
    st.lists(JSON, max_size=8), st.lists(st.text(max_size=6) | st.none(), min_size=8, max_size=8)
)
def test_whatever_a_row_holds_stays_in_its_event(
    values: list[Any], names: list[str | None]
) -> None:
    payloads = [json.dumps(value).encode() for value in values]
    attributes = [{"event_id": name, "table": name} for name in names[: len(values)]]
    keys = [json.dumps({"host": name}).encode() for name in names[: len(values)]]

    found = events_of(sink_rows(payloads, keys, attributes), sourcetype="x")

    assert [event["event"] for event in found] == values
    for number, (event, name) in enumerate(zip(found, names, strict=False)):
        assert event.get("host") == name
        assert event["fields"].get("table") == name
        named = f"shop.items:0:{number}" if name is None else name
        assert event["fields"]["event_id"] == named
        assert event["sourcetype"] == "x"


@given(st.lists(st.binary(max_size=6), max_size=6))
def test_only_json_passes(payloads: list[bytes]) -> None:
    def is_json(text: bytes) -> bool:
        try:
            json.loads(text.decode(), parse_constant=lambda _: 1 / 0)
        except (ValueError, ZeroDivisionError):
            return False
        return True

    expected = [row for row, text in enumerate(payloads) if not is_json(text)]
    assert not_json(pa.array(payloads, pa.large_binary())) == expected


@pytest.mark.parametrize(
    "payloads",
    [
        [b'{"a":1', b'"b":2}'],
        [b"[1", b"2]"],
        [b"1,2"],
        [b"1,2,3", b"[4", b"5]"],
        [b'1},{"event":2'],
        [b'"a', b'b"'],
        [b"", b"1"],
        [b"[1", b"2],3", b"4"],
    ],
)
def test_a_payload_cannot_reach_into_another(payloads: list[bytes]) -> None:
    bad = not_json(pa.array([b"0", *payloads, b"0"], pa.large_binary()))
    assert bad
    assert {0, len(payloads) + 1}.isdisjoint(bad)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"1.5", 1.5),
        (b'"1767225600.25"', 1_767_225_600.25),
        (b'"2026-01-01 00:00:00.5"', 1_767_225_600.5),
        (b'"2026-01-01T00:00:00.123456Z"', 1_767_225_600.123456),
        (b'"2026-01-01 00:00:00"', 1_767_225_600.0),
        (b"null", EPOCH_MS / 1000),
        (b'"soon"', EPOCH_MS / 1000),
        (b"-1", EPOCH_MS / 1000),
    ],
)
def test_the_time_is_what_the_row_says_else_the_records(said: bytes, expected: float) -> None:
    (event,) = events_of(sink_rows([b"1"], [b'{"time":%s}' % said]))
    assert event["time"] == expected


@pytest.mark.parametrize("key", [b'{"index":"history"}', b'{"_metadata":{"index":"history"}}'])
def test_a_row_says_more_than_a_template(key: bytes) -> None:
    one, other = events_of(sink_rows([b"1", b"2"], [key, None]), index="main", host="{topic}")
    assert (one["index"], other["index"]) == ("history", "main")
    assert one["host"] == "shop.items"


def test_a_template_of_what_is_missing_is_left_out() -> None:
    (event,) = events_of(sink_rows([b"1"]), source="table {table}", index="")
    assert {"source", "index", "host"}.isdisjoint(event)


@pytest.mark.parametrize(
    "key", [b"", b"1", b"[]", b'{"index":{"a":1}}', b'{"host":[1]}', b"{no", b'{"_metadata":1}']
)
def test_a_key_that_is_no_metadata_is_refused(key: bytes) -> None:
    events, refused = encoded(sink_rows([b"1", b"2"], [key, None]), SplunkConfig(**CONFIG))
    assert [(one.row, one.error_class) for one in refused] == [(0, "BadMetadata")]
    assert events.rows.tolist() == [1]


def test_a_message_of_pubsub_keeps_its_event_id_or_has_its_own() -> None:
    headers = [("goog-message-id", b"42"), ("event_id", b"e7"), ("event_id", b"e8")]
    rows = sink_rows([b"1"], attributes=[{}], headers=headers)
    assert events_of(rows)[0]["fields"] == {
        "event_id": "e7",
        "topic": "shop.items",
        "message_id": "42",
    }
    rows = sink_rows([b"1"], attributes=[{}], headers=headers[:1])
    assert events_of(rows)[0]["fields"]["event_id"] == "shop.items:42"


def test_rows_without_records_and_fields_are_bare_events() -> None:
    rows = pa.RecordBatch.from_arrays(
        [
            pa.array([b"1"], pa.large_binary()),
            *[pa.nulls(1, field.type) for field in list(SINK_ROWS)[1:]],
        ],
        schema=SINK_ROWS,
    )
    assert events_of(rows) == [{"event": 1}]
    assert events_of(sink_rows([b"1"]), fields=False) == [{"time": EPOCH_MS / 1000, "event": 1}]


def test_a_slice_of_a_batch_is_as_good_as_a_batch() -> None:
    rows = sink_rows([b"%d" % number for number in range(10)], headers=[("table", b"t")])
    assert events_of(rows.slice(3, 4)) == events_of(rows)[3:7]
    assert events_of(rows.slice(3, 0)) == []
