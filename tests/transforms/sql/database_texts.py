"""What a database prints of a value, as the JSON value that a job should write of it."""

from __future__ import annotations

import base64
import datetime
import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

Reader = Callable[[str], Any]


def same(text: str) -> str:
    return text


def floating(text: str) -> float | str:
    """JSON has no NaN and no infinities: they are texts, spelled as PostgreSQL does."""
    number = float(text)
    return number if math.isfinite(number) else text


def truth(text: str) -> bool:
    return {"t": True, "f": False, "1": True, "0": False, "0x1": True, "0x0": False}[text]


def money(text: str) -> str:
    return text.replace("$", "").replace(",", "")


def variable_scale(text: str) -> str:
    """Trailing zeros are not sent."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def clock(text: str) -> str:
    """A time or timestamp without the zeros at the end of its fraction."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def clock_in(digits: int) -> Reader:
    """The same, cut to so many digits, as a coarser column or `connect` has it."""

    def read(text: str) -> str:
        whole, _, fraction = text.partition(".")
        return clock(f"{whole}.{fraction[:digits]}") if digits else whole

    return read


def instant(text: str) -> str:
    """A timestamp in UTC, with or without saying so."""
    return clock(text.removesuffix("+00")) + "Z"


def iso_instant(digits: int | None) -> Reader:
    """Debezium's own text of an instant, with a fraction of so many digits; None as printed."""

    def read(text: str) -> str:
        day, _, time = text.removesuffix("+00").partition(" ")
        whole, _, fraction = time.partition(".")
        if digits is not None:
            fraction = fraction.ljust(digits, "0")
        return f"{day}T{whole}" + (f".{fraction}Z" if fraction else "Z")

    return read


def time_in_utc(text: str) -> str:
    """PostgreSQL's timetz; its offset is of hours, or of hours and minutes."""
    time, sign, offset = re.split(r"([+-])", text)
    hours, _, minutes = offset.partition(":")
    moved = datetime.timedelta(hours=int(hours), minutes=int(minutes or 0))
    local = datetime.datetime.fromisoformat(f"2000-01-02T{_six_digits(time)}")
    utc = local - moved if sign == "+" else local + moved
    return clock(utc.time().isoformat()) + "Z"


def _six_digits(time: str) -> str:
    whole, _, fraction = time.partition(".")
    return f"{whole}.{fraction:0<6}"


def days(text: str) -> int:
    return datetime.date.fromisoformat(text).toordinal() - datetime.date(1970, 1, 1).toordinal()


def ticks(a_second: int) -> Reader:
    """A time of day or a timestamp as a number, rounded down."""

    def read(text: str) -> int:
        if " " not in text:
            text = f"1970-01-01 {text}"
        whole, _, fraction = text.partition(".")
        since = datetime.datetime.fromisoformat(whole) - datetime.datetime(1970, 1, 1)  # noqa: DTZ001 (both are local)
        seconds = since // datetime.timedelta(seconds=1)
        return seconds * a_second + int(Decimal(f"0.{fraction or 0}") * a_second)

    return read


def interval(text: str) -> int:
    """Microseconds, with months of 30.4375 days."""
    parts = re.fullmatch(
        r"(?:(-?\d+) years? ?)?(?:(-?\d+) mons? ?)?(?:(-?\d+) days? ?)?"
        r"(?:(-?)(\d+):(\d+):(\d+(?:\.\d+)?))?",
        text,
    )
    assert parts is not None, text
    years, months, day, sign, hours, minutes, seconds = parts.groups()
    since = Decimal((int(years or 0) * 12 + int(months or 0)) * Decimal("30.4375") * 86_400)
    since += int(day or 0) * 86_400
    time = int(hours or 0) * 3_600 + int(minutes or 0) * 60 + Decimal(seconds or 0)
    return int((since + (-time if sign else time)) * 1_000_000)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def hexadecimal(text: str) -> str:
    """Bytes, which JSON has in base64; printed after 0x or \\x."""
    return _base64(bytes.fromhex(text[2:]))


def bits(text: str) -> str:
    """Little-endian bytes, no more than the number needs; printed as binary digits."""
    number = int(text, 2)
    return _base64(number.to_bytes((number.bit_length() + 7) // 8, "little"))


def bits_in(size: int) -> Reader:
    """Little-endian bytes; printed as a hexadecimal number."""
    return lambda text: _base64(int(text, 16).to_bytes(size, "little"))


def utf8(text: str) -> str:
    return _base64(text.encode())


def point(text: str) -> dict[str, float]:
    x, y = re.findall(r"[-\d.e+]+", text.rpartition("POINT")[2] or text)
    return {"x": float(x), "y": float(y)}


def reference_system(text: str) -> dict[str, int | None]:
    """The SRID of a MySQL geometry; 0 is none."""
    return {"srid": int(text.removeprefix("SRID=").partition(";")[0]) or None}


def document(text: str) -> Any:
    """JSON by its meaning, since spaces, the order and numbers are written anew."""
    return json.loads(text, parse_int=float)


def hstore(text: str) -> Any:
    return json.loads("{" + re.sub(r"=>(NULL)?", lambda m: ":null" if m[1] else ":", text) + "}")


def array_of(element: Reader) -> Callable[[str], list[Any]]:
    """PostgreSQL's array of one dimension."""

    def read(text: str) -> list[Any]:
        found = re.findall(r'"((?:[^"\\]|\\.)*)"|([^,{}]+)', text)
        return [
            None if plain == "NULL" else element(plain or re.sub(r"\\(.)", r"\1", quoted))
            for quoted, plain in found
        ]

    return read
