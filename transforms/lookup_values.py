"""Values of a database driver as values of a declared column type, exactly or not at all.

Drivers differ: SQLite gives text for dates and 0/1 for booleans, MySQL's gives a timedelta for a
TIME, psycopg gives UUID and Decimal objects. Each function here takes what drivers give for one
column type and returns the Python value that a polars column of that type holds. A value that the
type cannot hold without losing something is a ValueError that says why: rounding is never silent.

Times without a zone are taken as UTC, as everywhere in the project.
"""

import datetime as dt
import json
import math
import re
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NoReturn

import polars as pl

Converter = Callable[[object], object]

_INTEGER_TEXT = re.compile(r"[+-]?[0-9]+")
_DATE_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
_TIME_TEXT = re.compile(_TIME)
_DATETIME_TEXT = re.compile(rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})[ T]{_TIME}(Z|[+-][0-9:]{{2,6}})?")
_INTEGER_RANGES: dict[type[pl.DataType], tuple[int, int]] = {
    pl.Int8: (-(2**7), 2**7 - 1),
    pl.Int16: (-(2**15), 2**15 - 1),
    pl.Int32: (-(2**31), 2**31 - 1),
    pl.Int64: (-(2**63), 2**63 - 1),
    pl.UInt8: (0, 2**8 - 1),
    pl.UInt16: (0, 2**16 - 1),
    pl.UInt32: (0, 2**32 - 1),
    pl.UInt64: (0, 2**64 - 1),
}
_TRUE_TEXT = frozenset({"true", "t", "1"})
_FALSE_TEXT = frozenset({"false", "f", "0"})
# A dead letter shows the value: enough to recognise it, not a whole document.
_SHOWN_CHARACTERS = 80


class LookupValueError(ValueError):
    """A value of the looked up table does not fit the declared type of its column."""


def converter(dtype: pl.DataType) -> Converter:
    """The function that takes a driver's value (never None) to a value of `dtype`.

    Raises TypeError for a type that a looked up column cannot have.
    """
    if isinstance(dtype, pl.Decimal):
        return _decimal_converter(dtype.precision, dtype.scale)
    # Python's datetimes have microseconds: nanoseconds would be cut.
    if isinstance(dtype, pl.Datetime) and dtype.time_unit == "us":
        return _datetime_converter(aware=dtype.time_zone is not None)
    if dtype.base_type() in _INTEGER_RANGES:
        return _integer_converter(dtype)
    try:
        return _BY_TYPE[dtype.base_type()]
    except KeyError:
        message = (
            f"{dtype!r} is not a type that a looked up column can have; expected an integer, "
            "Boolean, String, Float, Decimal, Date, Datetime in microseconds, Time or Binary"
        )
        raise TypeError(message) from None


def convert_column(
    values: Sequence[object], dtype: pl.DataType, place: str
) -> tuple[list[object], dict[int, LookupValueError]]:
    """The values converted (None stays None), and the failures by position (None in their place).

    `place` names table and column in the messages.
    """
    convert = converter(dtype)
    converted: list[object] = []
    failures: dict[int, LookupValueError] = {}
    for position, value in enumerate(values):
        try:
            converted.append(None if value is None else convert(value))
        except (ValueError, ArithmeticError) as error:
            converted.append(None)
            shown = repr(value)
            if len(shown) > _SHOWN_CHARACTERS:
                shown = f"{shown[: _SHOWN_CHARACTERS - 3]}..."
            failures[position] = LookupValueError(
                f"{place}: {type(value).__name__} {shown} does not fit the declared type "
                f"{dtype!r}: {error}; declare the column with a type that holds it, or cast it "
                "in the database"
            )
    return converted, failures


def _refuse(expected: str) -> NoReturn:
    message = f"expected {expected}"
    raise ValueError(message)


def _integer_converter(dtype: pl.DataType) -> Converter:
    lowest, highest = _INTEGER_RANGES[dtype.base_type()]

    def convert(value: object) -> int:
        if type(value) is int:
            number = value
        elif isinstance(value, int):
            number = int(value)
        elif isinstance(value, str) and _INTEGER_TEXT.fullmatch(value):
            number = int(value)
        elif isinstance(value, (Decimal, float)) and math.isfinite(value) and value == int(value):
            number = int(value)
        else:
            _refuse("a whole number")
        if not lowest <= number <= highest:
            _refuse(f"a number from {lowest} to {highest}")
        return number

    return convert


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return value == 1
    if isinstance(value, bytes) and value in (b"\x00", b"\x01"):  # MySQL's BIT(1)
        return value == b"\x01"
    if isinstance(value, str) and value.lower() in _TRUE_TEXT | _FALSE_TEXT:
        return value.lower() in _TRUE_TEXT
    _refuse("a boolean, 0 or 1")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (int, uuid.UUID)):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (dict, list)):  # drivers decode JSON columns
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    _refuse("text")


