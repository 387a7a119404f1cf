"""What drivers give, as the declared column type."""

import datetime as dt
import uuid
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.lookup_values import LookupValueError, convert_column, converter

UTC = dt.timezone.utc
NOON = dt.datetime(2024, 5, 6, 12, 0, 0, 250_000)  # noqa: DTZ001 - as drivers do


@pytest.mark.parametrize(
    ("dtype", "given_by_driver", "value"),
    [
        (pl.Int64(), 7, 7),
        (pl.Int64(), "-7", -7),
        (pl.Int64(), Decimal("7.00"), 7),
        (pl.Int64(), 7.0, 7),
        (pl.Int64(), True, 1),
        (pl.UInt8(), 255, 255),
        (pl.Boolean(), 1, True),
        (pl.Boolean(), 0, False),
        (pl.Boolean(), b"\x01", True),
        (pl.Boolean(), "f", False),
        (pl.String(), "ä", "ä"),
        (pl.String(), "ä".encode(), "ä"),
        (pl.String(), 12, "12"),
        (pl.String(), True, "true"),
        (pl.String(), Decimal("1E+3"), "1000"),
        (pl.String(), uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (pl.String(), {"a": ["ä", 1]}, '{"a":["ä",1]}'),
        (pl.String(), NOON, "2024-05-06 12:00:00.250000"),
        (pl.Float64(), 2, 2.0),
        (pl.Float64(), Decimal("0.1"), 0.1),
        (pl.Decimal(10, 2), "12.30", Decimal("12.30")),
        (pl.Decimal(10, 2), 12, Decimal(12)),
        (pl.Decimal(10, 2), 12.34, Decimal("12.34")),
        (pl.Decimal(10, 2), Decimal("1.5000"), Decimal("1.5")),
        (pl.Decimal(38, 2), 10**35, Decimal(10**35)),
        (pl.Date(), "2024-02-29", dt.date(2024, 2, 29)),
        (pl.Date(), dt.datetime(2024, 2, 29), dt.date(2024, 2, 29)),  # noqa: DTZ001 - as drivers do
        (pl.Datetime("us"), NOON, NOON),
        (pl.Datetime("us"), "2024-05-06 12:00:00.25", NOON),
        (pl.Datetime("us"), "2024-05-06T14:00:00.250+02:00", NOON),
        (pl.Datetime("us"), "2024-05-06 14:00:00.250000+02", NOON),
        (pl.Datetime("us"), dt.date(2024, 5, 6), NOON.replace(hour=0, microsecond=0)),
        (pl.Datetime("us", "UTC"), "2024-05-06 12:00:00.25", NOON.replace(tzinfo=UTC)),
        (pl.Datetime("us", "UTC"), NOON, NOON.replace(tzinfo=UTC)),
        (pl.Time(), "01:02:03.5", dt.time(1, 2, 3, 500_000)),
        (pl.Time(), dt.timedelta(hours=1, microseconds=5), dt.time(1, 0, 0, 5)),
        (pl.Binary(), memoryview(b"\x00\xff"), b"\x00\xff"),
    ],
)
def test_a_drivers_value_becomes_the_declared_type(
    dtype: pl.DataType, given_by_driver: object, value: object
) -> None:
    converted, failures = convert_column([given_by_driver, None], dtype, "table t, column 'c'")

    assert not failures
    assert pl.Series(converted, dtype=dtype).to_list() == [value, None]


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (pl.Int64(), 2**63),
        (pl.Int8(), -129),
        (pl.Int64(), 1.5),
        (pl.Int64(), float("nan")),
        (pl.Int64(), "1_000"),
        (pl.Int64(), b"1"),
        (pl.Boolean(), 2),
        (pl.Boolean(), "yes"),
        (pl.String(), b"\xff"),
        (pl.Float64(), "x"),
        (pl.Float64(), 10**400),
        (pl.Decimal(10, 2), "1.234"),
        (pl.Decimal(10, 2), Decimal("123456789.00")),
        (pl.Decimal(10, 2), Decimal("NaN")),
        (pl.Decimal(10, 2), "twelve"),
        (pl.Decimal(10, 2), b"1"),
        (pl.Date(), NOON),
        (pl.Date(), "2024-02-30"),
        (pl.Date(), "20240229"),
        (pl.Datetime("us"), "0000-00-00 00:00:00"),
        (pl.Datetime("us"), "2024-05-06 12:00:00.1234567"),
        (pl.Datetime("us"), 1_700_000_000),
        (pl.Time(), dt.timedelta(days=1)),
        (pl.Time(), "25:00:00"),
        (pl.Binary(), 1),
    ],
)
def test_a_value_that_does_not_fit_fails_alone(dtype: pl.DataType, value: object) -> None:
    converted, failures = convert_column([None, value, None], dtype, "table t, column 'c'")

    assert converted == [None, None, None]
    assert list(failures) == [1]
    assert isinstance(failures[1], LookupValueError)


def test_the_message_names_place_type_and_a_short_value() -> None:
    _, failures = convert_column(["x" * 1000], pl.Int64(), "table users, column 'age'")

    message = str(failures[0])
    assert message.startswith("table users, column 'age': str 'xxx")
    assert "Int64" in message
    assert "x" * 80 not in message


@pytest.mark.parametrize("dtype", [pl.List(pl.Int64()), pl.Datetime("ns"), pl.Object()])
def test_a_type_that_no_column_has_is_refused(dtype: pl.DataType) -> None:
    with pytest.raises(TypeError, match="not a type that a looked up column can have"):
        converter(dtype)


@given(st.decimals(-(10**9), 10**9, places=4))
def test_decimals_come_through_text_unchanged(value: Decimal) -> None:
    converted, failures = convert_column([str(value), value], pl.Decimal(38, 4), "c")

    assert not failures
    assert pl.Series(converted, dtype=pl.Decimal(38, 4)).to_list() == [value, value]


@given(st.datetimes(), st.sampled_from([" ", "T"]))
def test_datetimes_come_through_text_unchanged(value: dt.datetime, separator: str) -> None:
    converted, failures = convert_column([value.isoformat(separator)], pl.Datetime("us"), "c")

    assert not failures
    assert converted == [value]
