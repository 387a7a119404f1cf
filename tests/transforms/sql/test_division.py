"""Integers divided and given a scale, with what polars offers and, as on Python 3.10, without."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Context, Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.sql import compile_decimals, compile_division, types

LARGEST = 10**38 - 1
NUMBERS = st.lists(st.none() | st.integers(-LARGEST, LARGEST) | st.integers(-9, 9), min_size=1)
EXACT = Context(prec=38)


@pytest.fixture(params=["as polars offers", "by hand"], scope="module", autouse=True)
def _way(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "by hand":
            patch.setattr(compile_division, "SINCE_2_1", False)
            patch.setattr(compile_decimals, "SINCE_2_1", False)
        yield


@settings(deadline=None)
@given(NUMBERS, st.none() | st.integers(-LARGEST, LARGEST) | st.integers(-9, 9))
def test_a_quotient_goes_towards_zero_and_is_null_by_zero(
    dividends: list[int | None], divisor: int | None
) -> None:
    frame = pl.DataFrame(
        {"a": dividends, "b": [divisor] * len(dividends)}, dict.fromkeys("ab", pl.Int128)
    )
    quotient = compile_division.whole_quotient(pl.col("a"), pl.col("b"), pl.Int128())
    assert frame.select(quotient).to_series().to_list() == [
        None
        if not divisor or one is None
        else abs(one) // abs(divisor) * (1 if (one < 0) == (divisor < 0) else -1)
        for one in dividends
    ]


@pytest.mark.parametrize(("dividend", "divisor"), [(7, -2), (-7, 2), (1, 0), (None, 1)])
def test_a_quotient_of_literals_is_one_value_a_row(dividend: int | None, divisor: int) -> None:
    quotient = compile_division.whole_quotient(
        pl.lit(dividend, pl.Int32), pl.lit(divisor, pl.Int32), pl.Int32()
    )
    expected = -3 if divisor in (2, -2) else None
    rows = pl.DataFrame({"v": [1, 2, 3]}).with_columns(quotient=quotient)
    assert rows.get_column("quotient").to_list() == [expected] * 3


@settings(deadline=None)
@given(NUMBERS, st.integers(0, 38))
def test_an_integer_becomes_the_decimal_with_those_digits(
    integers: list[int | None], scale: int
) -> None:
    frame = pl.DataFrame({"v": integers}, {"v": pl.Int128})
    column = compile_decimals.with_scale(pl.col("v"), types.decimal(38, scale))
    series = frame.select(column).to_series()
    assert series.dtype == pl.Decimal(38, scale)
    assert series.to_list() == [
        None if one is None else Decimal(one).scaleb(-scale, EXACT) for one in integers
    ]
