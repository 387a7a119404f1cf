"""Messages of Pub/Sub in statements: their columns, metadata, attributes and dead letters."""

from __future__ import annotations

import datetime
from typing import Any

import orjson
import pyarrow as pa
import pytest

from pipeline_io.pubsub_records import message_batch
from transforms.avro import choose_decoder
from transforms.dead_letters import Origin, dead_letters
from transforms.sql.errors import Script, SqlError
from transforms.sql.in_process import BranchRun
from transforms.sql.json_source_types import check_message_columns
from transforms.sql.run import JobText
from transforms.sql.source_run import SourceBatch, SourceRun

PATH = "projects/p/subscriptions/sub"
NOW = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)
MILLIS = int(NOW.timestamp() * 1_000)


class Nothing:
    """Neither lookups nor schemas."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


_SCRIPT = """
CREATE TABLE s ({columns}) WITH ('connector' = 'pubsub', 'project-name' = 'p',
  'subscription' = 'sub', 'format' = '{form}');
CREATE TABLE o (v STRING) WITH ({sink});
INSERT INTO o SELECT {select} FROM s;
"""
_SINKS = {
    "filesystem": "'connector' = 'filesystem', 'path' = 'x', 'format' = 'json'",
    "pubsub": "'connector' = 'pubsub', 'project-name' = 'p', 'topic' = 'out', 'format' = 'raw'",
}


def script_of(columns: str, select: str, form: str = "json", sink: str = "filesystem") -> Script:
    text = _SCRIPT.format(columns=columns, select=select, form=form, sink=_SINKS[sink])
    return Script("job.sql", text)


def messages(*payloads: bytes, attributes: dict[str, str] | None = None) -> pa.RecordBatch:
    count = len(payloads)
    ids = [str(11 + number) for number in range(count)]
    given = [attributes or {}] * count
    return message_batch(PATH, ids, list(payloads), [MILLIS] * count, ["k"] * count, given)


def ran(script: Script, records: pa.RecordBatch) -> SourceBatch:
    job, plan = JobText(script, {}).compile()
    nothing: Any = Nothing()
    runs = [BranchRun(branch, nothing, job.where) for branch in plan.branches]
    with SourceRun(job.tables["s"], runs, nothing, choose_decoder(), lambda: NOW) as run:
        return run.process(records)


def values(columns: str, select: str, *payloads: bytes, **given: Any) -> list[Any]:
    batch = ran(script_of(columns, select, **given), messages(*payloads))
    assert batch.refusals == []
    rows: list[Any] = batch.branches["o"].rows.column("payload").to_pylist()
    return [orjson.loads(row)["v"] for row in rows]


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        ("BIGINT", "5", "5"),
        ("TINYINT", "-128", "-128"),
        ("DECIMAL(10, 2)", "1.5", "1.50"),
        ("DOUBLE", "1.5", "1.5"),
        ("BOOLEAN", "true", "TRUE"),
        ("BYTES", '"YWJj"', "abc"),
        ("DATE", '"2026-01-31"', "2026-01-31"),
        ("TIME(0)", '"23:59:59"', "23:59:59"),
        ("TIMESTAMP(3)", '"2026-01-31 12:00:00.1239"', "2026-01-31 12:00:00.123"),
        ("TIMESTAMP(3)", '"2026-01-31T12:00:00"', "2026-01-31 12:00:00.000"),
        ("TIMESTAMP_LTZ(3)", '"2026-01-31 12:00:00.5Z"', "2026-01-31 12:00:00.500"),
        ("TIMESTAMP_LTZ(3)", '"2026-01-31T13:00:00+01:00"', "2026-01-31 12:00:00.000"),
        ("ARRAY<INT>", "[1, null]", "[1, NULL]"),
        ("ROW<a INT, b STRING>", '{"b": "x", "c": 1}', "(NULL, x)"),
        ("MAP<STRING, INT>", '{"a": 1}', "{a=1}"),
    ],
)
def test_a_declared_column_is_read_from_json(declared: str, text: str, value: str) -> None:
    payload = f'{{"c": {text}}}'.encode()
    assert values(f"c {declared}", "CAST(c AS STRING)", payload, b'{"c": null}', b"{}") == [
        value,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("declared", "text", "said"),
    [
        ("TINYINT", "128", "expected a number from -128 to 127; the value is 128"),
        ("BYTES", '"?"', "expected bytes in base64"),
        ("DATE", '"x"', "expected a text such as '2026-01-31'; the value is 'x'"),
        ("TIMESTAMP(3)", '"2026-01-31T12:00:00Z"', "such as '2026-01-31 12:00:00.5'"),
        ("TIMESTAMP_LTZ(3)", '"2026-01-31 12:00:00"', "such as '2026-01-31 12:00:00.5Z'"),
        ("BIGINT NOT NULL", "null", "is declared NOT NULL, and the value is NULL"),
    ],
)
def test_a_value_that_its_column_does_not_hold_is_refused_alone(
    declared: str, text: str, said: str
) -> None:
    good = b'{"d": 1}' if "NOT NULL" not in declared else b'{"c": 1, "d": 1}'
    bad = f'{{"c": {text}, "d": 2}}'.encode()
    # Used, so that it is read.
    script = script_of(
        f"c {declared}, d INT", "CAST(d AS STRING) || COALESCE(CAST(c AS STRING), '')"
    )
    batch = ran(script, messages(good, bad))
    (refusal,) = batch.refusals
    assert (refusal.position, refusal.error_class, refusal.schema_id) == (1, "ValueRefused", None)
    assert said in refusal.message
    assert batch.branches["o"].counts.events == 1


def test_metadata_columns_are_the_messages_own() -> None:
    columns = (
        "message_id STRING METADATA VIRTUAL, "
        "at TIMESTAMP_LTZ(3) METADATA FROM 'publish_time' VIRTUAL, "
        "k STRING METADATA FROM 'ordering_key' VIRTUAL, "
        "a MAP<STRING, STRING> METADATA FROM 'attributes' VIRTUAL, "
        "op STRING METADATA FROM 'attributes.op' VIRTUAL, "
        "none STRING METADATA FROM 'attributes.none' VIRTUAL, "
        "e STRING METADATA FROM 'event_id' VIRTUAL, "
        "sub STRING METADATA FROM 'subscription' VIRTUAL"
    )
    shown = ["message_id", "at", "k", "a", "op", "COALESCE(none, '-')", "e", "sub"]
    select = " || ' ' || ".join(f"CAST({name} AS STRING)" for name in shown)
    script = script_of(columns, select)
    head = "2026-01-31 12:00:00.000 k"
    found = ran(script, messages(b"{}", attributes={"op": "c", "event_id": "E"}).slice(0))
    assert orjson.loads(found.branches["o"].rows.column("payload")[0].as_py())["v"] == (
        f"11 {head} {{op=c, event_id=E}} c - E {PATH}"
    )
    # A slice, and messages without attributes.
    rows = ran(script, messages(b"{}", b"{}", attributes={"op": "c"}).slice(1))
    assert orjson.loads(rows.branches["o"].rows.column("payload")[0].as_py())["v"] == (
        f"12 {head} {{op=c}} c - {PATH}:12 {PATH}"
    )


def test_a_payload_passes_as_it_is_with_what_its_message_says_of_the_event() -> None:
    script = script_of("payload STRING", "payload", form="raw", sink="pubsub")
    found = ran(script, messages(b'{"a": 1.50}', b"\xff", attributes={"event_id": "E", "op": "c"}))
    rows = found.branches["o"].rows
    assert rows.column("payload").to_pylist() == [b'{"a": 1.50}']
    assert rows.column("attributes").to_pylist() == [
        {"event_id": "E", "order_key": None, "table": None, "op": "c"}
    ]
    (refusal,) = found.refusals
    assert "expected UTF-8 text; declare the column BYTES" in refusal.message


def test_bytes_pass_as_they_are_and_null_is_refused() -> None:
    script = script_of("payload BYTES", "payload", form="raw", sink="pubsub")
    script = Script("job.sql", script.text.replace("o (v STRING)", "o (v BYTES)"))
    found = ran(script, messages(b"\xff"))
    assert found.branches["o"].rows.column("payload").to_pylist() == [b"\xff"]
    script = script_of("payload STRING", "NULLIF(payload, 'x')", form="raw", sink="pubsub")
    (refusal,) = ran(script, messages(b"x", b"y")).refusals
    assert "the column is NULL, and a message has a payload" in refusal.message


def test_a_dead_letter_has_the_message_as_it_was_and_its_place() -> None:
    records = messages(b"{}", b"nope", attributes={"op": "c"})
    batch = ran(script_of("c INT", "CAST(c AS STRING)"), records)
    letters = dead_letters(records, batch.refusals, Origin("job", "1"), NOW)
    letter = orjson.loads(letters.column("payload")[0].as_py())
    assert letter["payload"] == "bm9wZQ=="
    assert letter["headers"] == [["goog-message-id", "MTI="], ["op", "Yw=="]]
    assert (letter["topic"], letter["offset"], letter["key"]) == (PATH, 12, "aw==")
    assert (letter["stage"], letter["error_class"]) == ("decode", "CorruptRecord")
    assert batch.branches["o"].counts.dead_letters == 1


@pytest.mark.parametrize(
    ("columns", "form", "said"),
    [
        ("a STRING, b STRING", "raw", "gives one column STRING or BYTES, and s has a STRING, b S"),
        ("a INT", "raw", "gives one column STRING or BYTES, and s has a INT"),
        ("a MAP<INT, INT>", "json", "the names of a JSON object are texts"),
    ],
)
def test_columns_that_a_format_cannot_give_are_told(columns: str, form: str, said: str) -> None:
    job, _ = JobText(script_of(columns, "'x'", form=form), {}).compile()
    with pytest.raises(SqlError, match=said):
        check_message_columns(job.tables["s"])
