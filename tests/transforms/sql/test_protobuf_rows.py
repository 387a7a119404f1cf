"""Values in, and what Google's own classes read back."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.sql.protobuf_files import SHOP, shop_set, strict_set
from transforms.sql import types
from transforms.sql.protobuf_messages import message_class
from transforms.sql.protobuf_rows import ProtobufRows
from transforms.sql.types import Field, SqlType, polars_type

Columns = dict[str, SqlType]
SET = shop_set()
ITEM: Any = message_class(SET, SHOP)

PLACE = types.row(
    Field("city", types.STRING), Field("zip", types.INT), Field("at", types.timestamp(6))
)
COLUMNS: Columns = {
    "a_double": types.DOUBLE,
    "a_float": types.FLOAT,
    "a_int64": types.BIGINT,
    "a_uint64": types.BIGINT,
    "a_int32": types.INT,
    "a_fixed32": types.BIGINT,
    "a_bool": types.BOOLEAN,
    "a_string": types.STRING,
    "a_bytes": types.BYTES,
    "a_sint32": types.TINYINT,
    "a_sfixed64": types.BIGINT,
    "many_string": types.array(types.STRING),
    "many_sint64": types.array(types.BIGINT),
    "many_double": types.array(types.DOUBLE),
    "state": types.STRING,
    "states": types.array(types.INT),
    "place": PLACE,
    "places": types.array(PLACE),
    "counts": types.map_of(types.STRING, types.INT),
    "homes": types.map_of(types.BIGINT, PLACE),
    "flags": types.map_of(types.BOOLEAN, types.STRING),
}
_INT64 = st.integers(-(2**63), 2**63 - 1)
_INT32 = st.integers(-(2**31), 2**31 - 1)
_STATES = st.sampled_from(["UNKNOWN", "NEW", "SOLD"])
_TIMES = st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31))  # noqa: DTZ001
_PLACES = st.fixed_dictionaries(
    {"city": st.none() | st.text(), "zip": st.none() | _INT32, "at": st.none() | _TIMES}
)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "a_double": st.floats(),
    "a_float": st.floats(width=32),
    "a_int64": _INT64,
    "a_uint64": st.integers(0, 2**63 - 1),
    "a_int32": _INT32,
    "a_fixed32": st.integers(0, 2**32 - 1),
    "a_bool": st.booleans(),
    "a_string": st.text(),
    "a_bytes": st.binary(),
    "a_sint32": st.integers(-128, 127),
    "a_sfixed64": _INT64,
    "many_string": st.lists(st.text(max_size=4), max_size=3),
    "many_sint64": st.lists(_INT64, max_size=3),
    "many_double": st.lists(st.floats(), max_size=3),
    "state": _STATES,
    "states": st.lists(st.integers(0, 9), max_size=3),
    "place": _PLACES,
    "places": st.lists(_PLACES, max_size=2),
    "counts": st.dictionaries(st.text(max_size=4), _INT32, max_size=3),
    "homes": st.dictionaries(_INT64, _PLACES, max_size=2),
    "flags": st.dictionaries(st.booleans(), _STATES),
}
_ROW = st.fixed_dictionaries({name: st.none() | values for name, values in _VALUES.items()})


def frame(columns: Columns, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as the engine has them: a MAP is a list of its entries."""
    series = []
    for name, sql_type in columns.items():
        values = [row.get(name) for row in rows]
        if sql_type.kind is types.Kind.MAP:
            values = [
                value if value is None else [{"key": k, "value": v} for k, v in value.items()]
                for value in values
            ]
        series.append(pl.Series(name, values, polars_type(sql_type), strict=True))
    return pl.DataFrame(series)


def one(columns: Columns, row: dict[str, Any]) -> Any:
    """The message of a row that has one."""
    encoded = ProtobufRows(list(columns.items()), SET, SHOP).encode(frame(columns, [row]))
    assert encoded.failures == []
    return ITEM.FromString(encoded.payload[0])


