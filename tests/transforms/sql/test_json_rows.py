import json
import math
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from transforms.sql import types
from transforms.sql.errors import SqlError
from transforms.sql.json_options import JsonOptions
from transforms.sql.json_rows import json_rows
from transforms.sql.types import Field, SqlType, polars_type

DEFAULT = JsonOptions()


def texts(
    values: list[Any], sql_type: SqlType, options: JsonOptions = DEFAULT, name: str = "v"
) -> list[str | None]:
    frame = pl.DataFrame({"x": pl.Series(values, dtype=polars_type(sql_type), strict=False)})
    return frame.select(json_rows([(name, pl.col("x"), sql_type)], options)).to_series().to_list()


def ticks(values: list[int], sql_type: SqlType) -> list[str | None]:
    numbers = pl.Series(values, dtype=pl.Int32 if sql_type == types.DATE else pl.Int64)
    frame = pl.DataFrame({"x": numbers.cast(polars_type(sql_type))})
    return frame.select(json_rows([("v", pl.col("x"), sql_type)], DEFAULT)).to_series().to_list()


def test_an_event_as_the_jobs_write_it() -> None:
    event = types.row(
        Field("id", types.STRING),
        Field("price", types.decimal(10, 2)),
        Field("created_at", types.timestamp(3)),
        Field("updated_at", types.timestamp_ltz(3)),
    )
    columns = [
        ("time", pl.lit(1, pl.Int64), types.BIGINT),
        ("event", pl.col("event"), event),
        ("tags", pl.col("tags"), types.array(types.row(Field("k", types.decimal(3, 1))))),
    ]
    when = {"created_at": 1_767_225_600_120_000, "updated_at": 1_767_225_600_000_000}
    frame = pl.DataFrame(
        {
            "event": pl.Series(
                [{"id": "7", "price": Decimal("759.50"), **when}, None],
                dtype=polars_type(event),
                strict=False,
            ),
            "tags": pl.Series(
                [[{"k": Decimal("1.0")}, None, {"k": None}], []],
                dtype=polars_type(columns[2][2]),
            ),
        }
    )
    assert frame.select(json_rows(columns, DEFAULT)).to_series().to_list() == [
        '{"time":1,"event":{"id":"7","price":759.50,"created_at":"2026-01-01 00:00:00.12",'
        '"updated_at":"2026-01-01 00:00:00Z"},"tags":[{"k":1.0},null,{"k":null}]}',
        '{"time":1,"event":null,"tags":[]}',
    ]


