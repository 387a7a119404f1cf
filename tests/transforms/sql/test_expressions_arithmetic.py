"""Arithmetic of numbers, dates and intervals."""

from __future__ import annotations

import datetime as dt
import decimal
from decimal import Decimal
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.sql.evaluation import FAILS, at, evaluate, type_of
from transforms.sql import type_rules
from transforms.sql.errors import SqlError

D = Decimal
NINES = D("9" * 38)

# The two types, the operator, the type of the result, and rows of left, right, result.
NUMBERS = [
    ("TINYINT", "+", "TINYINT", "TINYINT", [(127, 1, -128), (1, None, None)]),
    ("SMALLINT", "+", "SMALLINT", "SMALLINT", [(32767, 1, -32768)]),
    ("SMALLINT", "*", "TINYINT", "SMALLINT", [(300, 3, 900)]),
    ("INT", "*", "INT", "INT", [(2147483647, 2, -2)]),
    ("INT", "-", "BIGINT", "BIGINT", [(-2147483648, 1, -2147483649)]),
    ("INT", "/", "INT", "INT", [(-7, 2, -3), (7, -2, -3), (7, 0, FAILS), (-(2**31), -1, -(2**31))]),
    ("INT", "%", "INT", "INT", [(-7, 2, -1), (7, -2, 1), (7, 0, FAILS), (None, 0, FAILS)]),
    ("BIGINT", "%", "INT", "INT", [(-7, 2, -1), (2**40, 7, 2)]),
    ("INT", "%", "BIGINT", "BIGINT", [(-7, 2, -1)]),
    ("DOUBLE", "/", "DOUBLE", "DOUBLE", [(7.0, 0.0, inf), (-7.0, 0.0, -inf), (0.0, 0.0, nan)]),
    ("INT", "/", "DOUBLE", "DOUBLE", [(1, 2.0, 0.5)]),
    ("FLOAT", "+", "INT", "FLOAT", [(7.0, 2, 9.0)]),
    ("FLOAT", "+", "DECIMAL(2, 1)", "DOUBLE", [(7.0, D("1.5"), 8.5)]),
    ("DECIMAL(10, 2)", "+", "INT", "DECIMAL(13, 2)", [(D("1.50"), 1, D("2.50"))]),
    ("DECIMAL(10, 2)", "-", "BIGINT", "DECIMAL(22, 2)", [(D("1.50"), 1, D("0.50"))]),
    ("DECIMAL(10, 2)", "*", "TINYINT", "DECIMAL(14, 2)", [(D("1.50"), -2, D("-3.00"))]),
    ("DECIMAL(10, 2)", "*", "DECIMAL(10, 2)", "DECIMAL(21, 4)", [(D("1.5"), D("1.5"), D("2.25"))]),
    (
        "DECIMAL(10, 2)",
        "/",
        "DECIMAL(10, 2)",
        "DECIMAL(23, 13)",
        [(D("1.5"), D("1.7"), D("0.8823529411765")), (D("1"), D("0"), FAILS)],
    ),
    ("DECIMAL(10, 2)", "/", "INT", "DECIMAL(21, 13)", [(D("1.5"), 7, D("0.2142857142857"))]),
    ("INT", "/", "DECIMAL(2, 1)", "DECIMAL(17, 6)", [(7, D("2.0"), D("3.5"))]),
    ("DECIMAL(2, 1)", "%", "DECIMAL(2, 1)", "DECIMAL(2, 1)", [(D("-7.5"), D("2.0"), D("-1.5"))]),
    ("INT", "%", "DECIMAL(10, 2)", "DECIMAL(10, 2)", [(7, D("1.5"), D("1.00")), (7, D(0), FAILS)]),
    ("DECIMAL(38, 0)", "+", "DECIMAL(38, 0)", "DECIMAL(38, 0)", [(NINES, D(1), None)]),
    ("DECIMAL(38, 18)", "*", "DECIMAL(38, 18)", "DECIMAL(38, 6)", [(D("1.5"), D(-3), D("-4.5"))]),
    ("DECIMAL(38, 18)", "+", "DECIMAL(38, 2)", "DECIMAL(38, 6)", [(D("1.5"), D("1.5"), D("3"))]),
]


@pytest.mark.parametrize(("left", "sign", "right", "result", "rows"), NUMBERS)
def test_arithmetic_is_that_of_flink(
    left: str, sign: str, right: str, result: str, rows: list[tuple[object, object, object]]
) -> None:
    columns = {"a": (left, [row[0] for row in rows]), "b": (right, [row[1] for row in rows])}
    found = evaluate(f"a {sign} b", columns)
    assert str(found.type) == result
    assert repr(found.values) == repr([row[2] for row in rows]) or found.values == [
        row[2] for row in rows
    ]


