"""Functions of mathematics: all take numbers and give DOUBLE."""

from __future__ import annotations

import math
from collections.abc import Callable

import polars as pl

from transforms.sql.expression import Call, Expression
from transforms.sql.functions.arguments import double, expect_count, result
from transforms.sql.functions.registration import function
from transforms.sql.types import DOUBLE


def _exact_at_powers(value: pl.Expr, found: pl.Expr, base: float) -> pl.Expr:
    # The quotient of two logarithms misses by a digit: LOG10(1000) would be 2.9999999999999996.
    whole = found.round(0)
    return pl.when(pl.lit(base).pow(whole) == value).then(whole).otherwise(found)


_OF_ONE: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "SQRT": lambda value: value.sqrt(),
    "EXP": lambda value: value.exp(),
    "LN": lambda value: value.log(),
    "LOG10": lambda value: _exact_at_powers(value, value.log10(), 10.0),
    "LOG2": lambda value: _exact_at_powers(value, value.log(2), 2.0),
    "SIN": lambda value: value.sin(),
    "COS": lambda value: value.cos(),
    "TAN": lambda value: value.tan(),
    "COT": lambda value: 1 / value.tan(),
    "ASIN": lambda value: value.arcsin(),
    "ACOS": lambda value: value.arccos(),
    "ATAN": lambda value: value.arctan(),
    "SINH": lambda value: value.sinh(),
    "COSH": lambda value: value.cosh(),
    "TANH": lambda value: value.tanh(),
    "DEGREES": lambda value: value.degrees(),
    "RADIANS": lambda value: value.radians(),
}


def _register(name: str, build: Callable[[pl.Expr], pl.Expr]) -> None:
    @function(name)
    def of_number(call: Call) -> Expression:
        expect_count(call, 1)
        return result(call, build(double(call, 0)), DOUBLE)


for _name, _build in _OF_ONE.items():
    _register(_name, _build)


@function("LOG")
def logarithm(call: Call) -> Expression:
    expect_count(call, 1, 2)
    if len(call.arguments) == 1:
        return result(call, double(call, 0).log(), DOUBLE)
    return result(call, double(call, 1).log() / double(call, 0).log(), DOUBLE)


@function("POWER")
def power(call: Call) -> Expression:
    expect_count(call, 2)
    return result(call, double(call, 0).pow(double(call, 1)), DOUBLE)


@function("ATAN2")
def arc_tangent_of_coordinates(call: Call) -> Expression:
    expect_count(call, 2)
    return result(call, pl.arctan2(double(call, 0), double(call, 1)), DOUBLE)


@function("PI")
def pi(call: Call) -> Expression:
    expect_count(call, 0)
    return result(call, pl.lit(math.pi), DOUBLE)


@function("E")
def euler(call: Call) -> Expression:
    expect_count(call, 0)
    return result(call, pl.lit(math.e), DOUBLE)
