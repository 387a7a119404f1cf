"""Computed columns made into those of a table, value for value."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given

from pipeline_io.bigquery_row_shape import shaped_rows
from pipeline_io.bigquery_types import arrow_schema, parse_type

TYPES = {
    "n": "INT64",
    "d": "NUMERIC(10, 2)",
    "b": "BIGNUMERIC(30, 20)",
    "t": "TIME",
    "at": "TIMESTAMP",
    "local": "DATETIME",
    "j": "JSON",
    "s": "STRUCT<`x` ARRAY<STRING>, `y` STRUCT<`z` FLOAT64>>",
    "l": "ARRAY<STRUCT<`x` NUMERIC(5, 1)>>",
}
COLUMNS = [(name, parse_type(text)) for name, text in TYPES.items()]
COMPUTED = pl.Struct(
    {
        "n": pl.Int16(),
        "d": pl.Decimal(38, 2),
        "b": pl.Decimal(38, 20),
        "t": pl.Time(),
        "at": pl.Datetime("us", "UTC"),
        "local": pl.Datetime("us"),
        "j": pl.String(),
        "s": pl.Struct({"x": pl.List(pl.String()), "y": pl.Struct({"z": pl.Float32()})}),
        "l": pl.List(pl.Struct({"x": pl.Decimal(38, 1)})),
    }
)


def computed(rows: Sequence[object], of: Any = COMPUTED) -> pa.StructArray:
    values: Any = pl.Series(rows, dtype=of).to_arrow(compat_level=pl.CompatLevel.oldest())
    found: pa.StructArray = values
    return found


def _decimals(places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(-9_999, 9_999, places=places)


_UTC = st.datetimes(timezones=st.just(datetime.timezone.utc))
_TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
_STRUCTS = st.fixed_dictionaries(
    {
        "x": st.none() | st.lists(_TEXTS, max_size=3),
        "y": st.none()
        | st.fixed_dictionaries({"z": st.none() | st.floats(width=32, allow_nan=False)}),
    }
)
_ROWS = st.fixed_dictionaries(
    {
        "n": st.none() | st.integers(-(2**15), 2**15 - 1),
        "d": st.none() | _decimals(2),
        "b": st.none() | _decimals(20),
        "t": st.none() | st.times(),
        "at": st.none() | _UTC,
        "local": st.none() | st.datetimes(),
        "j": st.none() | _TEXTS,
        "s": st.none() | _STRUCTS,
        "l": st.none()
        | st.lists(st.fixed_dictionaries({"x": st.none() | _decimals(1)}), max_size=3),
    }
)


def stored(row: dict[str, Any]) -> dict[str, Any]:
    """What a table has of a row: arrays are never NULL."""
    struct = row["s"] and {**row["s"], "x": row["s"]["x"] or []}
    return {**row, "s": struct, "l": row["l"] or []}


@given(st.lists(_ROWS, min_size=1, max_size=8), st.integers(0, 7))
def test_all_values_arrive_in_the_columns_of_the_table(
    rows: list[dict[str, Any]], dropped: int
) -> None:
    values = computed(rows)
    # A slice starts in the middle of its buffers.
    start = min(dropped, len(rows) - 1)
    shaped = shaped_rows(values[start:], COLUMNS)
    assert shaped.rows.schema == arrow_schema(COLUMNS)
    assert shaped.rows.to_pylist() == [stored(row) for row in rows[start:]]
    assert shaped.left_out == 0


def test_values_without_a_column_are_counted_in_structs_too() -> None:
    rows = [
        {"a": 1, "b": "x", "s": {"c": 1, "d": 2}},
        {"a": None, "b": "y", "s": None},
        {"a": 3, "b": None, "s": {"c": None, "d": 4}},
    ]
    of = pl.Struct(
        {"a": pl.Int64(), "b": pl.String(), "s": pl.Struct({"c": pl.Int64(), "d": pl.Int64()})}
    )
    shaped = shaped_rows(
        computed(rows, of), [("B", parse_type("STRING")), ("s", parse_type("STRUCT<`d` INT64>"))]
    )
    assert shaped.rows.to_pylist() == [
        {"B": "x", "s": {"d": 2}},
        {"B": "y", "s": None},
        {"B": None, "s": {"d": 4}},
    ]
    assert shaped.left_out == 3


def test_no_rows_are_no_rows() -> None:
    assert shaped_rows(computed([]), COLUMNS).rows.num_rows == 0


def test_a_number_that_its_column_cannot_hold_is_no_other_number() -> None:
    values = computed([{"d": Decimal(10) ** 30}], pl.Struct({"d": pl.Decimal(38, 2)}))
    with pytest.raises(pa.ArrowInvalid):
        shaped_rows(values, [("d", parse_type("NUMERIC"))])