def failure(columns: Columns, row: dict[str, Any]) -> str:
    """Why the middle one of three rows is refused; the others, all NULL, are not."""
    encoder = ProtobufRows(list(columns.items()), SET, SHOP)
    encoded = encoder.encode(frame(columns, [{}, row, {}]))
    assert encoded.payload.to_list() == [b"", None, b""]
    ((number, message),) = encoded.failures
    assert number == 1
    return message


def plain(value: Any) -> Any:
    """A value read back, as it was written; NaN as a word, as it differs from itself."""
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value


def place_of(message: Any) -> dict[str, Any]:
    at = message.at.ToDatetime() if message.HasField("at") else None
    return {"city": message.city, "zip": message.zip, "at": at}


def known(place: dict[str, Any]) -> dict[str, Any]:
    """A place as it is read: what is left out is read as empty."""
    return {"city": place["city"] or "", "zip": place["zip"] or 0, "at": place["at"]}


def expected_of(name: str, value: Any) -> Any:
    match name:
        case "place":
            return known(value)
        case "places":
            return [known(part) for part in value]
        case "homes":
            return {key: known(part) for key, part in value.items()}
    return value


def read(name: str, message: Any) -> Any:
    value = getattr(message, name)
    names = ITEM.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number
    match name:
        case "place":
            return place_of(value)
        case "places":
            return [place_of(part) for part in value]
        case "homes":
            return {key: place_of(part) for key, part in value.items()}
        case "flags":
            return {key: names[part].name for key, part in value.items()}
        case "state":
            return names[value].name
    if name == "counts":
        return dict(value)
    return list(value) if name.startswith("many_") or name == "states" else value


@given(rows=st.lists(_ROW, max_size=4))
def test_every_value_is_read_back_and_null_is_left_out(rows: list[dict[str, Any]]) -> None:
    encoded = ProtobufRows(list(COLUMNS.items()), SET, SHOP).encode(frame(COLUMNS, rows))

    assert encoded.failures == []
    assert encoded.payload.dtype == pl.Binary
    for payload, row in zip(encoded.payload, rows, strict=True):
        message = ITEM.FromString(payload)
        set_fields = {field.name for field, _ in message.ListFields()}
        assert set_fields <= {name for name, value in row.items() if value is not None}
        assert message.HasField("place") == (row["place"] is not None)
        for name, value in row.items():
            if value is not None:
                assert plain(read(name, message)) == plain(expected_of(name, value)), name


@pytest.mark.parametrize(
    ("precision", "value", "seconds", "nanos"),
    [
        (6, "1969-12-31T23:59:59.999999", -1, 999_999_000),
        (3, "2026-01-31T12:00:00.5", 1_769_860_800, 500_000_000),
        (9, "2026-01-31T12:00:00.000000001", 1_769_860_800, 1),
        (6, "0001-01-01T00:00:00", -62_135_596_800, 0),
        (6, "9999-12-31T23:59:59.999999", 253_402_300_799, 999_999_000),
    ],
)
@pytest.mark.parametrize("field", ["at", "clock"])
def test_a_timestamp_becomes_seconds_and_nanos(
    field: str, precision: int, value: str, seconds: int, nanos: int
) -> None:
    for sql_type in (types.timestamp(precision), types.timestamp_ltz(precision)):
        zone = "Z" if sql_type.kind is types.Kind.TIMESTAMP_LTZ else ""
        column = pl.Series(field, [value + zone, None]).str.to_datetime(
            time_unit=types.time_unit(sql_type), time_zone="UTC" if zone else None
        )
        encoded = ProtobufRows([(field, sql_type)], SET, SHOP).encode(pl.DataFrame([column]))
        found = getattr(ITEM.FromString(encoded.payload[0]), field)
        assert (found.seconds, found.nanos) == (seconds, nanos)
        assert encoded.payload[1] == b""


def test_a_time_outside_of_protobufs_years_is_a_failure_of_that_row() -> None:
    micros = 253_402_300_800_000_000
    column = pl.Series("at", [0, micros, None], pl.Int64).cast(pl.Datetime("us"))

    encoded = ProtobufRows([("at", types.timestamp(6))], SET, SHOP).encode(pl.DataFrame([column]))

    assert encoded.failures == [
        (1, "column 'at' is not in the years 1 to 9999, which a protobuf Timestamp holds")
    ]
    assert encoded.payload[1] is None


