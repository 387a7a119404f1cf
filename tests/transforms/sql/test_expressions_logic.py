"""Three-valued logic, and failures that count only where they are reached."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal

import pytest

from tests.transforms.sql.evaluation import FAILS, evaluate
from transforms.sql.errors import SqlError

TRUTHS = [True, False, None]
PAIRS = list(itertools.product(TRUTHS, TRUTHS))
BOTH = {"a": ("BOOLEAN", [a for a, _ in PAIRS]), "b": ("BOOLEAN", [b for _, b in PAIRS])}


def kleene_and(a: bool | None, b: bool | None) -> bool | None:
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def negated(a: bool | None) -> bool | None:
    return None if a is None else not a


def test_and_or_and_not_have_three_values() -> None:
    both = [kleene_and(a, b) for a, b in PAIRS]
    either = [negated(kleene_and(negated(a), negated(b))) for a, b in PAIRS]
    assert evaluate("a AND b", BOTH).values == both
    assert evaluate("a OR b", BOTH).values == either
    assert evaluate("NOT (a AND b)", BOTH).values == [negated(value) for value in both]
    assert evaluate("a AND NULL", BOTH).values == [kleene_and(a, None) for a, _ in PAIRS]


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("IS NULL", [False, False, True]),
        ("IS NOT NULL", [True, True, False]),
        ("IS UNKNOWN", [False, False, True]),
        ("IS TRUE", [True, False, False]),
        ("IS NOT TRUE", [False, True, True]),
        ("IS FALSE", [False, True, False]),
        ("IS NOT FALSE", [True, False, True]),
    ],
)
def test_a_test_of_truth_is_never_null(test: str, expected: list[bool]) -> None:
    assert evaluate(f"a {test}", {"a": ("BOOLEAN", TRUTHS)}).values == expected


@pytest.mark.parametrize("text", ["a AND TRUE", "NOT a", "a IS TRUE", "CASE WHEN a THEN 1 END"])
def test_a_condition_has_to_be_a_boolean(text: str) -> None:
    with pytest.raises(SqlError, match="takes BOOLEAN, got INT"):
        evaluate(text, {"a": ("INT", [1])})


# `1 / a` fails for the second row alone.
REACHED = [
    ("a = 0 OR 1 / a > 0", [True, True, None]),
    ("a <> 0 AND 1 / a > 0", [True, False, None]),
    ("1 / a > 0 OR a = 0", [True, FAILS, None]),
    ("1 / a > 0 AND a <> 0", [True, FAILS, None]),
    ("CASE WHEN a = 0 THEN -1 ELSE 1 / a END", [1, -1, None]),
    ("CASE WHEN a <> 0 THEN 1 / a ELSE -1 END", [1, -1, -1]),
    ("CASE WHEN a = 0 THEN 1 / a ELSE -1 END", [-1, FAILS, -1]),
    ("CASE WHEN 1 / a = 1 THEN 1 ELSE 2 END", [1, FAILS, 2]),
    ("CASE WHEN a = 0 THEN 0 WHEN 1 / a = 1 THEN 1 ELSE 2 END", [1, 0, 2]),
    ("CASE a WHEN 0 THEN 0 WHEN 1 / a THEN 5 END", [5, 0, None]),
    ("CASE a WHEN 1 THEN 0 WHEN 1 / a THEN 5 END", [0, FAILS, None]),
    ("COALESCE(a, 1 / 0)", [1, 0, FAILS]),
    ("COALESCE(b, 1 / a)", [1, FAILS, None]),
    ("COALESCE(b, a, 1 / a)", [1, 0, None]),
    ("COALESCE(1 / a, 7)", [1, FAILS, 7]),
    ("IFNULL(a, 1 / 0)", [1, 0, FAILS]),
    ("IF(a = 0, 5, 1 / a)", [1, 5, None]),
    ("NULLIF(a, 1)", [None, 0, None]),
    ("1 / NULLIF(a, 0)", [1, None, None]),
    ("NULLIF(1 / a, 5)", [1, FAILS, None]),
    ("GREATEST(a, 1 / a)", [1, FAILS, None]),
    ("1 / a IS NULL", [False, FAILS, True]),
    ("a IN (5, 1 / a)", [True, FAILS, None]),
    ("a IN (0, 1 / a)", [True, True, None]),
    ("1 / a IN (7, 1)", [True, FAILS, None]),
    ("1 / a BETWEEN 0 AND 1", [True, FAILS, None]),
    ("a BETWEEN 1 AND 1 / a", [True, False, None]),
    ("a BETWEEN 0 AND 1 / a", [True, FAILS, None]),
]


@pytest.mark.parametrize(("text", "expected"), REACHED)
def test_a_failure_counts_only_where_it_is_reached(text: str, expected: list[object]) -> None:
    columns = {"a": ("INT", [1, 0, None]), "b": ("INT", [None, None, None])}
    assert evaluate(text, columns).values == expected


CHOICES = [
    ("CASE WHEN b THEN 1 ELSE 2.5 END", "DECIMAL(11, 1)", [Decimal("1.0"), Decimal("2.5")]),
    ("CASE WHEN b THEN 'abc' ELSE 'x' END", "VARCHAR(3)", ["abc", "x"]),
    ("CASE WHEN b THEN f ELSE 1.5 END", "DOUBLE", [0.5, 1.5]),
    ("CASE WHEN b THEN NULL ELSE 1 END", "INT", [None, 1]),
    ("CASE WHEN b THEN 1 END", "INT", [1, None]),
    ("CASE b WHEN TRUE THEN 'a' WHEN FALSE THEN 'b' END", "CHAR(1)", ["a", "b"]),
    ("CASE WHEN b THEN ROW(1, 'x') END", "ROW<`EXPR$0` INT, `EXPR$1` CHAR(1)>", None),
    ("COALESCE(n, 1.5)", "DECIMAL(11, 1)", [Decimal("1.5"), Decimal("1.5")]),
    ("COALESCE(NULL, n, 3)", "INT", [3, 3]),
    ("IF(b, 1, 2.5)", "DECIMAL(11, 1)", [Decimal("1.0"), Decimal("2.5")]),
    ("NULLIF(1, 1.0)", "INT", [None, None]),
    ("GREATEST(1, 2.5)", "DECIMAL(11, 1)", [Decimal("2.5"), Decimal("2.5")]),
    ("LEAST('b', 'a')", "CHAR(1)", ["a", "a"]),
    ("GREATEST(1, n)", "INT", [None, None]),
    ("LEAST(3, 1, 2)", "INT", [1, 1]),
    ("CAST(GREATEST(CAST('NaN' AS DOUBLE), f, 1.5E0) AS STRING)", "STRING", ["NaN", "NaN"]),
    ("LEAST(CAST('NaN' AS DOUBLE), f, 1.5E0)", "DOUBLE", [0.5, 0.5]),
    ("GREATEST(DATE '2026-01-01', DATE '2025-01-01')", "DATE", [dt.date(2026, 1, 1)] * 2),
]


@pytest.mark.parametrize(("text", "kind", "expected"), CHOICES)
def test_a_choice_has_the_common_type_of_its_branches(
    text: str, kind: str, expected: list[object] | None
) -> None:
    columns = {
        "b": ("BOOLEAN", [True, False]),
        "f": ("FLOAT", [0.5, 0.5]),
        "n": ("INT", [None, None]),
    }
    found = evaluate(text, columns)
    assert str(found.type) == kind
    assert expected is None or found.values == expected


@pytest.mark.parametrize(
    "text",
    [
        "CASE WHEN TRUE THEN 1 ELSE 'x' END",
        "COALESCE(1, 'x')",
        "IFNULL(DATE '2026-01-01', TIMESTAMP '2026-01-01 00:00:00')",
        "GREATEST(1, 'x')",
        "ARRAY[1, 'a']",
    ],
)
def test_branches_without_a_common_type_are_an_error_that_says_cast(text: str) -> None:
    with pytest.raises(SqlError, match=r"have no type in common: .* CAST"):
        evaluate(text)


def test_a_chain_of_operators_stays_small() -> None:
    columns = {"a": ("STRING", ["x", None]), "n": ("DECIMAL(5, 2)", [Decimal("1.5"), None])}
    assert evaluate(" || ".join(["a"] * 60), columns).values == ["x" * 60, None]
    assert evaluate(" + ".join(["n"] * 40), columns).values == [Decimal(60), None]
    whens = " ".join(f"WHEN {i} THEN {i} / 1" for i in range(100, 160))
    assert evaluate(f"CASE 7 {whens} ELSE -1 END").values == [-1]
