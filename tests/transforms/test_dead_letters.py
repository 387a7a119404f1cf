import base64
import datetime
import json
from typing import Any

import pyarrow as pa
import pytest

from transforms.dead_letters import (
    DEAD_LETTER_SCHEMA,
    MESSAGE_LIMIT,
    Origin,
    Refusal,
    dead_letters,
)
from transforms.records import RECORD_SCHEMA

AT = datetime.datetime(2026, 5, 1, 12, 30, 15, 250_999, tzinfo=datetime.timezone.utc)
ORIGIN = Origin("aml", "1.2.3")


def record(offset: int = 0, **other: Any) -> dict[str, Any]:
    return {
        "topic": "shop.items",
        "partition": 3,
        "offset": offset,
        "timestamp": datetime.datetime(2026, 1, 2, 3, 4, 5, 6_000, tzinfo=datetime.timezone.utc),
        "headers": [{"key": "h", "value": b"\xff\x00"}, {"key": "none", "value": None}],
        "key": b"\x00k",
        "value": b"\x00\xfe payload",
        **other,
    }


def letters(rows: list[dict[str, Any]], *refusals: Refusal) -> list[dict[str, Any]]:
    records = pa.RecordBatch.from_pylist(rows, schema=RECORD_SCHEMA)
    batch = dead_letters(records, refusals, ORIGIN, AT)
    batch.validate(full=True)
    assert batch.schema == DEAD_LETTER_SCHEMA
    return [json.loads(row or "") for row in batch.column(0).to_pylist()]


def refusal(position: int = 0, message: str = "why", statement: str | None = "o") -> Refusal:
    return Refusal(position, "project", "ValueRefused", message, 7, statement)


def test_a_dead_letter_has_the_record_as_it_was_and_why_it_failed() -> None:
    (letter,) = letters([record()], refusal())
    assert letter == {
        "payload": base64.b64encode(b"\x00\xfe payload").decode(),
        "key": base64.b64encode(b"\x00k").decode(),
        "headers": [["h", base64.b64encode(b"\xff\x00").decode()], ["none", None]],
        "topic": "shop.items",
        "partition": 3,
        "offset": 0,
        "timestamp": "2026-01-02T03:04:05.006Z",
        "stage": "project",
        "statement": "o",
        "error_class": "ValueRefused",
        "message": "why",
        "schema_id": 7,
        "attempts": 1,
        "first_failed_at": "2026-05-01T12:30:15.250Z",
        "last_failed_at": "2026-05-01T12:30:15.250Z",
        "pipeline": "aml",
        "version": "1.2.3",
    }


def test_what_a_record_does_not_have_is_null() -> None:
    bare = record(headers=None, key=None, value=b"", timestamp=None)
    (letter,) = letters([bare], Refusal(0, "decode", "NotConfluentAvro", "short"))
    assert letter["headers"] == []
    assert [letter[name] for name in ("key", "timestamp", "schema_id", "statement")] == [None] * 4
    assert letter["payload"] == ""


def test_dead_letters_are_in_the_order_of_the_records_one_for_each_refusal() -> None:
    rows = [record(offset) for offset in range(4)]
    found = letters(rows, refusal(3), refusal(1, statement="b"), refusal(1, statement="a"))
    assert [(letter["offset"], letter["statement"]) for letter in found] == [
        (1, "b"),
        (1, "a"),
        (3, "o"),
    ]
    assert letters(rows) == []


def test_records_of_a_slice_are_found_by_their_place_in_it() -> None:
    rows = [record(offset) for offset in range(4)]
    records = pa.RecordBatch.from_pylist(rows, schema=RECORD_SCHEMA).slice(2)
    (row,) = dead_letters(records, [refusal(1)], ORIGIN, AT).column(0).to_pylist()
    assert json.loads(row or "")["offset"] == 3


@pytest.mark.parametrize("size", [0, 1, MESSAGE_LIMIT, MESSAGE_LIMIT + 1, 100_000])
def test_a_long_message_is_cut(size: int) -> None:
    (letter,) = letters([record()], refusal(message="ä" * size))
    message = letter["message"]
    assert len(message) == min(size, MESSAGE_LIMIT)
    assert message.endswith("…") is (size > MESSAGE_LIMIT)


@pytest.mark.parametrize(
    "message", ["ä 日本 🙂", 'quote " back \\ nul \0', "\udcff surrogate alone"]
)
def test_a_message_of_any_text_is_written(message: str) -> None:
    (letter,) = letters([record()], refusal(message=message))
    assert letter["message"].split(" ")[1:] == message.split(" ")[1:]


def test_a_record_of_any_year_is_written() -> None:
    far = pa.array([253402300800000], pa.timestamp("ms", "UTC"))
    records = pa.RecordBatch.from_pylist([record()], schema=RECORD_SCHEMA)
    records = records.set_column(3, RECORD_SCHEMA.field(3), far)
    (row,) = dead_letters(records, [refusal()], ORIGIN, AT).column(0).to_pylist()
    assert json.loads(row or "")["timestamp"] == "10000-01-01T00:00:00.000Z"
