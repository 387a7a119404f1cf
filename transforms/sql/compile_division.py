"""Division of integers towards zero: Java's, and so Flink's. polars' // rounds down."""

from __future__ import annotations

import polars as pl

from transforms.sql.compile_batches import on_batches
from transforms.sql.polars_versions import SINCE_2_1


def whole_quotient(dividend: pl.Expr, divisor: pl.Expr, integers: pl.DataType) -> pl.Expr:
    """dividend / divisor of two columns of the type `integers`; NULL where the divisor is zero."""
    if SINCE_2_1:
        return dividend.truncdiv(divisor)
    return on_batches(_towards_zero, [dividend, divisor], integers)


def _towards_zero(frame: pl.DataFrame) -> pl.Series:
    dividend, divisor, down = pl.col("0"), pl.col("1"), pl.col("down")
    rounded = (dividend < 0).xor(divisor < 0) & (down * divisor != dividend)
    quotients = frame.with_columns(down=dividend // divisor)
    return quotients.select(pl.when(rounded).then(down + 1).otherwise(down)).to_series()
