"""Objects that a script puts together, and constants in them, written without a column of them."""

from __future__ import annotations

import json
from decimal import Decimal

import polars as pl
import pytest

from transforms.sql import types
from transforms.sql.json_encoder import Column, Constant, Members
from transforms.sql.json_options import JsonOptions
from transforms.sql.json_rows import json_rows
from transforms.sql.types import Field


@pytest.mark.parametrize("ignore_null_fields", [False, True])
def test_a_row_put_together_by_the_script_reads_as_a_row_that_comes_as_a_column(
    ignore_null_fields: bool,
) -> None:
    options = JsonOptions(ignore_null_fields=ignore_null_fields)
    inner = types.row(Field("n", types.INT), Field("d", types.decimal(5, 2)))
    outer = types.row(Field("k", types.STRING), Field("in", inner), Field("x", types.DOUBLE))
    frame = pl.DataFrame(
        {
            "n": [1, None],
            "d": pl.Series([Decimal("1.50"), None], dtype=pl.Decimal(38, 2)),
            "x": [None, 0.5],
        }
    )
    one = pl.struct(pl.col("n").cast(pl.Int32), "d")
    column = pl.struct(pl.lit("c").alias("k"), one.alias("in"), "x")
    members = Members(
        (
            ("k", Constant('"c"'), types.STRING),
            (
                "in",
                Members(
                    (
                        ("n", pl.col("n").cast(pl.Int32), types.INT),
                        ("d", pl.col("d"), types.decimal(5, 2)),
                    )
                ),
                inner,
            ),
            ("x", pl.col("x"), types.DOUBLE),
        )
    )
    none: Column = ("none", Constant("null"), types.INT)
    parts: list[Column] = [("o", members, outer), none, ("n", pl.col("n"), types.INT)]
    whole: list[Column] = [
        ("o", column, outer),
        ("none", pl.lit(None, pl.Int32), types.INT),
        ("n", pl.col("n"), types.INT),
    ]
    put_together = frame.select(json_rows(parts, options)).to_series().to_list()
    assert put_together == frame.select(json_rows(whole, options)).to_series().to_list()
    assert all(json.loads(text) for text in put_together)


def test_constants_alone_give_a_row_each() -> None:
    columns: list[Column] = [("a", Constant("1"), types.INT), ("b", Constant("null"), types.INT)]
    texts = (
        pl.DataFrame({"x": [1, 2]}).select(json_rows(columns, JsonOptions())).to_series().to_list()
    )
    assert texts == ['{"a":1,"b":null}'] * 2
