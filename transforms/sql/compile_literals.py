"""Values that a script writes out: numbers, strings, bytes, NULL, intervals."""

from __future__ import annotations

import datetime
import decimal
import re

import polars as pl
from sqlglot import exp

from transforms.sql import types
from transforms.sql.errors import SqlError
from transforms.sql.expression import Expression
from transforms.sql.types import MAX_DECIMAL_PRECISION, Kind, SqlType, polars_type

_UNITS = {
    "YEAR": 12,
    "MONTH": 1,
    "WEEK": 7 * 86_400,
    "DAY": 86_400,
    "HOUR": 3_600,
    "MINUTE": 60,
    "SECOND": 1,
}
_MONTH_UNITS = ("YEAR", "MONTH")
_TIME_UNITS = ("DAY", "HOUR", "MINUTE", "SECOND")


def literal(value: object, sql_type: SqlType) -> Expression:
    """A constant column."""
    return Expression(pl.lit(value, polars_type(sql_type)), sql_type, (), True, value)


NULL = literal(None, types.NULL)


def null_of(sql_type: SqlType) -> Expression:
    return literal(None, sql_type)


def string(value: str) -> Expression:
    return literal(value, SqlType(Kind.CHAR, length=len(value)))


def number(text: str, place: exp.Expr) -> Expression:
    """A number as the script wrote it: INT, BIGINT or DECIMAL by size, DOUBLE with an exponent."""
    if "e" in text.lower():
        return literal(float(text), types.DOUBLE)
    value = decimal.Decimal(text)
    if "." not in text:
        for kind, bits in ((types.INT, 31), (types.BIGINT, 63)):
            if -(2**bits) <= value < 2**bits:
                return literal(int(value), kind)
    _, digits, exponent = value.as_tuple()
    scale = -int(exponent)
    precision = max(len(digits), scale)
    if precision > MAX_DECIMAL_PRECISION:
        message = (
            f"the number {text} has {precision} digits, and DECIMAL holds {MAX_DECIMAL_PRECISION}; "
            "shorten it, or write a DOUBLE as 1.5E0"
        )
        raise SqlError(message, place)
    return literal(value, types.decimal(precision, scale))


def clock_type(named: SqlType, text: str) -> SqlType:
    """The type of TIME '...' or TIMESTAMP '...': of as many digits as the text writes."""
    if named.kind not in (Kind.TIME, *types.TIMESTAMPS):
        return named
    return SqlType(named.kind, precision=min(len(text.partition(".")[2]), 9))


def hex_string(text: str, place: exp.Expr) -> Expression:
    try:
        value = bytes.fromhex(text)
    except ValueError as error:
        message = f"x'{text}' is not bytes: write two hexadecimal digits for each byte"
        raise SqlError(message, place) from error
    return literal(value, SqlType(Kind.BINARY, length=len(value)))


def interval(node: exp.Expr) -> Expression:
    """`INTERVAL '1' DAY`, `INTERVAL '1-2' YEAR TO MONTH`, `INTERVAL '1 02:03:04' DAY TO SECOND`."""
    value, unit = node.this, node.args.get("unit")
    if not isinstance(value, exp.Literal) or unit is None:
        message = "an interval is a string and a unit: INTERVAL '5' MINUTE"
        raise SqlError(message, node)
    if isinstance(unit, exp.IntervalSpan):
        names = [unit.this.name.upper(), unit.expression.name.upper()]
    else:
        names = [unit.name.upper()]
    names = [name[:-1] if name.endswith("S") else name for name in names]
    if any(name not in _UNITS for name in names):
        message = (
            f"unknown unit {' TO '.join(names)} of an interval; use one of {', '.join(_UNITS)}"
        )
        raise SqlError(message, node)
    text = value.name.strip()
    sign = -1 if text.startswith("-") else 1
    amounts = _amounts(text.lstrip("+-"), names)
    if amounts is None:
        message = (
            f"the interval {value.name!r} does not fit {' TO '.join(names)}; expected for "
            "instance '5' DAY, '1-2' YEAR TO MONTH, '1 02:03:04.5' DAY TO SECOND"
        )
        raise SqlError(message, node)
    total = sign * sum(amount * _UNITS[name] for name, amount in amounts)
    if names[0] in _MONTH_UNITS:
        return literal(int(total), types.INTERVAL_MONTH)
    return literal(datetime.timedelta(microseconds=int(total * 1_000_000)), types.INTERVAL)


def _amounts(text: str, names: list[str]) -> list[tuple[str, decimal.Decimal]] | None:
    if len(names) == 1:
        whole = r"\d+(\.\d+)?" if names[0] == "SECOND" else r"\d+"
        return [(names[0], decimal.Decimal(text))] if re.fullmatch(whole, text) else None
    family = _MONTH_UNITS if names[0] in _MONTH_UNITS else _TIME_UNITS
    if names[0] not in family or names[1] not in family:
        return None
    units = family[family.index(names[0]) : family.index(names[1]) + 1]
    separators = {"MONTH": "-", "HOUR": " ", "MINUTE": ":", "SECOND": ":"}
    pattern = r"(\d+)"
    for unit in units[1:]:
        pattern += re.escape(separators[unit])
        pattern += r"(\d+(?:\.\d+)?)" if unit == "SECOND" else r"(\d+)"
    found = re.fullmatch(pattern, text)
    if found is None or not units[1:]:
        return None
    return [(unit, decimal.Decimal(part)) for unit, part in zip(units, found.groups(), strict=True)]
