"""Spanner's JSON values as columns of Arrow."""

from __future__ import annotations

import base64
import datetime
import json
import math
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_io.spanner_types import parse_type
from transforms.spanner_columns import Column, SpannerChangeError, columns_of, rows_of

KINDS = {
    "BOOL": (True, True),
    "INT64": ("9223372036854775807", 2**63 - 1),
    "FLOAT64": (0.1, 0.1),
    "FLOAT32": (1.5, 1.5),
    "NUMERIC": (
        "-99999999999999999999999999999.999999999",
        Decimal("-" + "9" * 29 + "." + "9" * 9),
    ),
    "STRING": ('q"ü\n', 'q"ü\n'),
    "BYTES": ("Af8=", b"\x01\xff"),
    "DATE": ("0001-01-01", datetime.date(1, 1, 1)),
    "TIMESTAMP": ("2024-01-01T00:00:00.123456789Z", "2024-01-01T00:00:00.123456789Z"),
    "JSON": ('{"a":[1.50]}', '{"a":[1.50]}'),
    "UUID": ("0" * 8 + "-0000-0000-0000-" + "0" * 12,) * 2,
}


def column(kind: str, *, array: bool = False) -> Column:
    return Column("v", kind, array, False)


def values(of: Column, *given: Any) -> list[Any]:
    texts = pl.Series([json.dumps({"v": one}) for one in given], dtype=pl.String)
    found: list[Any] = rows_of(texts, (of,), "T").field(0).to_pylist()
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_and_null_of_each_type_are_what_spanner_has(kind: str) -> None:
    written, expected = KINDS[kind]
    assert values(column(kind), written, None) == [expected, None]


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_keep_their_nulls_and_their_empty_ones(kind: str) -> None:
    written, expected = KINDS[kind]
    lists = values(column(kind, array=True), [written, None], [], None, [written])
    assert lists == [[expected, None], [], None, [expected]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("array", [False, True])
def test_types_are_those_that_a_table_of_spanner_has_elsewhere(kind: str, array: bool) -> None:
    written = f"ARRAY<{kind}>" if array else kind
    expected = parse_type(written).field("v", nullable=True)
    assert column(kind, array=array).field.equals(expected, check_metadata=True)


@given(st.lists(st.floats() | st.none()))
def test_floats_are_those_that_were_written(floats: list[float | None]) -> None:
    def written(value: float | None) -> Any:
        special = value is not None and not math.isfinite(value)
        return repr(value).replace("inf", "Infinity").replace("nan", "NaN") if special else value

    found = values(column("FLOAT64"), *map(written, floats))
    assert list(map(repr, found)) == list(map(repr, floats))


@given(st.lists(st.binary() | st.none()))
def test_bytes_are_those_that_were_written(given_bytes: list[bytes | None]) -> None:
    encoded = [None if one is None else base64.b64encode(one).decode() for one in given_bytes]
    assert values(column("BYTES"), *encoded) == given_bytes


def test_a_column_that_an_object_lacks_is_null_and_of_two_the_first_counts() -> None:
    texts = pl.Series(["{}", '{"v":"1","v":"2"}', '{"v":null,"v":"2"}', None])
    found: Any = rows_of(texts, (column("INT64"),), "T")
    assert found.to_pylist() == [{"v": None}, {"v": 1}, {"v": None}, None]


def test_columns_are_in_the_order_of_their_positions() -> None:
    told = (
        '[["b",{"code":"ARRAY","array_element_type":{"code":"DATE"}},false,2],'
        '["a",{"code":"INT64"},true,1]]'
    )
    assert columns_of(told, "T") == (
        Column("a", "INT64", False, True),
        Column("b", "DATE", True, False),
    )


def test_a_key_is_never_null() -> None:
    assert Column("a", "INT64", False, True).field == pa.field("a", pa.int64(), nullable=False)


@pytest.mark.parametrize(
    "kind", ['{"code":"PROTO"}', '{"code":"NUMERIC","type_annotation":"PG_NUMERIC"}']
)
def test_a_type_without_a_form_is_refused_with_what_can_be_done(kind: str) -> None:
    with pytest.raises(SpannerChangeError, match=r"column 'v' of T .*SET FOR T\("):
        columns_of(f'[["v",{kind},false,1]]', "T")


@pytest.mark.parametrize(("kind", "wrong"), [("INT64", "x"), ("BYTES", "§"), ("DATE", "1-1-1")])
def test_a_value_that_its_type_does_not_have_names_the_column(kind: str, wrong: str) -> None:
    with pytest.raises(SpannerChangeError, match=f"column 'v' of T has a value that is no {kind}"):
        values(column(kind), wrong)
