"""Change events as rows: which of `before` and `after` a row comes from, and what is refused."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.transforms.sql.job_runs import Ran, record_type, recorded, run, script, source_options
from tests.transforms.sql.made_envelopes import change, envelope, events, optional, semantic

ITEMS = envelope(id="int", name=optional("string"))
OLD = {"id": 1, "name": "old"}
NEW = {"id": 1, "name": "new"}
BY_KEY = source_options(**{"debezium.deletes": "key"})
OP = "op STRING METADATA"


def items(columns: str, select: str, *changes: dict[str, Any] | None, options: str = "") -> Ran:
    sink = ", ".join(f"c{n} STRING" for n in range(select.count(",") + 1))
    ran = run(script(columns, sink, select, options=options), events((ITEMS, changes)))
    ran.check_sums()
    return ran


ALL_OPS = (
    change("r", None, OLD),
    change("c", None, OLD),
    change("u", OLD, NEW),
    change("d", NEW, None),
    None,
    change("t"),
)


def test_a_row_is_after_and_that_of_a_delete_before() -> None:
    ran = items(f"id INT, name STRING, {OP}", "op, CAST(id AS STRING), name", *ALL_OPS)
    assert [tuple(row.values()) for row in ran.only()] == [
        ("r", "1", "old"),
        ("c", "1", "old"),
        ("u", "1", "new"),
        ("d", "1", "new"),
        ("t", None, None),
    ]
    assert ran.only_counts().tombstones == 1
    assert ran.refusals == []


def test_a_delete_has_its_key_alone_if_the_job_says_so() -> None:
    columns = f"id INT, name STRING, {OP}, PRIMARY KEY (id) NOT ENFORCED"
    ran = items(columns, "op, CAST(id AS STRING), name", *ALL_OPS, options=BY_KEY)
    assert [tuple(row.values()) for row in ran.only()[2:]] == [
        ("u", "1", "new"),
        ("d", "1", None),
        ("t", None, None),
    ]


def test_not_null_asks_nothing_of_columns_that_a_delete_does_not_have() -> None:
    columns = f"id INT PRIMARY KEY NOT ENFORCED, name STRING NOT NULL, {OP}"
    gone = change("d", {"id": 1, "name": None})
    ran = items(columns, "op, CAST(id AS STRING), name", gone, change("t"), options=BY_KEY)
    assert [tuple(row.values()) for row in ran.only()] == [("d", "1", None), ("t", None, None)]


@pytest.mark.parametrize("op", ["c", "u", "r", "d"])
def test_null_in_a_column_that_is_not_null_is_a_dead_letter(op: str) -> None:
    row = {"id": 1, "name": None}
    one = change(op, row if op == "d" else None, None if op == "d" else row)
    ran = items("id INT, name STRING NOT NULL", "name", one, change("c", None, NEW))
    assert ran.only() == [{"c0": "new"}]
    (refusal,) = ran.refusals
    assert (refusal.position, refusal.stage, refusal.error_class) == (0, "source", "ValueRefused")
    assert "t.name is declared NOT NULL" in refusal.message
    assert refusal.message.startswith("job.sql:1:")
    assert refusal.schema_id == 1


def test_a_primary_key_is_never_null() -> None:
    keyless = envelope(id=optional("int"))
    text = script("id INT PRIMARY KEY NOT ENFORCED", "id INT", "id")
    ran = run(text, events((keyless, [change("c", None, {"id": None})])))
    assert [refusal.error_class for refusal in ran.refusals] == ["ValueRefused"]


def test_columns_that_no_statement_uses_are_not_checked() -> None:
    ran = items("id INT, name STRING NOT NULL", "CAST(id AS STRING)", change("c", None, {"id": 1}))
    assert ran.only() == [{"c0": "1"}]


def test_an_event_without_its_row_is_a_row_of_nulls() -> None:
    ran = items("id INT, name STRING", "name", change("c"), change("x", OLD, NEW), change(None))
    assert ran.only() == [{"c0": None}] * 3


def test_a_message_event_has_no_row_and_passes_with_its_metadata() -> None:
    message = record_type(
        "Message",
        op=optional("string"),
        source=record_type("Source", table="string"),
        message=record_type("Block", prefix="string", content="bytes"),
    )
    written = {"op": "m", "source": {"table": ""}, "message": {"prefix": "p", "content": b"x"}}
    text = script(f"id INT PRIMARY KEY NOT ENFORCED, {OP}", "op STRING, id INT", "op, id")
    ran = run(text, events((message, [written])))
    assert ran.only() == [{"op": "m", "id": None}]


def test_two_schemas_that_differ_in_the_unit_of_a_number_are_read_each_by_its_own() -> None:
    milliseconds = envelope(at=semantic("Timestamp"))
    microseconds = envelope(at=semantic("MicroTimestamp"))
    source = events(
        (milliseconds, [change("c", None, {"at": 1_500})]),
        (microseconds, [change("c", None, {"at": 1_500_000})]),
    )
    ran = run(script("`at` TIMESTAMP(3)", "v TIMESTAMP(3)", "`at`"), source)
    assert ran.only() == [{"v": "1970-01-01 00:00:01.5"}] * 2


def test_before_and_after_of_different_types_are_both_read() -> None:
    schema = record_type(
        "Envelope",
        before=optional(record_type("Before", id="int")),
        after=optional(record_type("After", id="long")),
        source=record_type("Source", table="string"),
        op="string",
    )
    changes = [
        {**change("d", {"id": 7}), "source": {"table": "t"}},
        {**change("c", None, {"id": 2**40}), "source": {"table": "t"}},
    ]
    ran = run(script("id BIGINT", "id BIGINT", "id"), events((schema, changes)))
    assert ran.only() == [{"id": 7}, {"id": 2**40}]


def test_a_column_may_have_any_name() -> None:
    names = ["op", "before", "after", "value", "__value", "__key", "__deleted", "__refused0", "len"]
    schema = envelope(**dict.fromkeys(names, "string"))
    row = {name: f"value of {name}" for name in names}
    columns = ", ".join(f"`{name}` STRING" for name in names)
    select = ", ".join(f"`{name}`" for name in names)
    ran = run(script(columns, columns, select), events((schema, [change("c", None, row)])))
    assert ran.only() == [row]


def test_a_topic_without_envelopes_is_a_mismatch_that_names_the_other_format() -> None:
    ran = run(script("id INT", "id INT", "id"), recorded("mysql_adaptive", "mysql_adaptive"))
    assert Counter(refusal.error_class for refusal in ran.refusals) == {"SchemaMismatch": 14}
    assert "'avro-confluent'" in ran.refusals[0].message
    ran.check_sums()


def test_a_source_that_is_no_record_is_no_envelope() -> None:
    schema = record_type("Odd", op="string", source="string", order="int")
    text = script("k STRING METADATA FROM 'order_key'", "k STRING", "k")
    ran = run(text, events((schema, [{"op": "c", "source": "here", "order": 1}])))
    assert [refusal.error_class for refusal in ran.refusals] == ["SchemaMismatch"]
