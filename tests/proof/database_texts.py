"""Values as a database prints them, and as `kami query` prints them, made comparable."""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

Value = Any
Read = Callable[[str], Value]

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_MONTH_SECONDS = 2_629_800


def comparable(name: str, column: str, printed: Value) -> Value:
    """A printed value in the form of `from_database`."""
    if printed is None:
        return None
    kind = column.removeprefix("c_")
    if kind == "json" and name.startswith("mysql"):
        return _json(printed)
    if kind in _OF_PRINTED:
        return _OF_PRINTED[kind](printed)
    if kind.endswith("_array") or kind == "hstore":
        return json.loads(printed)
    if kind in _BYTES:
        return base64.b64decode(printed)
    return _without_zeros(printed) if isinstance(printed, str) and ":" in printed else printed


def from_database(name: str, column: str, text: str | None) -> Value:
    """A value of a recording's final.json; in connect mode with times cut to milliseconds."""
    if text is None:
        return None
    kind = column.removeprefix("c_")
    is_mysql = name.startswith("mysql")
    if kind in ("boolean", "json") and is_mysql:
        return int(text) if kind == "boolean" else _json(text)
    if is_mysql and kind.startswith("timestamp"):
        return f"{_clock(text)}+00:00"
    value = _READ[kind](text) if kind in _READ else text
    is_cut = name.endswith("connect") and kind in _CUT
    if is_cut and isinstance(value, list):
        return [_cut(each) for each in value]
    return _cut(value) if is_cut else value


def _without_zeros(text: str) -> str:
    """The fraction of a second without zeros at its end."""
    return re.sub(r"(:\d\d)\.(\d*?)0*(?=$|[Z+-])", lambda found: _fraction(*found.groups()), text)


def _fraction(seconds: str, digits: str) -> str:
    return f"{seconds}.{digits}" if digits else seconds


