"""Filters, lookups and projections of one statement over a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.transforms.sql.job_runs import (
    Ran,
    Tables,
    record_type,
    recorded,
    run,
    script,
    source_options,
    written,
)

FLAT = record_type("Item", id="int", ref=["null", "int"], text=["null", "string"])
SOURCE = "CREATE TABLE t (id INT, ref INT, text STRING, proctime AS PROCTIME()) " + source_options(
    "avro-confluent"
)
LOOKED_UP = """
CREATE TABLE u (id INT, name STRING, size INT) WITH (
  'connector' = 'jdbc', 'url' = 'sqlite://', 'table-name' = 'u')
"""
SINK = "WITH ('connector' = 'filesystem', 'path' = 'o', 'format' = 'json')"
USERS: dict[object, list[dict[str, object]]] = {
    10: [{"name": "ten", "size": "1"}],
    20: [{"name": "twenty", "size": "2"}, {"name": "zwanzig", "size": "3"}],
    30: [{"name": "thirty", "size": "4"}, {"name": "dreißig", "size": "x"}],
}


def item(number: int, ref: int | None = None, text: str | None = "") -> dict[str, Any]:
    return {"id": number, "ref": ref, "text": text}


def job(
    columns: str,
    query: str,
    rows: Sequence[Mapping[str, Any] | None],
    users: Mapping[object, Sequence[Mapping[str, object]]] | None = None,
    queries: Mapping[object, Sequence[tuple[object, ...]]] | None = None,
) -> Ran:
    size = "STRING" if users is None else "INT"
    text = f"""{SOURCE}; {LOOKED_UP.replace("size INT", f"size {size}")};
    CREATE TABLE o ({columns}) {SINK};
    INSERT INTO o {query}"""
    tables = Tables({"u": USERS if users is None else users}, queries)
    ran = run(text, written(FLAT, rows), tables)
    ran.check_sums()
    return ran


def joined(how: str, condition: str = "", select: str = "t.id, u.name") -> str:
    lookup = "u FOR SYSTEM_TIME AS OF t.proctime AS u ON u.id = t.ref"
    return f"SELECT {select} FROM t {how} {lookup} {condition}"  # noqa: S608 (no database gets it)


ROWS = [item(1, 10), item(2, 20), item(3, 99), item(4, None), item(5, 20)]
PAIRS = [(1, "ten"), (2, "twenty"), (2, "zwanzig"), (5, "twenty"), (5, "zwanzig")]


def values(ran: Ran) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in ran.only()]


def test_an_inner_join_gives_a_row_for_each_looked_up_row_and_filters_misses() -> None:
    ran = job("id INT, name STRING", joined("JOIN"), ROWS)
    assert values(ran) == PAIRS
    counts = ran.only_counts()
    assert (counts.events, counts.filtered, counts.multiplied) == (5, 2, 2)


def test_a_left_join_keeps_misses_in_their_place() -> None:
    ran = job("id INT, name STRING", joined("LEFT JOIN"), ROWS)
    assert values(ran) == [*PAIRS[:3], (3, None), (4, None), *PAIRS[3:]]
    assert (ran.only_counts().filtered, ran.only_counts().multiplied) == (0, 2)


def test_what_else_on_asks_chooses_among_the_looked_up_rows() -> None:
    condition = "AND u.name <> 'twenty' AND t.id <> 1"
    inner = job("id INT, name STRING", joined("JOIN", condition), ROWS)
    assert values(inner) == [(2, "zwanzig"), (5, "zwanzig")]
    assert (inner.only_counts().filtered, inner.only_counts().multiplied) == (3, 0)
    left = job("id INT, name STRING", joined("LEFT JOIN", condition), ROWS)
    assert values(left) == [(1, None), (2, "zwanzig"), (3, None), (4, None), (5, "zwanzig")]
    assert (left.only_counts().filtered, left.only_counts().multiplied) == (0, 0)


def test_where_sees_the_looked_up_columns() -> None:
    ran = job("id INT, name STRING", joined("LEFT JOIN", "WHERE u.name IS NULL"), ROWS)
    assert values(ran) == [(3, None), (4, None)]
    assert ran.only_counts().filtered == 3


REFUSING = [
    ("project", joined("JOIN", select="t.id, CAST(u.size AS INT)")),
    ("filter", joined("JOIN", "WHERE CAST(u.size AS INT) > 0", "t.id, 7")),
    ("filter", joined("JOIN", "AND CAST(u.size AS INT) > 0", "t.id, 7")),
    ("filter", joined("LEFT JOIN", "AND CAST(u.size AS INT) > 0", "t.id, 7")),
    ("filter", joined("LEFT JOIN", "AND CAST(u.size AS INT) < 0", "t.id, 7")),
]


@pytest.mark.parametrize(("stage", "query"), REFUSING)
def test_a_record_of_which_one_joined_row_is_refused_is_a_dead_letter_as_a_whole(
    stage: str, query: str
) -> None:
    ran = job("id INT, size INT", query, [item(1, 10), item(2, 30), item(3, 20), item(4, 30)])
    assert {row["id"] for row in ran.only()} == {1, 3}
    found = [(one.position, one.stage, one.error_class) for one in ran.refusals]
    assert found == [(1, stage, "ValueRefused"), (3, stage, "ValueRefused")]
    assert "the value is 'x'" in ran.refusals[0].message
    assert ran.refusals[0].statement == "o"


def test_a_record_that_two_expressions_refuse_is_one_dead_letter_of_the_first() -> None:
    query = "SELECT CAST(text AS INT), CAST(text AS DATE) FROM t"
    ran = job("a INT, b DATE", query, [item(1, text="x"), item(2, text=None)])
    assert values(ran) == [(None, None)]
    (refusal,) = ran.refusals
    assert "INT" in refusal.message
    assert refusal.message.startswith("job.sql:")


def test_a_row_that_a_filter_drops_is_never_refused_behind_it() -> None:
    query = "SELECT CAST(text AS INT) FROM t WHERE id > 1"
    ran = job("a INT", query, [item(1, text="x"), item(2, text="2"), item(3, text="y")])
    assert values(ran) == [(2,)]
    assert [refusal.position for refusal in ran.refusals] == [2]
    assert ran.only_counts().filtered == 1


def test_a_condition_that_is_null_or_false_filters_and_one_that_fails_refuses() -> None:
    query = "SELECT id FROM t WHERE CAST(text AS INT) = 1"
    rows = [item(1, text="1"), item(2, text="2"), item(3, text=None), item(4, text="x")]
    ran = job("id INT", query, rows)
    assert values(ran) == [(1,)]
    assert ran.only_counts().filtered == 2
    assert [(one.position, one.stage) for one in ran.refusals] == [(3, "filter")]


@pytest.mark.parametrize(
    ("condition", "events"),
    [("TRUE", 2), ("1 = 1", 2), ("FALSE", 0), ("CAST(NULL AS BOOLEAN)", 0)],
)
def test_a_condition_of_constants_holds_for_all_rows_or_none(condition: str, events: int) -> None:
    query = f"SELECT id FROM t WHERE {condition}"  # noqa: S608 (no database gets it)
    ran = job("id INT", query, [item(1), item(2), None])
    assert ran.only_counts().events == events


def test_constants_are_a_row_for_each_record() -> None:
    ran = job("a INT, b STRING", "SELECT 1, 'x' FROM t", [item(1), None, item(2)])
    assert values(ran) == [(1, "x")] * 2


def test_a_key_that_is_refused_is_a_dead_letter_of_the_lookup() -> None:
    query = joined("LEFT JOIN").replace("t.ref", "CAST(t.text AS INT)")
    ran = job("id INT, name STRING", query, [item(1, text="10"), item(2, text="x")])
    assert values(ran) == [(1, "ten")]
    assert [(one.position, one.stage) for one in ran.refusals] == [(1, "lookup")]


def test_a_looked_up_value_of_another_type_is_a_dead_letter_of_its_records() -> None:
    users: dict[object, list[dict[str, object]]] = {
        10: [{"name": "ten", "size": 1}],
        20: [{"name": "twenty", "size": "many"}],
    }
    query = joined("LEFT JOIN", select="t.id, u.size")
    ran = job("id INT, size INT", query, [item(1, 10), item(2, 20), item(3, 20), item(4)], users)
    assert values(ran) == [(1, 1), (4, None)]
    found = [(one.position, one.stage, one.error_class) for one in ran.refusals]
    assert found == [(1, "lookup", "LookupValueError"), (2, "lookup", "LookupValueError")]


def test_not_null_of_a_sink_is_kept() -> None:
    ran = job("id INT, name STRING NOT NULL", joined("LEFT JOIN"), ROWS[:3])
    assert values(ran) == PAIRS[:3]
    (refusal,) = ran.refusals
    assert (refusal.position, refusal.stage) == (2, "project")
    assert "o.name is NOT NULL" in refusal.message


ARRAY = (
    "SELECT id, LOOKUP_ARRAY('u', 'SELECT flag FROM flags WHERE id = :key', CAST(text AS INT), "
    "'ROW<flag STRING>') FROM t"
)
FLAGS: dict[object, list[tuple[object, ...]]] = {1: [("a",), ("b",)], 2: [("c",)]}


def test_rows_of_a_query_are_one_array_and_multiply_nothing() -> None:
    rows = [item(1, text="1"), item(2, text="7"), item(3, text=None), item(4, text="x")]
    ran = job("id INT, flags ARRAY<ROW<flag STRING>>", ARRAY, rows, queries=FLAGS)
    assert values(ran) == [(1, [{"flag": "a"}, {"flag": "b"}]), (2, []), (3, [])]
    assert [(one.position, one.stage) for one in ran.refusals] == [(3, "lookup")]
    assert ran.only_counts().multiplied == 0


def test_a_map_with_a_null_key_is_a_dead_letter() -> None:
    ran = job("m MAP<STRING, INT>", "SELECT MAP[text, id] FROM t", [item(1), item(2, text=None)])
    assert values(ran) == [({"": 1},)]
    (refusal,) = ran.refusals
    assert (refusal.position, refusal.stage, refusal.schema_id) == (1, "project", 1)
    assert "a MAP has a NULL key" in refusal.message


def test_a_refused_time_beyond_pythons_years_is_told() -> None:
    columns = "c_timestamp6 TIMESTAMP(6), c_date DATE"
    cast = "CAST(ROW(c_timestamp6, c_date) AS ROW<a TIMESTAMP(9), b DATE>)"
    both = script(columns, "v ROW<a TIMESTAMP(9), b DATE>", cast)
    alone = script(columns, "v TIMESTAMP(9)", "CAST(c_timestamp6 AS TIMESTAMP(9))")
    for text in (alone, both):
        ran = run(text, recorded("pg_types_adaptive", ".all_types"))
        ran.check_sums()
        assert sum("TIMESTAMP(9)" in refusal.message for refusal in ran.refusals) > 5
    ran = run(alone, recorded("pg_types_adaptive", ".all_types"))
    assert any("'+12000-01-01 00:00:00'" in refusal.message for refusal in ran.refusals)


def test_a_long_refused_value_is_cut_in_the_message() -> None:
    ran = job("a INT", "SELECT CAST(text AS INT) FROM t", [item(1, text="x" * 10_000)])
    assert len(ran.refusals[0].message) < 400
    assert ran.refusals[0].message.endswith("…")


def test_the_present_time_is_that_of_the_batch() -> None:
    ran = job("a BIGINT", "SELECT UNIX_TIMESTAMP() FROM t", [item(1), item(2)])
    assert values(ran) == [(1_777_638_615,)] * 2
