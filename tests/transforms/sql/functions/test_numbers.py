"""Functions of numbers. The expected values are those of Flink SQL 2.3."""

from __future__ import annotations

import decimal
import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.sql.functions.calls import Check, Evaluate
from transforms.sql.errors import SqlError
from transforms.sql.functions.numbers import _rounded_double

D = decimal.Decimal


@pytest.mark.parametrize(
    ("sql", "kind", "value", "result", "expected"),
    [
        ("ABS(v)", "TINYINT", -5, "TINYINT", 5),
        ("ABS(v)", "DECIMAL(5, 2)", D("-1.50"), "DECIMAL(5, 2)", D("1.50")),
        ("ABS(v)", "DOUBLE", -1.5, "DOUBLE", 1.5),
        ("CEIL(v)", "DECIMAL(5, 2)", D("-1.20"), "DECIMAL(5, 0)", D(-1)),
        ("CEIL(v)", "DECIMAL(4, 2)", D("99.99"), "DECIMAL(4, 0)", D(100)),
        ("CEILING(v)", "DOUBLE", 1.2, "DOUBLE", 2.0),
        ("FLOOR(v)", "DECIMAL(5, 2)", D("-1.20"), "DECIMAL(5, 0)", D(-2)),
        ("FLOOR(v)", "BIGINT", 5, "BIGINT", 5),
        ("ROUND(v)", "DECIMAL(3, 1)", D("2.5"), "DECIMAL(3, 0)", D(3)),
        ("ROUND(v)", "DECIMAL(3, 1)", D("-2.5"), "DECIMAL(3, 0)", D(-3)),
        ("ROUND(v, 2)", "DECIMAL(5, 3)", D("2.345"), "DECIMAL(5, 2)", D("2.35")),
        ("ROUND(v, -1)", "DECIMAL(5, 3)", D("2.345"), "DECIMAL(3, 0)", D(0)),
        ("ROUND(v, -1)", "DECIMAL(6, 3)", D("-125.345"), "DECIMAL(4, 0)", D(-130)),
        ("ROUND(v, -1)", "DECIMAL(4, 1)", D("14.5"), "DECIMAL(4, 0)", D(10)),
        ("ROUND(v, 1)", "DECIMAL(4, 2)", D("99.95"), "DECIMAL(4, 1)", D("100.0")),
        ("ROUND(v, 5)", "DECIMAL(5, 3)", D("2.345"), "DECIMAL(5, 3)", D("2.345")),
        ("ROUND(v, 2)", "DOUBLE", 1.005, "DOUBLE", 1.01),
        ("ROUND(v)", "DOUBLE", -2.5, "DOUBLE", -3.0),
        ("ROUND(v, -2)", "DOUBLE", 1250.0, "DOUBLE", 1300.0),
        ("ROUND(v, 2)", "DOUBLE", 1e300, "DOUBLE", 1e300),
        ("ROUND(v)", "DOUBLE", math.inf, "DOUBLE", math.inf),
        ("ROUND(v, -1)", "INT", 125, "INT", 130),
        ("ROUND(v, 1)", "INT", 125, "INT", 125),
        ("ROUND(v, -2)", "BIGINT", -150, "BIGINT", -200),
        ("TRUNCATE(v, 2)", "DECIMAL(5, 3)", D("-42.345"), "DECIMAL(5, 2)", D("-42.34")),
        ("TRUNCATE(v, -1)", "DECIMAL(5, 3)", D("42.345"), "DECIMAL(3, 0)", D(40)),
        ("TRUNCATE(v, 2)", "DOUBLE", -42.345, "DOUBLE", -42.34),
        ("TRUNCATE(v, -1)", "INT", -125, "INT", -120),
        ("SIGN(v)", "INT", -5, "INT", -1),
        ("SIGN(v)", "DECIMAL(4, 2)", D("-5.50"), "DECIMAL(4, 2)", D("-1.00")),
        ("MOD(v, 3)", "INT", -7, "INT", -1),
        ("MOD(v, -3)", "INT", 7, "INT", 1),
        ("MOD(v, CAST(3 AS TINYINT))", "BIGINT", 7, "TINYINT", 1),
        ("MOD(v, 2)", "DECIMAL(3, 1)", D("7.5"), "DECIMAL(3, 1)", D("1.5")),
    ],
)
def test_a_number_is_rounded_and_taken_apart(
    check: Check, sql: str, kind: str, value: object, result: str, expected: object
) -> None:
    check(sql, kind, value, result, expected)


