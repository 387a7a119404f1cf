"""Conversions between numbers, and between numbers and booleans."""

from __future__ import annotations

import polars as pl

from transforms.sql import compile_decimals
from transforms.sql.casts_rules import Conversion, is_float
from transforms.sql.casts_strings import decimal_of_text
from transforms.sql.compile_batches import on_batches
from transforms.sql.compile_division import whole_quotient
from transforms.sql.types import TINYINT, Kind, SqlType, polars_type

_NARROW = (Kind.TINYINT, Kind.SMALLINT)


def converted_number(value: pl.Expr, source: SqlType, target: SqlType) -> Conversion:
    """A number or boolean as another number or boolean, as Java converts them.

    Integers wrap around; floats are cut towards zero and stop at the ends of INT and BIGINT. A
    DECIMAL is rounded half up, and NULL where the number has more digits than it holds.
    """
    physical = polars_type(target)
    if target.kind is Kind.BOOLEAN:
        zero = value.to_physical() if source.kind is Kind.DECIMAL else value
        return Conversion(zero != 0)
    if source.kind is Kind.BOOLEAN:
        value, source = value.cast(pl.Int8), TINYINT
        if target.kind is not Kind.DECIMAL:
            return Conversion(value.cast(physical))
    if target.kind is Kind.DECIMAL:
        if is_float(source):
            return _decimal_of_float(value, target)
        return Conversion(compile_decimals.rescaled(value, source, target))
    if is_float(target):
        number = value
        if source.kind is Kind.DECIMAL:
            number = compile_decimals.to_double(value, source)
        return Conversion(number.cast(physical))
    if source.kind is Kind.DECIMAL:
        unit = compile_decimals.power_of_ten(source.scale or 0)
        whole = whole_quotient(value.to_physical(), unit, pl.Int128())
        return Conversion(whole.cast(physical, wrap_numerical=True))
    if is_float(source) and target.kind in _NARROW:
        # Java goes by INT, so that 300.0 is 44 and not the largest TINYINT.
        value = value.cast(pl.Int32, wrap_numerical=True)
    return Conversion(value.cast(physical, wrap_numerical=True))


def _decimal_of_float(value: pl.Expr, target: SqlType) -> Conversion:
    def on_batch(frame: pl.DataFrame) -> pl.Series:
        # Java takes the digits that a float is written with: 0.1 is 0.1, not its binary expansion.
        text = frame.get_column("0").cast(pl.String)
        return decimal_of_text(text, target)

    unscaled = on_batches(on_batch, [value], pl.Int128())
    return Conversion(compile_decimals.with_scale(unscaled, target), ~value.is_finite())
