"""Functions of ARRAY and MAP. Positions count from 1."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from transforms.sql.casts import coerce
from transforms.sql.expression import Call, Expression
from transforms.sql.functions.arguments import (
    expect_at_least,
    expect_count,
    null_result,
    of_kinds,
    refusal,
    result,
    text,
    whole,
)
from transforms.sql.functions.registration import function
from transforms.sql.type_rules import common_type
from transforms.sql.types import BOOLEAN, INT, STRING, Field, Kind, SqlType, array, map_of, row


def _array(call: Call, index: int) -> SqlType:
    """The element type of the array at `index`; SqlError for what is no array."""
    found = of_kinds(call, index, (Kind.ARRAY,), "an ARRAY")
    return found.element or SqlType(Kind.NULL)


def _map(call: Call, index: int) -> tuple[SqlType, SqlType]:
    found = of_kinds(call, index, (Kind.MAP,), "a MAP")
    return found.key or SqlType(Kind.NULL), found.element or SqlType(Kind.NULL)


def _is_null_literal(call: Call) -> bool:
    return call.arguments[0].type.kind is Kind.NULL


def _common_array(call: Call, candidates: list[SqlType]) -> SqlType:
    found = common_type(candidates)
    if found is None:
        shown = ", ".join(str(candidate) for candidate in candidates)
        message = f"the elements are of {shown}, which have no common type; CAST one of them"
        raise call.error(message)
    return found


def _widened(call: Call, index: int, target: SqlType) -> pl.Expr:
    return coerce(call.arguments[index], target, call.node, call.session).value


@function("CARDINALITY", "ARRAY_LENGTH")
def cardinality(call: Call) -> Expression:
    expect_count(call, 1)
    if of_kinds(call, 0, (Kind.ARRAY, Kind.MAP), "an ARRAY or a MAP").kind is Kind.NULL:
        return null_result(call, INT)
    return result(call, call.arguments[0].value.list.len(), INT)


@function("ELEMENT")
def element(call: Call) -> Expression:
    """The only element; an array of several is refused, an empty one gives NULL."""
    expect_count(call, 1)
    kind = _array(call, 0)
    if _is_null_literal(call):
        return null_result(call, kind)
    value = call.arguments[0].value
    message = "the array has more than one element; take the one meant by its place, as in a[1]"
    failure = refusal(call, value.list.len() > 1, message, value.list.len())
    return result(call, value.list.first(), kind, [failure])


@function("ARRAY_CONTAINS")
def array_contains(call: Call) -> Expression:
    expect_count(call, 2)
    kind = _array(call, 0)
    if _is_null_literal(call):
        return null_result(call, BOOLEAN)
    common = _common_array(call, [kind, call.arguments[1].type])
    value, wanted = _widened(call, 0, array(common)), _widened(call, 1, common)
    return result(call, value.list.contains(wanted, nulls_equal=True), BOOLEAN)


@function("ARRAY_POSITION")
def array_position(call: Call) -> Expression:
    """The place of the first element that is equal, 0 without one; NULL for NULL."""
    expect_count(call, 2)
    kind = _array(call, 0)
    if _is_null_literal(call):
        return null_result(call, INT)
    common = _common_array(call, [kind, call.arguments[1].type])
    value, wanted = _widened(call, 0, array(common)), _widened(call, 1, common)

    def of_batch(batch: pl.Series) -> pl.Series:
        rows = batch.struct.unnest().with_row_index("row")
        found = (
            rows.explode("array", keep_nulls=True, empty_as_null=True)
            .with_columns(place=pl.int_range(1, pl.len() + 1).over("row"))
            .filter(pl.col("array") == pl.col("wanted"))
            .group_by("row")
            .agg(pl.col("place").min())
        )
        return rows.join(found, on="row", how="left", maintain_order="left").select(
            pl.col("place").fill_null(0).cast(pl.Int32())
        )["place"]

    packed = pl.struct(value.alias("array"), wanted.alias("wanted"))
    place = packed.map_batches(of_batch, return_dtype=pl.Int32(), is_elementwise=True)
    return result(call, pl.when(value.is_not_null() & wanted.is_not_null()).then(place), INT)


@function("ARRAY_CONCAT")
def array_concat(call: Call) -> Expression:
    expect_at_least(call, 1)
    kinds = [_array(call, index) for index in range(len(call.arguments))]
    target = array(_common_array(call, kinds))
    if any(argument.type.kind is Kind.NULL for argument in call.arguments):
        return null_result(call, target)
    values = [_widened(call, index, target) for index in range(len(call.arguments))]
    known = pl.all_horizontal(value.is_not_null() for value in values)
    return result(call, pl.when(known).then(pl.concat_list(values)), target)


def _register_whole_array(name: str, build: Callable[[pl.Expr], pl.Expr]) -> None:
    @function(name)
    def of_array(call: Call) -> Expression:
        expect_count(call, 1)
        target = array(_array(call, 0))
        if _is_null_literal(call):
            return null_result(call, target)
        return result(call, build(call.arguments[0].value), target)


_register_whole_array("ARRAY_DISTINCT", lambda value: value.list.unique(maintain_order=True))
_register_whole_array("ARRAY_REVERSE", lambda value: value.list.reverse())


def _register_extreme(name: str, build: Callable[[pl.Expr], pl.Expr]) -> None:
    @function(name)
    def of_array(call: Call) -> Expression:
        expect_count(call, 1)
        kind = _array(call, 0)
        if kind.kind in (Kind.ROW, Kind.ARRAY, Kind.MAP):
            message = f"elements of {kind} have no order"
            raise call.error(message, 0)
        if _is_null_literal(call):
            return null_result(call, kind)
        return result(call, build(call.arguments[0].value), kind)


_register_extreme("ARRAY_MAX", lambda value: value.list.max())
_register_extreme("ARRAY_MIN", lambda value: value.list.min())


@function("ARRAY_JOIN")
def array_join(call: Call) -> Expression:
    """The texts with a delimiter between them; NULL elements are left out, or replaced."""
    expect_count(call, 2, 3)
    kind = _array(call, 0)
    if _is_null_literal(call):
        return null_result(call, STRING)
    if not kind.is_string:
        message = f"the elements are {kind}, expected STRING; CAST the array to ARRAY<STRING>"
        raise call.error(message, 0)
    value, delimiter = call.arguments[0].value, text(call, 1)
    known = delimiter.is_not_null()
    if len(call.arguments) == 2:
        return result(
            call, pl.when(known).then(value.list.drop_nulls().list.join(delimiter)), STRING
        )
    replacement = call.arguments[2].constant
    if not isinstance(replacement, str):
        message = "argument 3, the replacement of NULL, must be written as a literal text in quotes"
        raise call.error(message, 2)
    filled = value.list.eval(pl.element().fill_null(replacement))
    return result(call, pl.when(known).then(filled.list.join(delimiter)), STRING)


@function("ARRAY_SLICE")
def array_slice(call: Call) -> Expression:
    """The elements from a place up to and with another; negative places count from the end."""
    expect_count(call, 2, 3)
    target = array(_array(call, 0))
    if _is_null_literal(call):
        return null_result(call, target)
    value, start = call.arguments[0].value, whole(call, 1)
    count = value.list.len().cast(pl.Int64())
    end = whole(call, 2) if len(call.arguments) == 3 else count
    # 0 is the first place as 1 is.
    first = pl.when(start < 0).then(start + count + 1).when(start == 0).then(1).otherwise(start)
    last = pl.when(end < 0).then(end + count + 1).when(end == 0).then(1).otherwise(end)
    first, last = first.clip(1), last.clip(upper_bound=count)
    length = (last - first + 1).clip(0)
    known = start.is_not_null() & end.is_not_null()
    return result(call, pl.when(known).then(value.list.slice(first - 1, length)), target)


@function("MAP_KEYS")
def map_keys(call: Call) -> Expression:
    return _map_part(call, "key")


@function("MAP_VALUES")
def map_values(call: Call) -> Expression:
    return _map_part(call, "value")


def _map_part(call: Call, part: str) -> Expression:
    expect_count(call, 1)
    key, value = _map(call, 0)
    target = array(key if part == "key" else value)
    if _is_null_literal(call):
        return null_result(call, target)
    parts = call.arguments[0].value.list.eval(pl.element().struct.field(part))
    return result(call, parts, target)


@function("MAP_ENTRIES")
def map_entries(call: Call) -> Expression:
    expect_count(call, 1)
    key, value = _map(call, 0)
    target = array(row(Field("key", key), Field("value", value)))
    if _is_null_literal(call):
        return null_result(call, target)
    return result(call, call.arguments[0].value, target)


@function("STR_TO_MAP")
def str_to_map(call: Call) -> Expression:
    """MAP<STRING, STRING> of 'k1=v1,k2=v2'; the delimiters are texts, no regular expressions."""
    expect_count(call, 1, 3)
    if len(call.arguments) == 2:
        message = "expected 1 or 3 arguments: the text, the pairs' delimiter, the values' delimiter"
        raise call.error(message)
    target = map_of(STRING, STRING)
    delimiters = [",", "="]
    for index in range(1, len(call.arguments)):
        constant = call.arguments[index].constant
        if not isinstance(constant, str) or not constant:
            message = f"argument {index + 1} must be a literal text that is not empty"
            raise call.error(message, index)
        delimiters[index - 1] = constant
    entry = pl.element().str.splitn(delimiters[1], 2).struct.rename_fields(["key", "value"])
    return result(call, text(call, 0).str.split(delimiters[0]).list.eval(entry), target)
