"""Comparisons, IN, BETWEEN, LIKE and SIMILAR TO."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from math import nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.sql.evaluation import FAILS, at, evaluate
from transforms.sql.errors import SqlError

D = Decimal
COLUMNS = {
    "i": ("INT", [1, 2, None]),
    "n": ("DECIMAL(10, 2)", [D("1.00"), D("2.50"), None]),
    "x": ("DOUBLE", [1.0, nan, None]),
    "s": ("STRING", ["a", "\uffff", None]),
    "d": ("DATE", [dt.date(2026, 1, 1), dt.date(2026, 1, 2), None]),
    "t": ("TIMESTAMP(3)", [at("2026-01-01 00:00:00"), at("2026-01-01 00:00:00.100"), None]),
    "z": ("TIMESTAMP_LTZ(3)", [at("2025-12-31 23:00:00+00:00"), None, None]),
    "r": ("ROW<a INT, b STRING>", [{"a": 1, "b": "a"}, {"a": 1, "b": None}, None]),
    "l": ("ARRAY<INT>", [[1], [1, 2], None]),
    "o": ("BOOLEAN", [True, False, None]),
    "y": ("BYTES", [b"a", b"\xff", None]),
}
COMPARED = [
    ("i = 1", [True, False, None]),
    ("i <> 1", [False, True, None]),
    ("i = 1.0", [True, False, None]),
    ("i < n", [False, True, None]),
    ("n = 2.500", [False, True, None]),
    ("n >= x", [True, False, None]),
    ("x = x", [True, False, None]),
    ("x <> x", [False, True, None]),
    ("x > 0", [True, False, None]),
    ("x < 0", [False, False, None]),
    ("i = NULL", [None, None, None]),
    ("9007199254740993 = 9007199254740992E0", [True] * 3),
    ("s < '😀'", [True, True, None]),
    ("d = '2026-01-01'", [True, False, None]),
    ("t > '2026-01-01 00:00:00.0999'", [False, True, None]),
    ("'2026-01-01' = d", [True, False, None]),
    ("t = z", [True, None, None]),
    ("r = ROW(1, 'a')", [True, None, None]),
    ("(i, s) = (1, 'a')", [True, False, None]),
    ("(i, s) <> (1, 'a')", [False, True, None]),
    ("l = ARRAY[1, 2]", [False, True, None]),
    ("o > FALSE", [True, False, None]),
    ("y > x'61'", [False, True, None]),
    ("i IS DISTINCT FROM 1", [False, True, True]),
    ("i IS NOT DISTINCT FROM NULL", [False, False, True]),
    ("i IN (1, 3)", [True, False, None]),
    ("i IN (1, NULL)", [True, None, None]),
    ("i NOT IN (1, NULL)", [False, None, None]),
    ("i IN (NULL)", [None, None, None]),
    ("i IN (1.0, 5)", [True, False, None]),
    ("n IN (2.5, 7)", [False, True, None]),
    ("s IN ('a', 'b')", [True, False, None]),
    ("d IN ('2026-01-02', DATE '2026-05-05')", [False, True, None]),
    ("i IN (i, 7)", [True, True, None]),
    ("NULL IN (1)", [None, None, None]),
    ("i BETWEEN 1 AND 1", [True, False, None]),
    ("i BETWEEN 3 AND 1", [False, False, None]),
    ("i BETWEEN SYMMETRIC 3 AND 1", [True, True, None]),
    ("i NOT BETWEEN 2 AND NULL", [True, None, None]),
]


@pytest.mark.parametrize(("text", "expected"), COMPARED)
def test_a_comparison_is_that_of_flink(text: str, expected: list[object]) -> None:
    found = evaluate(text, COLUMNS, "Europe/Berlin")
    assert str(found.type) == "BOOLEAN"
    assert found.values == expected


@pytest.mark.parametrize(
    "text",
    [
        "i = '1'",
        "i IN ('1', '2')",
        "o = 'true'",
        "i = TRUE",
        "d = t",
        "z > d",
        "d = 1",
        "y = 'a'",
        "r = (1, 2)",
        "l = i",
    ],
)
def test_types_that_do_not_compare_are_an_error_that_says_cast(text: str) -> None:
    with pytest.raises(SqlError, match=r"do not compare; .*CAST"):
        evaluate(text, COLUMNS)


def test_rows_have_no_order() -> None:
    with pytest.raises(SqlError, match="compare their fields"):
        evaluate("r < r", COLUMNS)


def test_a_string_that_is_no_date_fails_where_it_is_compared_with_one() -> None:
    columns = {"d": COLUMNS["d"], "s": ("STRING", ["2026-01-01", "soon", "soon"])}
    assert evaluate("d = s", columns).values == [True, FAILS, FAILS]


LIKES = [
    ("LIKE 'a%'", {"a": True, "abc": True, "ba": False, "a\nb": True, "": False}),
    ("LIKE '%c'", {"c": True, "abc": True, "a\nc": True, "c\n": False}),
    ("LIKE '%b%'", {"abc": True, "b": True, "ac": False}),
    ("LIKE 'abc'", {"abc": True, "ab": False}),
    ("LIKE ''", {"": True, "a": False}),
    ("LIKE '%'", {"": True, "a\nb": True}),
    ("LIKE '_'", {"😀": True, "\n": True, "ab": False, "": False}),
    ("LIKE 'a_c%e'", {"abcde": True, "abc": False, "a.c*e": True}),
    ("LIKE 'a.c%'", {"abc": False, "a.c": True}),
    ("LIKE '(a|b)+[c]$^'", {"(a|b)+[c]$^": True, "a": False}),
    ("LIKE 'a\\%'", {"a%": False, "a\\x": True}),
    ("LIKE 'a!%' ESCAPE '!'", {"a%": True, "ab": False}),
    ("LIKE '_!__!!%' ESCAPE '!'", {"x_y!z": True, "xyy!z": False}),
    ("NOT LIKE 'a%'", {"a": False, "b": True}),
    ("SIMILAR TO '(a|b)c%'", {"acd": True, "bc": True, "cc": False, "xac": False}),
    ("SIMILAR TO 'a+_.'", {"aab.": True, "aabc": False}),
    ("SIMILAR TO '[0-9]{2}-[^a]'", {"12-b": True, "12-a": False, "1-b": False}),
    ("SIMILAR TO 'a!%' ESCAPE '!'", {"a%": True, "ab": False}),
    ("NOT SIMILAR TO 'a%'", {"b": True, "ab": False}),
]


@pytest.mark.parametrize(("test", "table"), LIKES)
def test_a_pattern_matches_the_whole_text(test: str, table: dict[str, bool]) -> None:
    found = evaluate(f"a {test}", {"a": ("STRING", [*table, None])})
    assert found.values == [*table.values(), None]


def test_a_pattern_may_come_from_a_column() -> None:
    columns = {
        "a": ("STRING", ["a%", "ab", "ab", None, "ab"]),
        "p": ("STRING", ["a!%", "a%", "b%", "a", "!x"]),
    }
    found = evaluate("a LIKE p ESCAPE '!'", columns)
    assert found.values == [True, True, False, None, FAILS]


@pytest.mark.parametrize(
    "text",
    ["a LIKE 'a!x' ESCAPE '!'", "a LIKE 'a!' ESCAPE '!'", "a LIKE 'a' ESCAPE ''", "a LIKE 1",
     "a SIMILAR TO '(a'", "a SIMILAR TO a"],
)  # fmt: skip
def test_a_wrong_pattern_of_the_script_is_its_error(text: str) -> None:
    with pytest.raises(SqlError):
        evaluate(text, {"a": ("STRING", ["x"])})


SIGNS = st.text(alphabet="ab%_\\.\n(é😀", max_size=6)


@settings(deadline=None, max_examples=150)
@given(st.lists(SIGNS, min_size=1, max_size=5), SIGNS)
def test_like_agrees_with_a_reference(texts: list[str], pattern: str) -> None:
    signs = {"%": ".*", "_": "."}
    reference = re.compile("".join(signs.get(sign, re.escape(sign)) for sign in pattern), re.DOTALL)
    expected = [reference.fullmatch(text) is not None for text in texts]
    assert evaluate(f"a LIKE '{pattern}'", {"a": ("STRING", texts)}).values == expected
    columns = {"a": ("STRING", texts), "p": ("STRING", [pattern] * len(texts))}
    assert evaluate("a LIKE p", columns).values == expected
