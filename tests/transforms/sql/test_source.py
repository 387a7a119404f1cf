"""Records of several schemas as rows: flattened ones, envelopes as they are, columns that move."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from tests.transforms.sql.job_runs import (
    RECORDINGS,
    record_type,
    recorded,
    run,
    script,
    source_options,
    written,
)
from tests.transforms.sql.made_envelopes import events, optional

AS_WRITTEN = source_options("avro-confluent")
EVOLVING = ("mysql_adaptive", "pg_adaptive", "mariadb_adaptive")


@pytest.mark.parametrize("recording", EVOLVING)
@pytest.mark.parametrize("batch_sizes", [(), (1, 2, 3), (7, 7, 7)])
def test_columns_come_and_go_and_the_order_of_the_records_stays(
    recording: str, batch_sizes: tuple[int, ...]
) -> None:
    source = recorded(recording, "items_evo")
    text = script(
        "id BIGINT, name STRING, price DECIMAL(10, 2), qty INT, state STRING, status STRING, "
        "op STRING METADATA, `offset` BIGINT METADATA",
        "id BIGINT, name STRING, price STRING, qty INT, state STRING, op STRING, `offset` BIGINT",
        "id, name, CAST(price AS STRING), qty, COALESCE(state, status), op, `offset`",
    )
    ran = run(text, source, batch_sizes=batch_sizes)
    ran.check_sums()
    assert ran.refusals == []
    rows = ran.only()
    assert [row["offset"] for row in rows] == sorted(row["offset"] for row in rows)
    assert len(rows) == source.records.num_rows - source.records.column("value").null_count
    table: dict[int, Any] = {}
    for row in rows:
        if row["op"] == "d":
            del table[row["id"]]
        else:
            table[row["id"]] = row
    final = {int(row["id"]): row for row in _final(recording)}
    assert {key: row["price"] for key, row in table.items()} == {
        key: row["price"] for key, row in final.items()
    }
    assert {key: row["state"] for key, row in table.items()} == {
        key: row["state"] for key, row in final.items()
    }
    # A row that was not changed since a column came lacks it, and has what was dropped.
    changed = {key: row["qty"] for key, row in table.items() if row["qty"] is not None}
    assert changed == {key: final[key]["qty"] for key in changed}
    assert {10, 11, 12, 14, 15} <= set(changed)
    assert table[1]["name"] and table[14]["name"] is None


def _final(recording: str) -> list[dict[str, Any]]:
    file = RECORDINGS / f"final-{recording.removesuffix('_adaptive')}.json"
    rows: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["items_evo"]
    return rows


def test_a_column_that_must_be_there_makes_dead_letters_of_the_schemas_without_it() -> None:
    ran = run(
        script("id BIGINT, name STRING NOT NULL", "id BIGINT", "id", "WHERE name <> ''"),
        recorded("mysql_adaptive", "items_evo"),
    )
    ran.check_sums()
    assert Counter(refusal.schema_id for refusal in ran.refusals) == {59: 2, 65: 1}
    assert {refusal.error_class for refusal in ran.refusals} == {"SchemaMismatch"}
    assert "t.name is NOT NULL" in ran.refusals[0].message
    assert len(ran.only()) == 17


def test_a_mistyped_column_that_must_be_there_is_told_with_the_nearest_name() -> None:
    columns = "id BIGINT, pricee DECIMAL(10, 2) NOT NULL"
    ran = run(
        script(columns, "p DECIMAL(10, 2)", "pricee"), recorded("mysql_adaptive", "items_evo")
    )
    assert "did you mean 'price'?" in ran.refusals[0].message


def test_with_avro_confluent_a_row_is_the_envelope_as_it_is() -> None:
    ran = run(
        script(
            "before ROW<id BIGINT>, after ROW<id BIGINT, name STRING>, op STRING, ts_ms BIGINT, "
            "source ROW<db STRING, `table` STRING>",
            "b BIGINT, a BIGINT, name STRING, op STRING, tb STRING",
            "before.id, t.after.id, after.name, op, source.`table`",
            options=AS_WRITTEN,
        ),
        recorded("mysql_adaptive", "items_evo"),
    )
    ran.check_sums()
    rows = {(row["op"], row["b"], row["a"]) for row in ran.only()}
    assert ("d", 13, None) in rows
    assert ("r", None, 1) in rows
    assert ("u", 10, 10) in rows
    assert {row["tb"] for row in ran.only()} == {"items_evo"}


def test_the_ddl_topic_is_read_by_its_own_fields() -> None:
    change = "ARRAY<ROW<type STRING, `table` ROW<primaryKeyColumnNames ARRAY<STRING>>>>"
    text = script(
        f"ddl STRING, databaseName STRING, tableChanges {change}",
        f"ddl STRING, db STRING, changes {change}",
        "ddl, databaseName, tableChanges",
        "WHERE ddl LIKE 'CREATE TABLE%'",
        AS_WRITTEN,
    )
    ran = run(text, recorded("mysql_adaptive", "mysql_adaptive"))
    ran.check_sums()
    first = ran.only()[0]
    assert first["db"] == "shop"
    assert first["changes"] == [{"type": "CREATE", "table": {"primaryKeyColumnNames": ["id"]}}]


FLAT = record_type(
    "Item", id="int", name=optional("string"), tags={"type": "map", "values": optional("long")}
)


def test_flattened_records_are_read_by_their_fields() -> None:
    rows: list[dict[str, Any] | None] = [
        {"id": 1, "name": "one", "tags": {"a": 1, "b": None}},
        None,
        {"id": 2, "name": None, "tags": {}},
    ]
    text = script(
        "id BIGINT, name STRING, tags MAP<STRING, BIGINT>, nope DOUBLE, `offset` BIGINT METADATA",
        "id BIGINT, name STRING, tags MAP<STRING, BIGINT>, nope DOUBLE, `offset` BIGINT",
        "id, name, tags, nope, `offset`",
        options=AS_WRITTEN,
    )
    ran = run(text, written(FLAT, rows))
    ran.check_sums()
    assert ran.only() == [
        {"id": 1, "name": "one", "tags": {"a": 1, "b": None}, "nope": None, "offset": 0},
        {"id": 2, "name": None, "tags": {}, "nope": None, "offset": 2},
    ]


def test_null_in_a_flattened_column_that_is_not_null_is_a_dead_letter() -> None:
    rows: list[dict[str, Any]] = [
        {"id": 1, "name": None, "tags": {}},
        {"id": 2, "name": "two", "tags": {}},
    ]
    columns = "id BIGINT, name STRING NOT NULL"
    ran = run(script(columns, "name STRING", "name", options=AS_WRITTEN), written(FLAT, rows))
    assert ran.only() == [{"name": "two"}]
    assert [refusal.position for refusal in ran.refusals] == [0]


def test_no_column_of_the_topic_is_needed() -> None:
    ran = run(
        script("id INT", "one INT", "1", options=AS_WRITTEN),
        written(FLAT, [{"id": 1, "name": None, "tags": {}}] * 3),
    )
    assert ran.only() == [{"one": 1}] * 3


def test_two_schemas_of_flattened_records_are_read_each_by_its_own_unit() -> None:
    seconds = {"type": "long", "logicalType": "timestamp-millis"}
    fine = {"type": "long", "logicalType": "timestamp-micros"}
    source = events(
        (record_type("At", at=seconds), [{"at": 1_500}]),
        (record_type("At", at=fine), [{"at": 1_500_000}]),
    )
    text = script("`at` TIMESTAMP_LTZ(3)", "v TIMESTAMP_LTZ(3)", "`at`", options=AS_WRITTEN)
    assert run(text, source).only() == [{"v": "1970-01-01 00:00:01.5Z"}] * 2
