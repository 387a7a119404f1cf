"""Columns computed by a function on whole batches, where polars has no expression for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

_QUOTED = re.compile(r'"[^"]*"')
_UNNAMED_COLUMNS = re.compile(r"\b(len|element)\(\)")

BatchFunction = Callable[[pl.DataFrame], pl.Series]
"""Takes the inputs as columns "0", "1", ... of one length; returns a column of that length."""


def on_batches(function: BatchFunction, inputs: Sequence[pl.Expr], returns: pl.DataType) -> pl.Expr:
    """The column that `function` makes of `inputs`, of type `returns`.

    It names each input once: expressions nested in each other stay linear in size.
    """

    def on_batch(series: Sequence[pl.Series]) -> pl.Series:
        result: pl.Series = function(_frame(series)).cast(returns)
        return result

    column = pl.map_batches(inputs, on_batch, return_dtype=returns)
    # Of literals alone polars sees a column of one row, and refuses it beside others unless told
    # that it is a scalar.
    return column.first() if all(is_scalar(one) for one in inputs) else column


def is_scalar(column: pl.Expr) -> bool:
    """Whether a column is computed from literals alone."""
    # Columns that come from no named column: a list's elements, and whatever counts the rows.
    unnamed = _UNNAMED_COLUMNS.search(_QUOTED.sub("", str(column)))
    return not column.meta.root_names() and unnamed is None


def _frame(series: Sequence[pl.Series]) -> pl.DataFrame:
    lengths = {len(one) for one in series}
    # A literal arrives as one row next to columns of any length, none included.
    height = min(lengths - {1}, default=1)
    return pl.DataFrame(
        {
            str(index): one if len(one) == height else one.new_from_index(0, height)
            for index, one in enumerate(series)
        }
    )


def per_distinct_value(
    values: pl.Series, function: Callable[[Any], object], returns: pl.DataType
) -> pl.Series:
    """`function` of each value, called once for each distinct one; NULL stays NULL.

    The last resort, for meanings that neither polars nor arrow has.
    """
    distinct = values.drop_nulls().unique()
    results = pl.Series([function(value) for value in distinct.to_list()], dtype=returns)
    table = pl.DataFrame({"value": distinct, "result": results})
    return (
        pl.DataFrame({"value": values})
        .join(table, on="value", how="left", maintain_order="left")
        .get_column("result")
    )