def test_minus_turns_the_sign_and_keeps_the_smallest_integer() -> None:
    assert evaluate("-a", {"a": ("TINYINT", [-128, 5, None])}).values == [-128, -5, None]
    assert evaluate("-a", {"a": ("DECIMAL(3, 2)", [D("1.50")])}).values == [D("-1.50")]
    assert evaluate("-9223372036854775808").values == [-(2**63)]
    assert str(evaluate("-9223372036854775808").type) == "BIGINT"
    assert str(evaluate("9223372036854775808").type) == "DECIMAL(19, 0)"


@pytest.mark.parametrize("text", ["a + 'x'", "a % 1.5E0", "d + 1", "d - d", "TRUE + 1", "-'x'"])
def test_arithmetic_of_other_types_is_an_error_of_the_script(text: str) -> None:
    columns = {"a": ("INT", [1]), "d": ("DATE", [dt.date(2026, 1, 1)])}
    with pytest.raises(SqlError, match="is not defined"):
        evaluate(text, columns)


DAY, NIGHT = dt.date(2026, 1, 31), at("2026-01-31 23:30:00")
INTERVALS = [
    ("d + INTERVAL '1' MONTH", dt.date(2026, 2, 28)),
    ("d - INTERVAL '2' YEAR", dt.date(2024, 1, 31)),
    ("INTERVAL '1' DAY + d", dt.date(2026, 2, 1)),
    ("d + INTERVAL '1' HOUR", dt.date(2026, 1, 31)),
    ("d - INTERVAL '25' HOUR", dt.date(2026, 1, 30)),
    ("d + INTERVAL '1' WEEK", dt.date(2026, 2, 7)),
    ("t + INTERVAL '1' HOUR", at("2026-02-01 00:30:00")),
    ("t + INTERVAL '1-1' YEAR TO MONTH", at("2027-02-28 23:30:00")),
    ("t - INTERVAL '1.5' SECOND", at("2026-01-31 23:29:58.500")),
    ("t + INTERVAL '1 02:03:04.5' DAY TO SECOND", at("2026-02-02 01:33:04.500")),
    ("t + INTERVAL '-1' DAY", at("2026-01-30 23:30:00")),
    ("t + 2 * INTERVAL '1' DAY", at("2026-02-02 23:30:00")),
    ("t + INTERVAL '1' MONTH * n", at("2026-03-31 23:30:00")),
    ("t + (INTERVAL '1' DAY + INTERVAL '1' HOUR)", at("2026-02-02 00:30:00")),
    ("c + INTERVAL '1' HOUR", dt.time(0, 30)),
    ("c - INTERVAL '1' DAY", dt.time(23, 30)),
    ("d + CAST(NULL AS INT) * INTERVAL '1' DAY", None),
]


@pytest.mark.parametrize(("text", "expected"), INTERVALS)
def test_an_interval_moves_a_date_or_time(text: str, expected: object) -> None:
    columns = {
        "d": ("DATE", [DAY, None]),
        "t": ("TIMESTAMP(3)", [NIGHT, None]),
        "c": ("TIME(0)", [dt.time(23, 30), None]),
        "n": ("INT", [2, None]),
    }
    assert evaluate(text, columns).values == [expected, None]


def test_a_day_of_an_instant_has_24_hours_whatever_the_clocks_do() -> None:
    columns = {"t": ("TIMESTAMP_LTZ(3)", [at("2026-03-28 12:00:00+00:00")])}
    found = evaluate("t + INTERVAL '1' DAY", columns, "Europe/Berlin")
    assert found.values == [at("2026-03-29 12:00:00+00:00")]


@pytest.mark.parametrize("text", ["INTERVAL 'x' DAY", "INTERVAL '1:2' DAY", "INTERVAL '1' EON"])
def test_an_interval_that_is_none_is_an_error_of_the_script(text: str) -> None:
    with pytest.raises(SqlError, match="interval"):
        evaluate(text)


INTS = st.integers(-(2**31), 2**31 - 1)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(INTS, INTS | st.integers(-3, 3)), min_size=1, max_size=40))
def test_integer_division_and_remainder_are_javas(pairs: list[tuple[int, int]]) -> None:
    columns = {"a": ("INT", [one for one, _ in pairs]), "b": ("INT", [two for _, two in pairs])}

    def java(left: int, right: int) -> tuple[object, object]:
        if right == 0:
            return FAILS, FAILS
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return (quotient + 2**31) % 2**32 - 2**31, left - quotient * right

    expected = [java(*pair) for pair in pairs]
    assert evaluate("a / b", columns).values == [quotient for quotient, _ in expected]
    assert evaluate("a % b", columns).values == [rest for _, rest in expected]


@st.composite
def decimals(draw: st.DrawFn) -> tuple[int, int, list[Decimal]]:
    precision = draw(st.integers(1, 38))
    scale = draw(st.integers(0, precision))
    bound = 10**precision - 1
    unscaled = st.integers(-bound, bound) | st.integers(-min(bound, 20), min(bound, 20))
    values = draw(st.lists(unscaled, min_size=3, max_size=3))
    return precision, scale, [D(value).scaleb(-scale, decimal.Context(prec=60)) for value in values]


