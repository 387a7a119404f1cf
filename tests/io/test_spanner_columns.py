"""Spanner's values as Arrow's columns and back, and answers put together."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from google.cloud.spanner_v1.types import (
    PartialResultSet,
    ResultSetMetadata,
    StructType,
    Type,
    TypeCode,
)
from google.protobuf.struct_pb2 import ListValue, NullValue, Value
from hypothesis import given
from hypothesis import strategies as st

from pipeline_io.spanner_answer import answer_of
from pipeline_io.spanner_columns import column_of, microseconds, values_of
from pipeline_io.spanner_types import CONNECT_NAME, UnknownType, parse_type, type_of

SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "BOOL": st.booleans(),
    "INT64": st.integers(-(2**63), 2**63 - 1),
    "FLOAT64": st.floats(allow_nan=False),
    "STRING": st.text(),
    "BYTES": st.binary(),
    "DATE": st.dates(),
    "NUMERIC": st.decimals(
        min_value=Decimal(-(10**28)), max_value=Decimal(10**28), places=9, allow_nan=False
    ),
}


@st.composite
def columns(draw: st.DrawFn) -> tuple[str, list[Any]]:
    kind = draw(st.sampled_from(sorted(SCALARS)))
    one = st.none() | SCALARS[kind]
    if draw(st.booleans()):
        return f"ARRAY<{kind}>", draw(st.lists(st.none() | st.lists(one, max_size=3), max_size=5))
    return kind, draw(st.lists(one, max_size=5))


@given(columns())
def test_a_column_comes_back_from_spanners_form_as_it_was(column: tuple[str, list[Any]]) -> None:
    of = parse_type(column[0])
    array: Any = pa.array(column[1], of.arrow)
    back: Any = column_of(values_of(array, of), of)
    assert back.type == of.arrow
    assert back.to_pylist() == array.to_pylist()


def test_floats_that_are_no_numbers_are_texts_in_spanners_form() -> None:
    of = parse_type("FLOAT64")
    values = values_of(pa.array([float("nan"), float("inf"), float("-inf"), 1.5]), of)
    assert [value.string_value for value in values] == ["NaN", "Infinity", "-Infinity", ""]
    assert str(column_of(values, of).to_pylist()) == "[nan, inf, -inf, 1.5]"


def test_a_time_of_arrow_is_written_in_utc_with_its_fraction() -> None:
    at = datetime.datetime(2026, 3, 1, 12, 0, 0, 250, tzinfo=datetime.timezone.utc)
    array = pa.array([at, None], pa.timestamp("us", "Europe/Berlin"))
    written = values_of(array, parse_type("TIMESTAMP"))
    assert written[0].string_value == "2026-03-01T12:00:00.000250Z"
    assert written[1].HasField("null_value")


def test_microseconds_are_cut_and_reach_from_the_first_year_to_the_last() -> None:
    texts = [
        "2026-11-22T16:00:17.725012999Z",
        "1969-12-31T23:59:59.999999999Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.5Z",
        None,
    ]
    assert microseconds(pa.array(texts)).to_pylist() == [
        1795363217725012,
        -1,
        -62135596800000000,
        253402300799500000,
        None,
    ]


@pytest.mark.parametrize(
    "written", ["STRING(MAX)", "STRING(36)", "BYTES(12)", "ARRAY<STRING(3)>", "INT64", "JSON"]
)
def test_a_type_is_read_as_it_is_written(written: str) -> None:
    assert str(parse_type(written)) == written


def test_a_vector_is_an_array() -> None:
    assert parse_type("ARRAY<FLOAT32>(vector_length=>3)").arrow == pa.list_(pa.float32())


def test_a_field_says_what_its_texts_are() -> None:
    field = parse_type("TIMESTAMP").field("at", nullable=False)
    assert field.metadata == {CONNECT_NAME: b"io.debezium.time.ZonedTimestamp"}
    items: Any = parse_type("ARRAY<JSON>").arrow
    assert items.value_field.metadata == {CONNECT_NAME: b"io.debezium.data.Json"}


@pytest.mark.parametrize("written", ["PROTO<shop.Order>", "INTERVAL", "TOKENLIST", "ENUM<a.B>"])
def test_a_type_without_a_form_elsewhere_is_refused_by_its_name(written: str) -> None:
    with pytest.raises(UnknownType, match=written.split("<")[0]):
        parse_type(written)


def test_an_answers_type_without_a_form_elsewhere_is_refused_by_its_name() -> None:
    with pytest.raises(UnknownType, match="INTERVAL"):
        type_of(Type(code=TypeCode.INTERVAL))


def test_values_that_were_cut_between_parts_are_put_together() -> None:
    fields = [
        StructType.Field(name="s", type_=Type(code=TypeCode.STRING)),
        StructType.Field(
            name="a",
            type_=Type(code=TypeCode.ARRAY, array_element_type=Type(code=TypeCode.STRING)),
        ),
    ]
    parts = [
        _part(_text("on"), cut=True),
        _part(_text("e"), _list("x", "y"), cut=True),
        _part(_list("z", "u"), cut=True),
        _part(_list(None, "v"), _text("two"), _list()),
    ]
    parts[0].metadata = ResultSetMetadata(row_type=StructType(fields=fields))
    answer = answer_of(parts)
    assert answer.texts("s") == ["one", "two"]
    found = column_of(answer.columns[1], type_of(answer.types[1])).to_pylist()
    assert found == [["x", "yz", "u", None, "v"], []]


def _part(*values: Value, cut: bool = False) -> PartialResultSet:
    raw = PartialResultSet.pb(PartialResultSet(chunked_value=cut))
    raw.values.extend(values)
    part: PartialResultSet = PartialResultSet.wrap(raw)
    return part


def _text(text: str) -> Value:
    return Value(string_value=text)


def _list(*texts: str | None) -> Value:
    values = [
        Value(null_value=NullValue.NULL_VALUE) if text is None else _text(text) for text in texts
    ]
    return Value(list_value=ListValue(values=values))
