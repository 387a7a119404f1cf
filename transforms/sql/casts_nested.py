"""The conversion of a column of any type, its fields and elements included."""

from __future__ import annotations

import polars as pl

from transforms.sql.casts_numbers import converted_number
from transforms.sql.casts_rules import Conversion
from transforms.sql.casts_strings import converted_string
from transforms.sql.casts_text import as_text, limited_bytes, limited_text, text_of_bytes
from transforms.sql.casts_times import converted_time
from transforms.sql.expression import Session
from transforms.sql.types import NULL, Field, Kind, SqlType, polars_type, row


def converted(
    value: pl.Expr,
    source: SqlType,
    target: SqlType,
    session: Session,
    *,
    keep_lengths: bool = False,
) -> Conversion:
    """A column of `source` as `target`, for any pair that `can_cast` allows.

    keep_lengths: leave strings longer than a VARCHAR(n) or CHAR(n) as they are.
    """
    if source == target:
        return Conversion(value)
    if source.kind is Kind.NULL:
        return Conversion(value.cast(polars_type(target)))
    if target.is_string:
        return _to_string(value, source, target, session, keep_lengths)
    if target.is_binary:
        raw = value.cast(pl.Binary) if source.is_string else value
        return Conversion(raw if keep_lengths else limited_bytes(raw, target))
    if target.kind is Kind.ROW:
        return _row(value, source, target, session, keep_lengths)
    if target.kind is Kind.ARRAY and source.element and target.element:
        element = converted(
            pl.element(), source.element, target.element, session, keep_lengths=keep_lengths
        )
        return _list(value, element)
    if target.kind is Kind.MAP:
        entry = _entry(source), _entry(target)
        return _list(value, _row(pl.element(), *entry, session, keep_lengths))
    if source.is_string:
        return converted_string(value, target, session)
    if source.is_number or source.kind is Kind.BOOLEAN:
        return converted_number(value, source, target)
    return converted_time(value, source, target, session)


def _to_string(
    value: pl.Expr, source: SqlType, target: SqlType, session: Session, keep_lengths: bool
) -> Conversion:
    if source.is_binary:
        text, failed = text_of_bytes(value)
        return Conversion(limited_text(text, target), failed)
    text = value if source.is_string else as_text(value, source, session)
    return Conversion(text if keep_lengths else limited_text(text, target))


def _row(
    value: pl.Expr, source: SqlType, target: SqlType, session: Session, keep_lengths: bool
) -> Conversion:
    parts = [
        converted(
            value.struct.field(one.name), one.type, other.type, session, keep_lengths=keep_lengths
        )
        for one, other in zip(source.fields, target.fields, strict=True)
    ]
    fields = [
        part.value.alias(field.name) for part, field in zip(parts, target.fields, strict=True)
    ]
    failures = [part.failed.fill_null(value=False) for part in parts if part.failed is not None]
    failed = pl.any_horizontal(failures) if failures else None
    return Conversion(pl.when(value.is_not_null()).then(pl.struct(fields)), failed)


def _list(value: pl.Expr, element: Conversion) -> Conversion:
    failed = None if element.failed is None else value.list.eval(element.failed).list.any()
    return Conversion(value.list.eval(element.value), failed)


def _entry(map_type: SqlType) -> SqlType:
    return row(
        Field("key", map_type.key or NULL),
        Field("value", map_type.element or NULL),
    )
