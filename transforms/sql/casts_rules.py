"""Which types convert into which: by a CAST, and by themselves."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from transforms.sql.types import FLOATS, INTEGERS, Kind, SqlType


class Conversion(NamedTuple):
    """A converted column, and where its input has no value of the new type (None: nowhere).

    `value` is NULL where `failed`; `failed` may be NULL where nothing failed.
    """

    value: pl.Expr
    failed: pl.Expr | None = None


_NESTED = (Kind.ROW, Kind.ARRAY, Kind.MAP)
_INTERVALS = (Kind.INTERVAL, Kind.INTERVAL_MONTH)


def can_cast(source: SqlType, target: SqlType) -> bool:
    """True where Flink SQL has a CAST from `source` to `target`."""
    if source.kind is Kind.NULL or source == target:
        return True
    if target.kind in (*_NESTED, Kind.NULL):
        return source.kind is target.kind and _children_agree(source, target, explicit=True)
    if target.is_string:
        return source.kind not in _INTERVALS
    if source.kind in (*_NESTED, *_INTERVALS):
        return False
    if source.is_string:
        return target.kind not in _INTERVALS
    if target.is_binary or source.is_binary:
        return source.is_binary and target.is_binary
    simple = source.is_number or source.kind is Kind.BOOLEAN
    if target.is_number or target.kind is Kind.BOOLEAN:
        return simple
    if simple:
        return False
    # What is left are dates and times.
    return {source.kind, target.kind} != {Kind.DATE, Kind.TIME}


def is_implicit(source: SqlType, target: SqlType) -> bool:
    """True where a value of `source` may stand for one of `target` without a CAST."""
    if source.kind is Kind.NULL or source == target:
        return True
    if target.kind in _NESTED:
        return source.kind is target.kind and _children_agree(source, target, explicit=False)
    if target.is_integer:
        return source.is_integer and INTEGERS.index(source.kind) <= INTEGERS.index(target.kind)
    if target.kind is Kind.FLOAT:
        return source.is_number and source.kind is not Kind.DOUBLE
    if target.is_number:
        return source.is_number
    if target.is_string:
        return source.is_string and (target.kind is not Kind.CHAR or source.kind is Kind.CHAR)
    if target.is_binary:
        return source.is_binary and (target.kind is not Kind.BINARY or source.kind is Kind.BINARY)
    if target.kind in (Kind.DATE, Kind.TIME):
        return source.kind in (target.kind, Kind.TIMESTAMP)
    if target.is_timestamp:
        return source.is_timestamp
    return source.kind is target.kind


def _children_agree(source: SqlType, target: SqlType, *, explicit: bool) -> bool:
    agree = can_cast if explicit else is_implicit
    if target.kind is Kind.ROW:
        return len(source.fields) == len(target.fields) and all(
            agree(one.type, other.type)
            for one, other in zip(source.fields, target.fields, strict=True)
        )
    pairs = [(source.key, target.key), (source.element, target.element)]
    return all(agree(one, other) for one, other in pairs if one is not None and other is not None)


def is_float(sql_type: SqlType) -> bool:
    return sql_type.kind in FLOATS
