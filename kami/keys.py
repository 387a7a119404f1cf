"""A row's primary key as one text, which is how keys are compared everywhere.

Two keys are the same row exactly when their texts are the same: letter case counts, and no
separator can make two composite keys collide. BigQuery can neither group nor cluster by JSON.
"""

from __future__ import annotations

import base64
import datetime
import json
import math
from collections.abc import Mapping
from decimal import Decimal


def key_text(values: Mapping[str, object]) -> str:
    """A JSON array of texts, one a key column in the order of the columns' names.

    Args:
        values: the key's columns. Text, int, bool, Decimal, float, date, time, datetime (with a
            zone: in UTC), timedelta (MySQL's TIME) or bytes.

    Raises:
        TypeError: a value is None or of another type; a primary key holds neither.
    """
    texts = [value_text(values[name], name) for name in sorted(values)]
    return json.dumps(texts, ensure_ascii=False, separators=(",", ":"))


def value_text(value: object, name: str) -> str:
    """One value's text: of equal values the same, whatever their scale or precision."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return datetime_text(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.time):
        return _without_zeros(value.replace(tzinfo=None).isoformat())
    if isinstance(value, datetime.timedelta):
        return duration_text(value)
    message = (
        f"the key column {name!r} is {value!r}, a {type(value).__name__}: expected a value of a "
        "primary key; name other key columns for this table"
    )
    raise TypeError(message)


def decimal_text(value: Decimal) -> str:
    """Plain notation without trailing zeros: 1.50 and 1.5 are one key."""
    if not value.is_finite():
        return str(value)
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def datetime_text(value: datetime.datetime) -> str:
    """ISO text; with a zone in UTC, with Z."""
    if value.tzinfo is None:
        return _without_zeros(value.isoformat())
    in_utc = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return f"{_without_zeros(in_utc.isoformat())}Z"


def duration_text(value: datetime.timedelta) -> str:
    """[-]HH:MM:SS[.ffffff], hours beyond 24 as they are."""
    microseconds = value // datetime.timedelta(microseconds=1)
    sign, rest = ("-", -microseconds) if microseconds < 0 else ("", microseconds)
    seconds, fraction = divmod(rest, 1_000_000)
    text = f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return _without_zeros(f"{text}.{fraction:06d}")


def _without_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _float_text(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