def test_a_row_of_seconds_and_nanos_is_a_timestamp_as_in_flink() -> None:
    sql_type = types.row(Field("seconds", types.BIGINT), Field("nanos", types.INT))

    message = one({"at": sql_type}, {"at": {"seconds": 5, "nanos": 7}})

    assert (message.at.seconds, message.at.nanos) == (5, 7)


def test_a_decimal_is_text_without_an_exponent() -> None:
    columns = {"a_string": types.decimal(38, 10), "many_string": types.array(types.decimal(5, 2))}

    message = one(columns, {"a_string": Decimal("1E-10"), "many_string": [Decimal("-1.50")]})

    assert message.a_string == "0.0000000001"
    assert list(message.many_string) == ["-1.50"]


@pytest.mark.parametrize(
    ("column", "sql_type", "value", "expected"),
    [
        ("a_int32", types.BIGINT, 2**31, "column 'a_int32' is 2147483648, and the field holds"),
        ("a_uint32", types.INT, -1, "column 'a_uint32' is -1, and the field holds 0 to 4294967295"),
        ("a_uint64", types.BIGINT, -5, "holds 0 to 18446744073709551615"),
        ("state", types.STRING, "SOLDE", "the enum shop.v1.State has no value 'SOLDE'; did you"),
        ("state", types.STRING, "Q", "has no value 'Q'; expected UNKNOWN, NEW, SOLD"),
        ("state", types.BIGINT, 2**31, "column 'state' is 2147483648, and the field holds"),
        ("many_string", types.array(types.STRING), ["a", None], "'many_string': element 1 is NULL"),
        ("places", types.array(PLACE), [None], "column 'places': element 0 is NULL"),
        ("counts", types.map_of(types.STRING, types.INT), {"a": None}, "value of 'a' is NULL"),
        ("counts", types.map_of(types.STRING, types.INT), {None: 1}, "'counts': a key is NULL"),
        ("homes", types.map_of(types.BIGINT, PLACE), {1: None}, "the value of 1 is NULL"),
        (
            "places",
            types.array(types.row(Field("zip", types.BIGINT))),
            [{"zip": 1}, {"zip": 2**40}],
            "column 'places', element 1, field 'zip' is 1099511627776, and the field holds",
        ),
    ],
)
def test_a_value_without_a_form_is_a_failure_of_that_row_alone(
    column: str, sql_type: SqlType, value: Any, expected: str
) -> None:
    assert expected in failure({column: sql_type}, {column: value})


def test_of_a_oneof_one_column_may_have_a_value() -> None:
    columns = {"mail": types.STRING, "phone": types.STRING}

    assert one(columns, {"phone": "1"}).WhichOneof("contact") == "phone"
    assert failure(columns, {"mail": "a", "phone": ""}).startswith(
        "the row: 'mail' and 'phone' both have a value, and they are of the oneof 'contact'"
    )


def test_required_fields_and_closed_enums_of_proto2_are_kept() -> None:
    columns = {"id": types.BIGINT, "level": types.INT}
    rows: list[dict[str, Any]] = [
        {"id": 1, "level": 5},
        {"id": None, "level": 1},
        {"id": 2, "level": 3},
    ]

    encoder = ProtobufRows(list(columns.items()), strict_set(), "Strict")
    encoded = encoder.encode(frame(columns, rows))

    assert encoded.payload.to_list() == [b"\x08\x01\x10\x05", None, None]
    assert encoded.failures == [
        (1, "column 'id' is NULL, and the field is required"),
        (2, "column 'level': the enum Level has no number 3; expected 1, 5"),
    ]


def test_an_empty_frame_gives_no_rows() -> None:
    encoded = ProtobufRows(list(COLUMNS.items()), SET, SHOP).encode(frame(COLUMNS, []))

    assert encoded.payload.len() == 0
    assert encoded.failures == []
