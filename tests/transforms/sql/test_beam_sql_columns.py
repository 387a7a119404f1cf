"""Values that cross to Beam SQL and come back are the values that they were."""

from __future__ import annotations

import datetime
from decimal import Context, Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from transforms.sink_rows import sink_rows
from transforms.sql import types
from transforms.sql.beam_sql_columns import carried, carried_type, column_of, restored
from transforms.sql.beam_sql_rows import json_columns
from transforms.sql.errors import SqlError
from transforms.sql.expression import Expression
from transforms.sql.json_options import JsonOptions
from transforms.sql.json_rows import json_rows
from transforms.sql.types import SqlType, polars_type

PLACE = exp.column("x")
_DIGITS = Context(prec=38)
UTC = datetime.timezone.utc
VALUES: dict[SqlType, st.SearchStrategy[Any]] = {
    types.BOOLEAN: st.booleans(),
    types.TINYINT: st.integers(-(2**7), 2**7 - 1),
    types.BIGINT: st.integers(-(2**63), 2**63 - 1),
    types.decimal(38, 10): st.integers(-(10**38) + 1, 10**38 - 1).map(
        lambda digits: Decimal(digits).scaleb(-10, _DIGITS)
    ),
    types.STRING: st.text(st.characters(exclude_categories=["Cs"])),
    types.BYTES: st.binary(),
    types.DATE: st.dates(),
    types.time(6): st.times(),
    types.timestamp(6): st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)),  # noqa: DTZ001
    types.timestamp_ltz(3): st.datetimes(timezones=st.just(UTC)).map(
        lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000)
    ),
    types.DOUBLE: st.floats(allow_nan=False),
}


def crossed(values: list[Any], sql_type: SqlType) -> list[Any]:
    """The values after they went to Beam SQL and came back."""
    column = carried(Expression(pl.col("x"), sql_type), PLACE)
    frame = pl.DataFrame({"x": pl.Series(values, dtype=polars_type(sql_type))})
    options = JsonOptions(decimal_as_string=True)
    payloads = frame.select(json_rows([("x", column.value, column.type)], options)).to_series()
    batch = sink_rows(pa.array([one.encode() for one in payloads], pa.large_binary()))
    there = json_columns(batch, [("x", column.type)])["x"]
    back, failures = column_of(there, column.type)
    assert not failures
    return pl.DataFrame({"x": back}).select(restored("x", sql_type).value).to_series().to_list()


@pytest.mark.parametrize("sql_type", VALUES, ids=str)
def test_values_come_back_as_they_went(sql_type: SqlType) -> None:
    @given(st.lists(st.none() | VALUES[sql_type], min_size=1, max_size=5))
    def check(values: list[Any]) -> None:
        assert crossed(values, sql_type) == values

    check()


def test_a_row_does_not_cross() -> None:
    with pytest.raises(SqlError, match="ROW does not go to Beam SQL"):
        carried_type(types.row(types.Field("a", types.INT)), PLACE)


def test_a_value_that_does_not_fit_is_refused_alone() -> None:
    column, failures = column_of([1, 2**40, None], types.INT)
    assert column.to_list() == [1, None, None]
    assert [number for number, _ in failures] == [1]


def test_a_decimal_of_more_digits_is_rounded_half_up() -> None:
    column, _ = column_of([Decimal("1.005"), Decimal("-1.005")], types.decimal(10, 2))
    assert column.to_list() == [Decimal("1.01"), Decimal("-1.01")]


def test_a_time_keeps_its_microseconds() -> None:
    time = datetime.datetime(2026, 1, 31, 23, 59, 59, 999_999)  # noqa: DTZ001 (a TIMESTAMP)
    assert crossed([time], types.timestamp(6)) == [time]


@pytest.mark.parametrize("digits", ["1E+38", "9E+38", "1E+60"])
def test_a_decimal_of_too_many_digits_is_refused_alone(digits: str) -> None:
    column, failures = column_of([Decimal(digits), Decimal(1)], types.decimal(38, 0))
    assert column.to_list() == [None, Decimal(1)]
    assert [number for number, _ in failures] == [0]


def test_the_largest_decimal_fits() -> None:
    largest, least = Decimal(10**38 - 1), Decimal(1 - 10**38)
    assert column_of([largest, least], types.decimal(38, 0))[0].to_list() == [largest, least]