EXACT = decimal.Context(prec=200, rounding=decimal.ROUND_HALF_UP)
DIVISION = decimal.Context(prec=38, rounding=decimal.ROUND_HALF_UP)


def flink(sign: str, left: Decimal, right: Decimal, precision: int, scale: int) -> object:
    if right == 0 and sign in "/%":
        return FAILS
    exact = {
        "+": EXACT.add,
        "-": EXACT.subtract,
        "*": EXACT.multiply,
        "/": DIVISION.divide,
        "%": EXACT.remainder,
    }[sign](left, right)
    rounded = exact.quantize(D(1).scaleb(-scale), context=EXACT)
    # Not abs(), which rounds to 28 digits.
    return rounded if rounded.copy_abs() < D(10) ** (precision - scale) else None


@settings(deadline=None, max_examples=200)
@given(st.sampled_from("+-*/%"), decimals(), decimals())
def test_decimal_arithmetic_is_exact_by_flinks_rules(
    sign: str, left: tuple[int, int, list[Decimal]], right: tuple[int, int, list[Decimal]]
) -> None:
    columns = {
        "a": (f"DECIMAL({left[0]}, {left[1]})", left[2]),
        "b": (f"DECIMAL({right[0]}, {right[1]})", right[2]),
    }
    found = evaluate(f"a {sign} b", columns)
    precision, scale = found.type.precision or 0, found.type.scale or 0
    expected = [
        flink(sign, one, other, precision, scale)
        for one, other in zip(left[2], right[2], strict=True)
    ]
    assert found.values == expected


@settings(deadline=None, max_examples=100)
@given(decimals(), decimals())
def test_decimals_of_any_scale_compare_exactly(
    left: tuple[int, int, list[Decimal]], right: tuple[int, int, list[Decimal]]
) -> None:
    columns = {
        "a": (f"DECIMAL({left[0]}, {left[1]})", left[2]),
        "b": (f"DECIMAL({right[0]}, {right[1]})", right[2]),
    }
    pairs = list(zip(left[2], right[2], strict=True))
    assert evaluate("a < b", columns).values == [one < other for one, other in pairs]
    assert evaluate("a = b", columns).values == [one == other for one, other in pairs]


@settings(deadline=None, max_examples=100)
@given(decimals(), st.integers(1, 38), st.data())
def test_decimals_are_rounded_half_up_into_another_scale(
    source: tuple[int, int, list[Decimal]], precision: int, data: st.DataObject
) -> None:
    scale = data.draw(st.integers(0, precision))
    columns = {"a": (f"DECIMAL({source[0]}, {source[1]})", source[2])}
    target = f"DECIMAL({precision}, {scale})"
    expected = [flink("+", value, D(0), precision, scale) for value in source[2]]
    assert evaluate(f"CAST(a AS {target})", columns).values == expected
    texts = {"a": ("STRING", [format(value, "f") for value in source[2]])}
    by_text = [FAILS if value is None else value for value in expected]
    assert evaluate(f"CAST(a AS {target})", texts).values == by_text


def test_the_rules_of_precision_are_flinks() -> None:
    small, money = type_of("DECIMAL(38, 18)"), type_of("DECIMAL(10, 2)")
    assert str(type_rules.addition_type(money, small)) == "DECIMAL(38, 17)"
    assert str(type_rules.multiplication_type(money, small)) == "DECIMAL(38, 9)"
    assert str(type_rules.division_type(money, small)) == "DECIMAL(38, 12)"
    assert str(type_rules.division_type(small, money)) == "DECIMAL(38, 16)"
    assert str(type_rules.remainder_type(money, small)) == "DECIMAL(26, 18)"


@pytest.mark.parametrize("unit", ["MONTH", "DAY"])
@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP(3)"])
def test_a_date_outside_the_calendar_fails_that_row_alone(kind: str, unit: str) -> None:
    day = dt.date(2026, 1, 1) if kind == "DATE" else at("2026-01-01 00:00:00")
    columns = {"d": (kind, [day] * 4), "n": ("INT", [0, 2**24, -(2**24), None])}
    found = evaluate(f"d + n * INTERVAL '1' {unit}", columns)
    assert found.values == [day, FAILS, FAILS, None]


def test_months_move_a_timestamp_of_nanoseconds() -> None:
    columns = {"t": ("TIMESTAMP(9)", [at("2026-01-31 00:00:00.000001"), at("1969-12-31 00:00:00")])}
    assert evaluate("t + INTERVAL '1' MONTH", columns).values == [
        at("2026-02-28 00:00:00.000001"),
        at("1970-01-31 00:00:00"),
    ]


def test_a_double_is_divided_by_a_constant_as_by_a_column() -> None:
    # polars alone multiplies by the reciprocal: 0.8333333333333333.
    found = evaluate("a / 3", {"a": ("DOUBLE", [2.5, None, inf])})
    assert found.values == [2.5 / 3, None, inf]
