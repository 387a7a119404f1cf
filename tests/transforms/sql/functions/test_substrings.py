"""Functions that cut and search texts. The expected values are those of Flink SQL 2.3."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.sql.functions.calls import Check, Evaluate
from transforms.sql.functions.substrings import position_of

CUTS = [
    ("SUBSTRING(v, 0)", "hello", "hello"),
    ("SUBSTRING(v, 0, 2)", "hello", "he"),
    ("SUBSTRING(v FROM 2 FOR 3)", "hello", "ell"),
    ("SUBSTRING(v, -3)", "hello", "llo"),
    ("SUBSTRING(v, -3, 2)", "hello", "ll"),
    ("SUBSTRING(v, -7, 4)", "hello", ""),
    ("SUBSTRING(v, 7)", "hello", ""),
    ("SUBSTRING(v, 2, 0)", "hello", ""),
    ("SUBSTRING(v, 2, -1)", "hello", None),
    ("SUBSTRING(v, 4, 2147483647)", "hello", "lo"),
    ("SUBSTR(v, 2, 1)", "a😀b", "😀"),
    ("LEFT(v, 2)", "a😀b", "a😀"),
    ("LEFT(v, -1)", "hello", ""),
    ("LEFT(v, 10)", "hello", "hello"),
    ("RIGHT(v, 2)", "a😀b", "😀b"),
    ("RIGHT(v, -1)", "hello", ""),
    ("RIGHT(v, 10)", "hello", "hello"),
    ("OVERLAY(v PLACING 'xxxx' FROM 6)", "xxxxxtest", "xxxxxxxxx"),
    ("OVERLAY(v PLACING 'xxxx' FROM 6 FOR 2)", "xxxxxtest", "xxxxxxxxxst"),
    ("OVERLAY(v PLACING 'XX' FROM 0)", "hello", "hello"),
    ("OVERLAY(v PLACING 'XX' FROM 5)", "hello", "hellXX"),
    ("OVERLAY(v PLACING 'XX' FROM 6)", "hello", "hello"),
    ("OVERLAY(v PLACING 'XX' FROM 2 FOR 0)", "hello", "hXX"),
    ("OVERLAY(v PLACING 'é' FROM 2 FOR 1)", "a😀b", "aéb"),
    ("SPLIT_INDEX(v, ',', 1)", "a,b,c", "b"),
    ("SPLIT_INDEX(v, ',', 3)", "a,b,c", None),
    ("SPLIT_INDEX(v, ',', -1)", "a,b,c", None),
    ("SPLIT_INDEX(v, ',', 1)", "a,,c", ""),
    ("SPLIT_INDEX(v, ',', 0)", "", None),
    ("SPLIT_INDEX(v, '', 0)", "abc", "abc"),
    ("SPLIT_INDEX(v, 44, 1)", "a,b", "b"),
    ("SPLIT_INDEX(v, '--', 2)", "a--b--ü", "ü"),
]


@pytest.mark.parametrize(("sql", "value", "expected"), CUTS)
def test_a_part_of_a_text(check: Check, sql: str, value: str, expected: str | None) -> None:
    check(sql, "STRING", value, "STRING", expected)


@pytest.mark.parametrize(
    ("sql", "value", "expected"),
    [
        ("POSITION('lo' IN v)", "hello", 4),
        ("POSITION('x' IN v)", "hello", 0),
        ("POSITION('' IN v)", "hello", 1),
        ("POSITION('b' IN v)", "a😀b", 3),
        ("LOCATE('l', v)", "hello", 3),
        ("LOCATE('l', v, 4)", "hello", 4),
        ("LOCATE('l', v, 5)", "hello", 0),
        ("LOCATE('l', v, -1)", "hello", 3),
        ("LOCATE('l', v, 99)", "hello", 0),
        ("LOCATE('', v, 2)", "hello", 1),
        ("INSTR(v, 'l')", "hello", 3),
        ("INSTR(v, '')", "hello", 1),
    ],
)
def test_a_place_counts_characters_from_1(
    check: Check, sql: str, value: str, expected: int
) -> None:
    check(sql, "STRING", value, "INT", expected)


def test_split_gives_an_array(check: Check) -> None:
    check("SPLIT(v, ',')", "STRING", "a,,é", "ARRAY<STRING>", ["a", "", "é"])
    check("SPLIT(v, '')", "STRING", "a😀", "ARRAY<STRING>", ["a", "😀"])


def test_columns_of_positions_are_taken_row_by_row(evaluate: Evaluate) -> None:
    columns = {"v": ("STRING", ["hello", "hello", None]), "n": ("INT", [2, None, 1])}
    assert evaluate("SUBSTRING(v, n)", **columns).values == ["ello", None, None]
    assert evaluate("SUBSTRING(v, 1, n)", **columns).values == ["he", None, None]
    assert evaluate("LEFT(v, n)", **columns).values == ["he", None, None]
    assert evaluate("RIGHT(v, n)", **columns).values == ["lo", None, None]
    assert evaluate("SPLIT_INDEX(v, 'l', n)", **columns).values == ["o", None, None]


@given(st.text(max_size=8), st.text(alphabet="ab😀", min_size=1, max_size=2))
def test_a_position_is_where_the_text_begins(before: str, wanted: str) -> None:
    value = before + wanted
    frame = pl.DataFrame({"v": [value], "w": [wanted]})
    found = frame.select(position_of(pl.col("w"), pl.col("v"))).item()
    assert found == value.index(wanted) + 1