@pytest.mark.parametrize(
    ("sql", "kind", "value"),
    [
        ("ABS(v)", "TINYINT", -128),
        ("ABS(v)", "BIGINT", -(2**63)),
        ("ROUND(v, -1)", "TINYINT", 127),
        ("ROUND(v, 2)", "DECIMAL(38, 3)", D("99999999999999999999999999999999999.999")),
        ("CEIL(v)", "DECIMAL(38, 3)", D("99999999999999999999999999999999999.999")),
        ("MOD(7, v)", "INT", 0),
    ],
)
def test_a_result_that_does_not_fit_refuses_its_row_alone(
    check: Check, sql: str, kind: str, value: object
) -> None:
    kinds = {"v": kind}
    check(sql, kinds["v"], value, _type_of(sql, kind), ...)


def _type_of(sql: str, kind: str) -> str:
    if not kind.startswith("DECIMAL"):
        return kind
    return "DECIMAL(38, 0)" if sql.startswith("CEIL") else "DECIMAL(38, 2)"


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=4), st.integers(-2, 4))
def test_a_double_is_rounded_by_the_digits_that_it_shows(
    value: decimal.Decimal, digits: int
) -> None:
    shown = pl.Series([float(value)]).cast(pl.String()).item()
    exact = D(shown).quantize(D(1).scaleb(-digits), decimal.ROUND_HALF_UP)
    frame = pl.DataFrame({"v": [float(value)]})
    assert frame.select(_rounded_double(pl.col("v"), digits, up=True)).item() == float(exact)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("ABS('x')", "argument 1 is CHAR(1), expected a number"),
        ("ROUND(v, v)", "must be written as a literal number"),
        ("MOD(1.5e0, 2)", "argument 1 is DOUBLE, expected an integer or a DECIMAL"),
        ("FLOOR()", "expected 1 argument, not 0"),
    ],
)
def test_what_is_no_number_is_an_error_of_the_script(
    evaluate: Evaluate, sql: str, message: str
) -> None:
    with pytest.raises(SqlError) as raised:
        evaluate(sql, v=("INT", [1]))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("sql", "value", "expected"),
    [
        ("SQRT(v)", 16.0, 4.0),
        ("EXP(v)", 1.0, math.e),
        ("LN(v)", 10.0, math.log(10)),
        ("LN(v)", 0.0, -math.inf),
        ("LOG(v)", 10.0, math.log(10)),
        ("LOG(2, v)", 8.0, 3.0),
        ("LOG10(v)", 1000.0, 3.0),
        ("LOG2(v)", 8.0, 3.0),
        ("POWER(v, 10)", 2.0, 1024.0),
        ("POWER(v, -1)", 0.0, math.inf),
        ("SIN(v)", 1.0, math.sin(1)),
        ("COS(v)", 1.0, math.cos(1)),
        ("TAN(v)", 1.0, math.tan(1)),
        ("COT(v)", 1.0, 1 / math.tan(1)),
        ("ASIN(v)", 1.0, math.pi / 2),
        ("ACOS(v)", 0.5, math.acos(0.5)),
        ("ATAN(v)", 1.0, math.pi / 4),
        ("ATAN2(v, 2)", 1.0, math.atan2(1, 2)),
        ("SINH(v)", 1.0, math.sinh(1)),
        ("COSH(v)", 1.0, math.cosh(1)),
        ("TANH(v)", 1.0, math.tanh(1)),
        ("DEGREES(v)", math.pi, 180.0),
        ("RADIANS(v)", 180.0, math.pi),
    ],
)
def test_a_function_of_mathematics_gives_double(
    evaluate: Evaluate, sql: str, value: float, expected: float
) -> None:
    outcome = evaluate(sql, v=("DOUBLE", [value, None]))
    assert outcome.type == "DOUBLE"
    assert outcome.values == [pytest.approx(expected), None]


def test_mathematics_takes_any_number_and_gives_nan_outside(evaluate: Evaluate) -> None:
    assert evaluate("SQRT(v)", v=("DECIMAL(5, 2)", [D("2.25")])).values == [1.5]
    (root,) = evaluate("SQRT(v)", v=("INT", [-1])).values
    assert isinstance(root, float)
    assert math.isnan(root)
    assert evaluate("PI()", rows=2).values == [math.pi] * 2
    assert evaluate("E()").values == [math.e]