def _binary(value: object) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, uuid.UUID):
        return value.bytes
    _refuse("bytes")


def _float(value: object) -> float:
    if isinstance(value, (float, int, Decimal, str)):
        return float(value)
    _refuse("a number")


def _decimal_converter(precision: int | None, scale: int) -> Converter:
    digits = 38 if precision is None else precision

    def convert(value: object) -> Decimal:
        if isinstance(value, float):
            # repr is the shortest text that means this float: 12.34, not 12.339999999999999857...
            number = Decimal(repr(value))
        elif isinstance(value, (Decimal, int, str)):
            number = Decimal(value)
        else:
            _refuse("a decimal number")
        if not number.is_finite():
            _refuse("a finite number")
        _, figures, exponent = number.as_tuple()
        # Zeros at the end are not information: 1.500 fits a scale of 1.
        text = "".join(map(str, figures)).rstrip("0")
        places = -int(exponent) - (len(figures) - len(text))
        if places > scale and text:
            _refuse(f"at most {scale} digits after the point")
        if text and number.adjusted() + 1 > digits - scale:
            _refuse(f"at most {digits - scale} digits before the point")
        return number

    return convert


def _date(value: object) -> dt.date:
    if isinstance(value, dt.datetime):
        if value.time() == dt.time() and value.tzinfo is None:
            return value.date()
        _refuse("a date without a time")
    if isinstance(value, dt.date):
        return value
    if isinstance(value, str) and _DATE_TEXT.fullmatch(value):
        return dt.date.fromisoformat(value)
    _refuse("a date as YYYY-MM-DD")


def _datetime_converter(aware: bool) -> Converter:
    def convert(value: object) -> dt.datetime:
        if isinstance(value, str):
            value = _parse_datetime(value)
        elif isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            value = dt.datetime(value.year, value.month, value.day, tzinfo=dt.timezone.utc)
        if not isinstance(value, dt.datetime):
            _refuse("a date and time as YYYY-MM-DD HH:MM:SS[.ffffff]")
        if value.tzinfo is None:
            moment = value.replace(tzinfo=dt.timezone.utc)
        else:
            moment = value.astimezone(dt.timezone.utc)
        return moment if aware else moment.replace(tzinfo=None)

    return convert


def _parse_datetime(text: str) -> dt.datetime:
    if _DATE_TEXT.fullmatch(text):
        return dt.datetime.fromisoformat(f"{text}T00:00:00+00:00")
    match = _DATETIME_TEXT.fullmatch(text)
    if match is None:
        _refuse("a date and time as YYYY-MM-DD HH:MM:SS[.ffffff]")
    date, hour, minute, second, fraction, zone = match.groups()
    offset = "+00:00" if zone in (None, "Z") else zone
    if len(offset) == 3:  # PostgreSQL writes whole hours as +02
        offset += ":00"
    micros = _micros(fraction)
    return dt.datetime.fromisoformat(f"{date}T{hour}:{minute}:{second}.{micros:06d}{offset}")


def _micros(fraction: str | None) -> int:
    digits = (fraction or "").ljust(9, "0")
    if digits[6:] != "000":
        _refuse("at most 6 digits of a second")
    return int(digits[:6])


def _time(value: object) -> dt.time:
    if isinstance(value, dt.time) and value.tzinfo is None:
        return value
    if isinstance(value, dt.timedelta) and dt.timedelta() <= value < dt.timedelta(days=1):
        return (dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc) + value).time()
    if isinstance(value, str) and (match := _TIME_TEXT.fullmatch(value)):
        hour, minute, second, fraction = match.groups()
        return dt.time(int(hour), int(minute), int(second), _micros(fraction))
    _refuse("a time of day as HH:MM:SS[.ffffff]")


_BY_TYPE: dict[type[pl.DataType], Converter] = {
    pl.Boolean: _boolean,
    pl.String: _text,
    pl.Binary: _binary,
    pl.Float32: _float,
    pl.Float64: _float,
    pl.Date: _date,
    pl.Time: _time,
}