def test_the_fraction_of_a_timestamp_has_the_digits_that_it_needs() -> None:
    second = 10**9
    values = [0, second, 1, second // 10, 123_000_000, 123_456_000, 120_000_000, -1]
    assert ticks(values, types.timestamp(9)) == [
        '{"v":"1970-01-01 00:00:00"}',
        '{"v":"1970-01-01 00:00:01"}',
        '{"v":"1970-01-01 00:00:00.000000001"}',
        '{"v":"1970-01-01 00:00:00.1"}',
        '{"v":"1970-01-01 00:00:00.123"}',
        '{"v":"1970-01-01 00:00:00.123456"}',
        '{"v":"1970-01-01 00:00:00.12"}',
        '{"v":"1969-12-31 23:59:59.999999999"}',
    ]


def test_years_without_four_digits_are_written_with_their_sign() -> None:
    assert ticks([-719_529, -719_528, 2_932_896, 2_932_897], types.DATE) == [
        '{"v":"-0001-12-31"}',
        '{"v":"0000-01-01"}',
        '{"v":"9999-12-31"}',
        '{"v":"+10000-01-01"}',
    ]
    assert ticks([2**31 - 1, -(2**31)], types.DATE) == [
        '{"v":"+5881580-07-11"}',
        '{"v":"-5877641-06-23"}',
    ]
    assert ticks([2**63 - 1, -(2**63), 0], types.timestamp(6)) == [
        '{"v":"+294247-01-10 04:00:54.775807"}',
        '{"v":"-290308-12-21 19:59:05.224192"}',
        '{"v":"1970-01-01 00:00:00"}',
    ]


def test_iso_timestamps_have_a_t_and_those_with_a_zone_a_z() -> None:
    options = JsonOptions(timestamp_format="ISO-8601")
    assert texts([1_500_000], types.timestamp(6), options) == ['{"v":"1970-01-01T00:00:01.5"}']
    assert texts([1_500_000], types.timestamp_ltz(6), options) == ['{"v":"1970-01-01T00:00:01.5Z"}']


@pytest.mark.parametrize("sql_type", [types.FLOAT, types.DOUBLE])
def test_floats_that_json_has_no_number_for_are_strings(sql_type: SqlType) -> None:
    values = [math.nan, math.inf, -math.inf, -0.0, 0.1, None]
    numbers = ['"NaN"', '"Infinity"', '"-Infinity"', "-0.0", "0.1", "null"]
    assert texts(values, sql_type) == [f'{{"v":{number}}}' for number in numbers]
    nested = texts([values], types.array(sql_type))
    assert nested == [f'{{"v":[{",".join(numbers)}]}}']


def test_a_decimal_keeps_its_scale_and_is_a_string_on_demand() -> None:
    values = [Decimal("1.50"), Decimal("-0.01"), Decimal("99999999.99"), None]
    assert texts(values, types.decimal(10, 2)) == [
        '{"v":1.50}',
        '{"v":-0.01}',
        '{"v":99999999.99}',
        '{"v":null}',
    ]
    as_string = JsonOptions(decimal_as_string=True)
    assert texts(values[:1], types.decimal(10, 2), as_string) == ['{"v":"1.50"}']


def test_every_character_of_a_string_comes_back_and_unicode_stays_as_it_is() -> None:
    value = "".join(map(chr, range(0x80))) + "\u2028\u2029\ufeffé🙂"
    (text,) = texts([value], types.STRING, name='na"me\n')
    assert text is not None
    assert json.loads(text) == {'na"me\n': value}
    assert "\u2028\u2029\ufeffé🙂" in text
    assert "\n" not in text


def test_a_name_may_hold_a_nul_character() -> None:
    row = types.row(Field("\x00", types.DATE), Field("\x00b", types.timestamp(3)))
    value = {"\x00": None, "\x00b": 0}
    assert texts([value], row, name="\x00") == [
        '{"\\u0000":{"\\u0000":null,"\\u0000b":"1970-01-01 00:00:00"}}'
    ]


def test_a_map_is_an_object_with_the_texts_of_its_keys() -> None:
    by_number = types.map_of(types.decimal(3, 1), types.BYTES)
    value = [{"key": Decimal("1.0"), "value": b"\x00\xff"}, {"key": Decimal("2.5"), "value": None}]
    assert texts([value, [], None], by_number) == [
        '{"v":{"1.0":"AP8=","2.5":null}}',
        '{"v":{}}',
        '{"v":null}',
    ]


@pytest.mark.parametrize("options", [DEFAULT, JsonOptions(ignore_null_fields=True)])
def test_a_row_with_a_null_map_key_has_no_text_and_its_neighbours_have(
    options: JsonOptions,
) -> None:
    kind = types.array(types.row(Field("m", types.map_of(types.STRING, types.INT))))
    good, bad = [{"key": "a", "value": 1}], [{"key": None, "value": 1}]
    assert texts([[{"m": good}], [{"m": bad}]], kind, options) == ['{"v":[{"m":{"a":1}}]}', None]


def test_null_fields_are_left_out_of_objects_and_kept_in_arrays_and_maps() -> None:
    options = JsonOptions(ignore_null_fields=True)
    row = types.row(Field("a", types.INT), Field("b", types.STRING), Field("c", types.INT))
    assert texts(
        [{"a": None, "b": "x", "c": None}, {"a": None, "b": None, "c": None}, None], row, options
    ) == ['{"v":{"b":"x"}}', '{"v":{}}', "{}"]
    assert texts([[None, 1]], types.array(types.INT), options) == ['{"v":[null,1]}']


def test_a_row_without_fields_is_an_empty_object() -> None:
    assert texts([{}, None], types.row()) == ['{"v":{}}', '{"v":null}']


def test_constants_alone_give_one_text_for_each_row_of_the_frame() -> None:
    encoded = json_rows([("v", pl.lit("x"), types.STRING)], DEFAULT)
    assert pl.DataFrame({"a": [1, 2, 3]}).select(encoded).height == 3


@pytest.mark.parametrize("start", [1, 3, 8, 13])
def test_a_slice_of_a_column_is_written_as_its_own_rows(start: int) -> None:
    values = [None if row % 3 == 0 else row * 86_400_000_000 for row in range(40)]
    for kind in (types.timestamp(6), types.time(6), types.DATE):
        column = pl.Series("x", values, dtype=pl.Int64)
        days = column // 86_400_000_000
        numbers = {types.DATE: days.cast(pl.Int32), types.time(6): days}.get(kind, column)
        frame = pl.DataFrame({"x": numbers.cast(polars_type(kind))})
        encoded = json_rows([("v", pl.col("x"), kind)], DEFAULT)
        whole = frame.select(encoded).to_series()
        assert whole.null_count() == 0
        assert frame.slice(start, 20).select(encoded).to_series().equals(whole.slice(start, 20))
        assert whole.eq('{"v":null}').to_list() == [value is None for value in values]


@pytest.mark.parametrize("start", [1, 2, 3])
def test_a_slice_of_arrays_of_rows_is_written_as_its_own_rows(start: int) -> None:
    inner = types.row(Field("keys", types.array(types.STRING)))
    row = types.row(Field("a", types.INT), Field("b", inner), Field("c", types.array(inner)))
    keys = {"keys": ["x"]}
    whole = {"a": 1, "b": keys, "c": [keys]}
    values = [[], [{"a": 2, "b": None, "c": None}, None], [whole], None, [{**whole, "c": [None]}]]
    for kind, rows in (
        (types.array(row), values),
        (types.array(types.array(row)), [[value] for value in values]),
        (types.row(Field("d", types.array(row))), [{"d": value} for value in values]),
    ):
        frame = pl.DataFrame({"x": pl.Series(rows, dtype=polars_type(kind))}).slice(start)
        encoded = frame.select(json_rows([("v", pl.col("x"), kind)], DEFAULT)).to_series()
        assert [json.loads(text)["v"] for text in encoded] == rows[start:]


TWICE = Field("a", types.INT)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([], "needs a column"),
        ([("a", types.INT), ("a", types.INT)], "the sink has the name 'a' twice"),
        ([("r", types.row(TWICE, TWICE))], "column 'r' has the name 'a' twice"),
        ([("r", types.array(types.row(TWICE, TWICE)))], "elements of column 'r' has the name 'a'"),
        ([("m", types.map_of(types.array(types.INT), types.INT))], "column 'm' is a MAP<ARRAY"),
    ],
)
def test_what_json_cannot_hold_is_an_error_before_the_start(
    columns: list[tuple[str, SqlType]], message: str
) -> None:
    with pytest.raises(SqlError, match=message):
        json_rows([(name, pl.col(name), kind) for name, kind in columns], DEFAULT)


def test_options_are_read_by_flinks_names() -> None:
    options = {
        "json.timestamp-format.standard": "ISO-8601",
        "json.encode.ignore-null-fields": "TRUE",
        "json.encode.decimal-as-plain-number": "true",
        "json.decimal-as-string": "false",
        "topic": "t",
    }
    assert JsonOptions.from_options(options) == JsonOptions("ISO-8601", True, True, False)
    assert JsonOptions.from_options({}) == JsonOptions("SQL", False, False, False)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("json.timestamp-format.standard", "iso", "'iso', expected one of 'SQL', 'ISO-8601'"),
        ("json.decimal-as-string", "yes", "'yes', expected 'true' or 'false'"),
        ("json.decimal-as-strings", "true", "did you mean 'json.decimal-as-string'"),
    ],
)
def test_a_wrong_option_is_an_error_that_says_what_is_right(
    name: str, value: str, message: str
) -> None:
    with pytest.raises(SqlError, match=message):
        JsonOptions.from_options({name: value})
