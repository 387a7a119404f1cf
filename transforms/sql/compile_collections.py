"""Rows, arrays and maps: how they are made, and what they hold."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from sqlglot import exp

from transforms.sql import types
from transforms.sql.casts import cast
from transforms.sql.compile_batches import on_batches
from transforms.sql.compile_comparisons import compare
from transforms.sql.compile_logic import to_common_type
from transforms.sql.errors import SqlError, did_you_mean
from transforms.sql.expression import Expression, Failure, Session
from transforms.sql.types import Field, Kind, SqlType, polars_type


def _failures(parts: Sequence[Expression]) -> tuple[Failure, ...]:
    return tuple(failure for part in parts for failure in part.failures)


def row(parts: Sequence[Expression], place: exp.Expr) -> Expression:
    """ROW(...) or (..., ...): fields are called EXPR$0, EXPR$1 and so on."""
    if not parts:
        message = "a row has at least one field: ROW(1, 'a')"
        raise SqlError(message, place)
    fields = [Field(f"EXPR${index}", part.type) for index, part in enumerate(parts)]
    columns = [part.value.alias(field.name) for part, field in zip(parts, fields, strict=True)]
    return Expression(pl.struct(columns), types.row(*fields), _failures(parts), parts=tuple(parts))


def array(parts: Sequence[Expression], place: exp.Expr, session: Session) -> Expression:
    """ARRAY[...] of values that have a type in common."""
    if not parts:
        message = (
            "an empty ARRAY[] has no type; leave a value out by CASE, or write "
            "CAST(NULL AS ARRAY<...>)"
        )
        raise SqlError(message, place)
    values = to_common_type(parts, "the elements of ARRAY", place, session)
    return Expression(_list(values), types.array(values[0].type), _failures(parts))


def _list(values: Sequence[Expression]) -> pl.Expr:
    inner = polars_type(values[0].type)
    columns = [value.value for value in values]
    if isinstance(inner, pl.List):
        # concat_list would join arrays in place of nesting them.
        return pl.concat_list([pl.struct(column.alias("item")) for column in columns]).list.eval(
            pl.element().struct.field("item")
        )
    return pl.concat_list(columns)


def map_of(parts: Sequence[Expression], place: exp.Expr, session: Session) -> Expression:
    """MAP[key, value, ...]; of equal keys the last value counts."""
    if not parts or len(parts) % 2:
        message = "MAP takes pairs of a key and a value: MAP['a', 1, 'b', 2]"
        raise SqlError(message, place)
    keys = to_common_type(parts[::2], "the keys of MAP", place, session)
    values = to_common_type(parts[1::2], "the values of MAP", place, session)
    result = types.map_of(keys[0].type, values[0].type)
    entries = [
        Expression(
            pl.struct(key.value.alias("key"), value.value.alias("value")),
            types.row(Field("key", key.type), Field("value", value.type)),
        )
        for key, value in zip(keys, values, strict=True)
    ]
    column = _list(entries)
    if len(entries) > 1:
        column = on_batches(_last_of_equal_keys, [column], polars_type(result))
    return Expression(column, result, _failures(parts))


def _last_of_equal_keys(frame: pl.DataFrame) -> pl.Series:
    flat = frame.with_row_index("row").explode("0").unnest("0")
    kept = flat.unique(["row", "key"], keep="last", maintain_order=True)
    return (
        kept.group_by("row", maintain_order=True)
        .agg(pl.struct("key", "value").alias("map"))
        .get_column("map")
    )


def element(whole: Expression, index: Expression, place: exp.Expr, session: Session) -> Expression:
    """array[n], counted from 1, or map[key]; NULL where there is no such element."""
    failures = whole.failures + index.failures
    if whole.type.kind is Kind.ARRAY and whole.type.element:
        if not index.type.is_integer:
            message = f"an array's index is an INT, counted from 1; got {index.type}"
            raise SqlError(message, place)
        if isinstance(index.constant, int) and index.constant < 1:
            message = f"an array's index counts from 1; got {index.constant}"
            raise SqlError(message, place)
        if not index.literal:
            below = Failure(index.value < 1, "an array's index counts from 1", place, index.value)
            failures = (*failures, below)
        place_in_list = index.value.cast(pl.Int64) - 1
        wanted = pl.when(place_in_list >= 0).then(place_in_list)
        value = whole.value.list.get(place_in_list if index.literal else wanted, null_on_oob=True)
        return Expression(value, whole.type.element, failures)
    if whole.type.kind is Kind.MAP and whole.type.key and whole.type.element:
        return _entry(whole, whole.type.key, whole.type.element, index, place, session)
    message = f"{whole.type} has no elements: [...] takes an ARRAY or a MAP"
    raise SqlError(message, place)


def _entry(
    whole: Expression,
    key: SqlType,
    value: SqlType,
    wanted: Expression,
    place: exp.Expr,
    session: Session,
) -> Expression:
    # Checks that the key's type compares with the map's.
    compare("=", Expression(pl.lit(None, polars_type(key)), key), wanted, place, session)
    same = cast(wanted, key, place, session=session)
    inputs = [whole.value, same.value]
    found = on_batches(_value_of_key, inputs, polars_type(value))
    return Expression(found, value, whole.failures + same.failures)


def _value_of_key(frame: pl.DataFrame) -> pl.Series:
    rows = frame.with_row_index("row")
    entries = rows.explode("0").unnest("0")
    found = entries.filter(pl.col("key") == pl.col("1")).select("row", "value")
    return (
        rows.select("row")
        .join(found, on="row", how="left", maintain_order="left")
        .get_column("value")
    )


def field(whole: Expression, name: str, place: exp.Expr) -> Expression:
    """row.name; NULL where the row is."""
    if whole.type.kind is not Kind.ROW:
        message = f"{whole.type} has no fields, so not {name!r} either: .{name} takes a ROW"
        raise SqlError(message, place)
    for one in whole.type.fields:
        if one.name == name:
            return Expression(whole.value.struct.field(name), one.type, whole.failures)
    known = [one.name for one in whole.type.fields]
    message = f"the row has no field {name!r}; {did_you_mean(name, known)}"
    raise SqlError(message, place)
