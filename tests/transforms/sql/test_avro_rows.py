import datetime
import math
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from tests.transforms.avro_framing import decoded, framed, only_rows
from transforms.avro import choose_decoder
from transforms.sql import types
from transforms.sql.avro_rows import AvroRows
from transforms.sql.types import Field, SqlType, polars_type


def frame(name: str, values: list[Any], sql_type: SqlType) -> pl.DataFrame:
    return pl.DataFrame([pl.Series(name, values, polars_type(sql_type))])


def test_the_wire_format_is_a_zero_the_schema_id_and_the_record() -> None:
    avro = AvroRows([("a", types.STRING), ("b", types.INT)], not_null=["b"])
    rows = pl.DataFrame({"b": [1, -65], "a": ["xy", None]}, {"b": pl.Int32(), "a": pl.String()})
    payload = avro.encode(rows, schema_id=258).payload
    assert payload.dtype == pl.Binary
    assert payload.to_list() == [
        framed(b"\x02\x04xy\x02", 258),
        framed(b"\x00\x81\x01", 258),
    ]


def test_without_a_schema_id_there_is_the_record_alone() -> None:
    avro = AvroRows([("a", types.BOOLEAN)])
    rows = frame("a", [True, False, None], types.BOOLEAN)
    assert avro.encode(rows, schema_id=None).payload.to_list() == [b"\x02\x01", b"\x02\x00", b"\0"]


def test_no_rows_are_no_payloads() -> None:
    avro = AvroRows([("a", types.array(types.decimal(5, 2)))])
    encoded = avro.encode(frame("a", [], types.array(types.decimal(5, 2))), schema_id=1)
    assert (encoded.payload.len(), encoded.failures) == (0, [])


def test_a_decimal_over_its_precision_is_a_failure_of_that_row_alone() -> None:
    column = types.decimal(5, 2)
    amounts = [Decimal(text) for text in ("999.99", "1000.00", "-999.99", "-1000.00")]
    encoded = AvroRows([("price", column)]).encode(frame("price", amounts, column), schema_id=1)
    assert [payload is None for payload in encoded.payload] == [False, True, False, True]
    assert [row for row, _ in encoded.failures] == [1, 3]
    assert encoded.failures[0][1].startswith(
        "column 'price' is 1000.00, which has more digits than DECIMAL(5, 2)"
    )


def test_a_null_in_a_column_declared_not_null_is_a_failure_of_that_row_alone() -> None:
    avro = AvroRows([("id", types.BIGINT)], not_null=["id"])
    encoded = avro.encode(frame("id", [1, None, 3], types.BIGINT), schema_id=None)
    assert encoded.payload.to_list() == [b"\x02", None, b"\x06"]
    assert [row for row, _ in encoded.failures] == [1]
    assert encoded.failures[0][1].startswith("column 'id' is NULL, and it is declared NOT NULL")


def test_values_in_lists_maps_and_rows_fail_their_row_and_name_their_place() -> None:
    small = types.decimal(2, 0)
    inner = types.row(Field("n", small, nullable=False))
    column = types.row(
        Field("list", types.array(inner)), Field("map", types.map_of(types.STRING, small))
    )
    good = {"list": [{"n": 1}, None], "map": [{"key": "k", "value": 99}]}
    values = [
        good,
        {"list": [{"n": 1}, {"n": None}], "map": None},
        None,
        {"list": [], "map": [{"key": "k", "value": 100}]},
        {"list": None, "map": [{"key": None, "value": 1}]},
        {"list": [{"n": 2}, {"n": -100}], "map": []},
    ]
    encoded = AvroRows([("c", column)]).encode(frame("c", values, column), schema_id=1)
    failures = dict(encoded.failures)
    assert sorted(failures) == [1, 3, 4, 5]
    place = "an element of column 'c', field 'list', field 'n'"
    assert failures[1].startswith(f"{place} is NULL, and it is declared NOT NULL")
    assert failures[3].startswith("a value of column 'c', field 'map' is 100, which has more")
    assert failures[4].startswith("column 'c', field 'map' has a NULL key")
    assert failures[5].startswith(f"{place} is -100, which has more digits than DECIMAL(2, 0)")
    assert [payload is None for payload in encoded.payload] == [
        False,
        True,
        False,
        True,
        True,
        True,
    ]


def test_a_row_with_several_faults_is_one_failure() -> None:
    avro = AvroRows([("a", types.INT), ("b", types.INT)], not_null=["a", "b"])
    rows = pl.DataFrame({"a": [None], "b": [None]}, {"a": pl.Int32(), "b": pl.Int32()})
    encoded = avro.encode(rows, schema_id=1)
    assert [message.split(" is NULL")[0] for _, message in encoded.failures] == ["column 'a'"]


def test_a_field_declared_not_null_may_miss_where_its_row_is_null() -> None:
    column = types.row(Field("n", types.INT, nullable=False))
    encoded = AvroRows([("r", column)]).encode(frame("r", [None, {"n": 5}], column), None)
    assert encoded.payload.to_list() == [b"\x00", b"\x02\x0a"]
    assert encoded.failures == []


def test_times_before_1970_and_below_a_millisecond_go_down_as_in_flink() -> None:
    column = types.timestamp(3)
    moment = datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999)  # noqa: DTZ001
    encoded = AvroRows([("t", column)]).encode(frame("t", [moment], column), None)
    assert encoded.payload.to_list() == [b"\x02\x01"]


def test_floats_that_are_no_numbers_are_written() -> None:
    avro = AvroRows([("f", types.FLOAT), ("d", types.DOUBLE)])
    odd = [math.nan, math.inf, -math.inf, -0.0]
    rows = pl.DataFrame({"f": odd, "d": odd}, {"f": pl.Float32(), "d": pl.Float64()})
    payload = avro.encode(rows, schema_id=1).payload
    read = only_rows(decoded(avro.schema_text, payload.to_list(), choose_decoder()))
    assert [str(value) for value in read.column("d").to_pylist()] == ["nan", "inf", "-inf", "-0.0"]
    assert [str(value) for value in read.column("f").to_pylist()] == ["nan", "inf", "-inf", "-0.0"]


@pytest.mark.parametrize("digits", range(1, 39))
def test_a_decimal_has_the_fewest_bytes_of_its_number(digits: int) -> None:
    column = types.decimal(digits, 0)
    edges = [sign * 2**bits + near for bits in range(127) for sign in (1, -1) for near in (-1, 0)]
    numbers = [number for number in edges if abs(number) < 10**digits]
    encoded = AvroRows([("n", column)]).encode(
        frame("n", [Decimal(number) for number in numbers], column), schema_id=None
    )
    for number, payload in zip(numbers, encoded.payload, strict=True):
        size = (number if number >= 0 else ~number).bit_length() // 8 + 1
        assert payload == bytes([2, 2 * size]) + number.to_bytes(size, "big", signed=True)
