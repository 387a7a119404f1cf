"""Arrays and maps. The expected values are those of Flink SQL 2.3."""

from __future__ import annotations

import pytest

from tests.transforms.sql.functions.calls import Check, Evaluate
from transforms.sql.errors import SqlError

ENTRIES = [{"key": "a", "value": 1}, {"key": "é", "value": None}]


@pytest.mark.parametrize(
    ("sql", "value", "result", "expected"),
    [
        ("CARDINALITY(v)", [1, 2, None], "INT", 3),
        ("CARDINALITY(v)", [], "INT", 0),
        ("ELEMENT(v)", [1], "INT", 1),
        ("ELEMENT(v)", [], "INT", None),
        ("ELEMENT(v)", [1, 2], "INT", ...),
        ("ARRAY_CONTAINS(v, 2)", [1, 2], "BOOLEAN", True),
        ("ARRAY_CONTAINS(v, 2)", [1, None], "BOOLEAN", False),
        ("ARRAY_CONTAINS(v, CAST(NULL AS INT))", [1, None], "BOOLEAN", True),
        ("ARRAY_CONTAINS(v, CAST(NULL AS INT))", [1, 2], "BOOLEAN", False),
        ("ARRAY_CONTAINS(v, CAST(2 AS BIGINT))", [1, 2], "BOOLEAN", True),
        ("ARRAY_POSITION(v, 2)", [1, None, 2, 2], "INT", 3),
        ("ARRAY_POSITION(v, 9)", [1, 2, 1], "INT", 0),
        ("ARRAY_POSITION(v, 9)", [], "INT", 0),
        ("ARRAY_POSITION(v, CAST(NULL AS INT))", [1, None], "INT", None),
        ("ARRAY_CONCAT(v, ARRAY[3])", [1, 2], "ARRAY<INT>", [1, 2, 3]),
        ("ARRAY_CONCAT(v, CAST(NULL AS ARRAY<INT>))", [1, 2], "ARRAY<INT>", None),
        ("ARRAY_DISTINCT(v)", [1, 2, 1, None, None], "ARRAY<INT>", [1, 2, None]),
        ("ARRAY_REVERSE(v)", [1, 2, None], "ARRAY<INT>", [None, 2, 1]),
        ("ARRAY_MAX(v)", [1, 2, None], "INT", 2),
        ("ARRAY_MIN(v)", [1, 2, None], "INT", 1),
        ("ARRAY_MIN(v)", [], "INT", None),
        ("ARRAY_SLICE(v, 2, 3)", [1, 2, 3, 4], "ARRAY<INT>", [2, 3]),
        ("ARRAY_SLICE(v, 2)", [1, 2, 3, 4], "ARRAY<INT>", [2, 3, 4]),
        ("ARRAY_SLICE(v, -3, -2)", [1, 2, 3, 4], "ARRAY<INT>", [2, 3]),
        ("ARRAY_SLICE(v, 0, 0)", [1, 2, 3, 4], "ARRAY<INT>", [1]),
        ("ARRAY_SLICE(v, -9, 2)", [1, 2, 3, 4], "ARRAY<INT>", [1, 2]),
        ("ARRAY_SLICE(v, -9, -6)", [1, 2, 3, 4], "ARRAY<INT>", []),
        ("ARRAY_SLICE(v, 3, 2)", [1, 2, 3, 4], "ARRAY<INT>", []),
        ("ARRAY_SLICE(v, 9, 12)", [1, 2, 3, 4], "ARRAY<INT>", []),
        ("ARRAY_SLICE(v, 2, CAST(NULL AS INT))", [1, 2, 3, 4], "ARRAY<INT>", None),
    ],
)
def test_an_array_of_integers(
    check: Check, sql: str, value: object, result: str, expected: object
) -> None:
    check(sql, "ARRAY<INT>", value, result, expected)


@pytest.mark.parametrize(
    ("sql", "value", "result", "expected"),
    [
        ("ARRAY_JOIN(v, '-')", ["a", None, "é"], "STRING", "a-é"),
        ("ARRAY_JOIN(v, '-', '*')", ["a", None, "é"], "STRING", "a-*-é"),
        ("ARRAY_JOIN(v, '-')", [], "STRING", ""),
        ("ARRAY_MAX(v)", ["a", "b"], "STRING", "b"),
        ("ARRAY_CONTAINS(v, 'b')", ["a"], "BOOLEAN", False),
    ],
)
def test_an_array_of_texts(
    check: Check, sql: str, value: object, result: str, expected: object
) -> None:
    check(sql, "ARRAY<STRING>", value, result, expected)


def test_a_map_has_keys_and_values(check: Check) -> None:
    kind = "MAP<STRING, INT>"
    check("CARDINALITY(v)", kind, ENTRIES, "INT", 2)
    check("MAP_KEYS(v)", kind, ENTRIES, "ARRAY<STRING>", ["a", "é"])
    check("MAP_VALUES(v)", kind, ENTRIES, "ARRAY<INT>", [1, None])
    check("MAP_ENTRIES(v)", kind, ENTRIES, "ARRAY<ROW<`key` STRING, `value` INT>>", ENTRIES)


def test_str_to_map_splits_a_text(check: Check) -> None:
    pairs = [{"key": "k1", "value": "v1"}, {"key": "k2", "value": None}]
    check("STR_TO_MAP(v)", "STRING", "k1=v1,k2", "MAP<STRING, STRING>", pairs)
    check("STR_TO_MAP(v, ';', ':')", "STRING", "k1:v1;k2", "MAP<STRING, STRING>", pairs)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("CARDINALITY('a')", "argument 1 is CHAR(1), expected an ARRAY or a MAP"),
        ("ARRAY_CONTAINS(v, 'a')", "which have no common type"),
        ("ARRAY_JOIN(v, '-')", "the elements are INT, expected STRING"),
        ("ARRAY_MAX(ARRAY[ARRAY[1]])", "have no order"),
        ("MAP_KEYS(v)", "argument 1 is ARRAY<INT>, expected a MAP"),
        ("STR_TO_MAP('a', ',')", "expected 1 or 3 arguments"),
    ],
)
def test_a_wrong_use_is_an_error_of_the_script(evaluate: Evaluate, sql: str, message: str) -> None:
    with pytest.raises(SqlError) as raised:
        evaluate(sql, v=("ARRAY<INT>", [[1]]))
    assert message in str(raised.value)