def _cut(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    return _without_zeros(re.sub(r"(:\d\d\.\d{3})\d*", r"\1", value))


def _clock(text: str) -> str:
    return _without_zeros(text.replace(" ", "T"))


def _zoned(text: str) -> str:
    return f"{_clock(text.removesuffix('+00'))}+00:00"


def _in_utc(text: str) -> str:
    found = re.fullmatch(r"([\d:.]+)([+-])(\d\d)(?::(\d\d))?", text)
    assert found is not None
    offset = (int(found[3]) * 60 + int(found[4] or 0)) * 60_000_000
    microseconds = _microseconds(found[1]) - (-offset if found[2] == "-" else offset)
    seconds, fraction = divmod(microseconds % 86_400_000_000, 1_000_000)
    whole = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{_without_zeros(f'{whole}.{fraction:06d}')}Z"


def _microseconds(clock: str) -> int:
    hours, minutes, seconds = clock.split(":")
    return int((Decimal(hours) * 60 + Decimal(minutes)) * 60_000_000 + Decimal(seconds) * 1_000_000)


def _interval(text: str) -> int:
    total = 0
    for number, unit in re.findall(r"(-?\d+) (year|mon|day)", text):
        seconds = {"year": 12 * _MONTH_SECONDS, "mon": _MONTH_SECONDS, "day": 86_400}[unit]
        total += int(number) * seconds * 1_000_000
    clock = re.search(r"(-?)(\d+:\d\d:\d\d\S*)", text)
    if clock is None:
        return total
    return total + _microseconds(clock[2]) * (-1 if clock[1] else 1)


def _raw(text: str) -> bytes:
    return bytes.fromhex(re.sub(r"^(0x|\\x)", "", text))


def _bits(text: str) -> int:
    if not text:
        return 0
    return int(text, 16) if text.startswith("0x") else int(text, 2)


def _number(value: float | str) -> float | str:
    """The number; NaN, which is not even itself, as text."""
    found = float(value)
    return "NaN" if found != found else found


def _decimal(text: str) -> Decimal | str:
    found = Decimal(text)
    return text if found.is_nan() else found


def _single(value: float | str) -> float:
    """The nearest number of 32 bits."""
    found: float = struct.unpack("f", struct.pack("f", float(value)))[0]
    return found


def _array(read: Read) -> Read:
    def items(text: str) -> Value:
        found = re.findall(rf"{_QUOTED}|([^,{{}}]+)", text)
        return [None if bare == "NULL" else read(bare or _plain(quoted)) for quoted, bare in found]

    return items


def _hstore(text: str) -> Value:
    pairs = re.findall(rf"{_QUOTED}=>(?:{_QUOTED}|(NULL))", text)
    return {_plain(key): None if null else _plain(value) for key, value, null in pairs}


def _plain(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted)


def _json(text: str) -> Value:
    """JSON by its values: MySQL prints numbers anew, such as 1e308 with all of its digits."""
    return json.loads(
        text, parse_int=lambda digits: int(digits) if len(digits) < 21 else float(digits)
    )


def _shape(text: str) -> Value:
    """SRID (0 where there is none) and all coordinates."""
    srid = re.match(r"SRID=(\d+)", text)
    plain = text[srid.end() :] if srid else text
    numbers = re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", plain)
    return int(srid[1]) if srid else 0, [float(number) for number in numbers]


def _printed_shape(text: str) -> Value:
    shape = json.loads(text)
    numbers, rest = _coordinates(base64.b64decode(shape["wkb"]))
    assert not rest
    return int(shape["srid"] or 0), numbers


def _coordinates(wkb: bytes) -> tuple[list[float], bytes]:
    """The coordinates of a little-endian WKB geometry, and the bytes after it."""
    order, kind = struct.unpack_from("<BI", wkb)
    assert order == 1
    wkb = wkb[5:]
    if kind & 0x2000_0000:
        kind, wkb = kind & 0xFF, wkb[4:]
    if kind == 1:
        return list(struct.unpack_from("<2d", wkb)), wkb[16:]
    count, wkb = struct.unpack_from("<I", wkb)[0], wkb[4:]
    numbers: list[float] = []
    for _ in range(count):
        if kind == 2:
            found, wkb = list(struct.unpack_from("<2d", wkb)), wkb[16:]
        elif kind == 3:
            points, wkb = struct.unpack_from("<I", wkb)[0], wkb[4:]
            found, wkb = list(struct.unpack_from(f"<{points * 2}d", wkb)), wkb[points * 16 :]
        else:
            found, wkb = _coordinates(wkb)
        numbers += found
    return numbers, wkb


_BYTES = (
    *("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bytea"),
    *("bit12", "bit64", "bit8", "varbit"),
)
_INTEGERS = ("tinyint", "smallint", "mediumint", "int", "integer", "bigint")
_CLOCKS = ("time0", "time3", "time6", "datetime0", "datetime3", "datetime6", "booked_at")
_STAMPS = ("timestamp0", "timestamp3", "timestamp6")
_SHAPES = ("point", "geometry", "linestring", "polygon")
_CUT = (*_CLOCKS, *_STAMPS, "timestamp_array")
_READ: dict[str, Read] = {
    **dict.fromkeys(_INTEGERS, int),
    **dict.fromkeys((f"{name}_u" for name in _INTEGERS), int),
    **dict.fromkeys(("id", "seq", "oid", "year"), int),
    **dict.fromkeys(("double", "real"), _number),
    "float": _single,
    "numeric": _decimal,
    "money": lambda text: re.sub(r"[$,]", "", text),
    **dict.fromkeys(_BYTES[:7], _raw),
    **dict.fromkeys(_BYTES[7:], _bits),
    **dict.fromkeys(("bit1", "boolean"), lambda text: text in ("t", "1", "0x1")),
    **dict.fromkeys((*_CLOCKS, *_STAMPS), _clock),
    **dict.fromkeys(("timestamptz", "timestamptz3"), _zoned),
    "timetz": _in_utc,
    "interval": _interval,
    "hstore": _hstore,
    "int_array": _array(int),
    "bigint_array": _array(int),
    "text_array": _array(str),
    "numeric_array": _array(str),
    "date_array": _array(str),
    "timestamp_array": _array(_clock),
    "uuid_array": _array(str),
    "boolean_array": _array(lambda text: text == "t"),
    **dict.fromkeys(_SHAPES, _shape),
}
_OF_PRINTED: dict[str, Callable[[Value], Value]] = {
    **dict.fromkeys(_SHAPES, _printed_shape),
    **dict.fromkeys(_BYTES[7:], lambda value: int.from_bytes(base64.b64decode(value), "little")),
    **dict.fromkeys(("bigint_u", "interval"), int),
    **dict.fromkeys(("double", "real"), _number),
    "float": _single,
    "numeric": _decimal,
    "seq": int,
}
