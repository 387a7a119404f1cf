"""Every column type of the recordings, in every mode, as the database printed its values."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.transforms.change_log_recordings import TYPES, final, logged, replayed

Convert = Callable[[str], Any]


def number(text: str) -> object:
    return text if text.lstrip("-") in ("NaN", "Infinity") else float(text)


def raw(text: str) -> str:
    return base64.b64encode(bytes.fromhex(re.sub(r"^(0x|\\x)", "", text))).decode()


def clock(text: str) -> str:
    text = text.replace(" ", "T")
    return text.rstrip("0").rstrip(".") if "." in text else text


def zoned(text: str) -> str:
    return clock(text.removesuffix("+00")) + "Z"


def money(text: str) -> str:
    return text.replace("$", "").replace(",", "")


def array(convert: Convert) -> Convert:
    def items(text: str) -> object:
        inner = text.strip("{}")
        found = [item.strip('"') for item in inner.split(",")] if inner else []
        return [None if item == "NULL" else convert(item) for item in found]

    return items


def is_true(text: str) -> bool:
    return text in ("t", "1", "0x1")


INTEGERS = ("tinyint", "smallint", "mediumint", "int", "integer", "bigint", "oid", "year")
BY_TYPE: dict[str, Convert] = {
    **dict.fromkeys(INTEGERS, int),
    **dict.fromkeys((f"{name}_u" for name in INTEGERS), int),
    **dict.fromkeys(("float", "double", "real"), number),
    **dict.fromkeys(("date", "char", "varchar", "tinytext", "text", "mediumtext", "longtext"), str),
    **dict.fromkeys(("citext", "uuid", "xml", "inet", "cidr", "macaddr", "macaddr8"), str),
    **dict.fromkeys(("ltree", "mood", "tsvector", "int4range", "int8range", "numrange"), str),
    **dict.fromkeys(("enum", "set"), str),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), raw),
    "bytea": raw,
    **dict.fromkeys(("time0", "time3", "time6"), clock),
    **dict.fromkeys(("datetime0", "datetime3", "datetime6"), clock),
    "timestamptz": zoned,
    "timestamptz3": zoned,
    "money": money,
    "boolean": is_true,
    "bit1": is_true,
    "int_array": array(int),
    "bigint_array": array(int),
    "numeric_array": array(str),
    "date_array": array(str),
    "timestamp_array": array(clock),
    "uuid_array": array(str),
    "boolean_array": array(is_true),
}
NUMBERS = re.compile(r"(decimal|numeric)_\d+_\d+(_u)?")
REGULAR = {str(number) for number in (*range(1, 14), *range(14, 20), 113)}


def regular_rows(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The final table's rows that come through as they were printed, beside the log's."""
    found = {str(row["id"]): row for row in replayed(logged(name)[0]["all_types"]).values()}
    expected = {row["id"]: row for row in final(name)["all_types"] if row["id"] in REGULAR}
    return [(expected[number], found[number]) for number in sorted(expected)]


def cut(value: object) -> object:
    """A time as connect keeps it: in milliseconds."""
    if isinstance(value, list):
        return [cut(item) for item in value]
    found = re.fullmatch(r"(.*:\d\d\.\d{3})\d*", value) if isinstance(value, str) else None
    return clock(found[1].replace("T", " ")) if found else value


def converted(column: str, text: str, name: str) -> object:
    kind = column.removeprefix("c_")
    if NUMBERS.fullmatch(kind):
        return text
    if kind.startswith("timestamp") and kind[9:].isdigit():
        # MySQL's TIMESTAMP is an instant, PostgreSQL's timestamp a clock.
        return zoned(text) if name.startswith("mysql") else clock(text)
    if kind == "boolean" and name.startswith("mysql"):
        return int(text)
    if kind == "bigint_u" and name == "mysql_types_adaptive":
        return text
    return BY_TYPE[kind](text)


@pytest.mark.parametrize("name", TYPES)
def test_values_are_written_as_the_database_prints_them_whatever_the_mode(name: str) -> None:
    compared: set[str] = set()
    for expected, row in regular_rows(name):
        assert row.keys() == expected.keys()
        for column, text in expected.items():
            kind = column.removeprefix("c_")
            known = column != "id" and (
                kind in BY_TYPE or NUMBERS.fullmatch(kind) or "stamp" in kind
            )
            if not known:
                continue
            wanted = None if text is None else converted(column, text, name)
            if name.endswith("connect"):
                is_text = kind.startswith("timestamptz") or (
                    name.startswith("mysql") and kind.startswith("timestamp")
                )
                wanted = wanted if is_text else cut(wanted)
            if kind == "bigint_u" and name.endswith("connect") and int(text or 0) >= 2**63:
                continue
            if kind == "money" and text is not None and len(text) > 15:
                continue
            if kind == "float" and isinstance(wanted, float):
                # MySQL printed the double of the same value here: the log has its own digits.
                assert np.float32(row[column]) == np.float32(wanted)
                continue
            assert row[column] == wanted, (expected["id"], column)
            compared.add(column)
    assert len(compared) > 35


@pytest.mark.parametrize("name", TYPES)
def test_numbers_texts_and_bytes_are_of_the_right_json_kind(name: str) -> None:
    ((_, row),) = [pair for pair in regular_rows(name) if pair[0]["id"] == "1"]
    if name.startswith("mysql"):
        assert row["c_bit12"] == base64.b64encode(bytes([0xAA, 0x0A])).decode()
        assert json.loads(row["c_json"])["big"] == 12345678901234567890
        assert row["c_point"].keys() == {"x", "y", "wkb", "srid"}
        assert base64.b64decode(row["c_geometry"]["wkb"])[:1] in (b"\x00", b"\x01")
        return
    # Trailing zeros are cut by the connector.
    assert Decimal(row["c_numeric"]) == Decimal("123.45")
    assert row["c_interval"] == 93_784_000_005
    assert row["c_text_array"] == ["a", "b,c", 'd"e', None, "NULL", ""]
    assert row["c_jsonb"].startswith('{"a": 12345678901234567890')
    assert json.loads(row["c_hstore"])["b"] is None
    assert row["c_bit8"] == base64.b64encode(bytes([0b10101010])).decode()


@pytest.mark.parametrize("name", [name for name in TYPES if name.startswith("pg")])
def test_infinities_of_postgresql_are_written_by_name(name: str) -> None:
    rows = {row["id"]: row for row in replayed(logged(name)[0]["all_types"]).values()}
    for snapshot, streamed in ((51, 71), (52, 72)):
        sign = "" if snapshot == 51 else "-"
        assert rows[snapshot]["c_date"] == rows[streamed]["c_date"] == f"{sign}infinity"
    assert rows[53]["c_timestamp6"] == rows[73]["c_timestamp6"] == "infinity"
    assert rows[53]["c_timestamp3"] == rows[73]["c_timestamp3"] == "-infinity"
    assert rows[54]["c_timestamptz"] == "infinity"
    assert {rows[8]["c_double"], rows[9]["c_double"]} == {"Infinity", "-Infinity"}
    assert rows[58]["c_date"] == "+12000-01-01"
    assert rows[65]["c_time6"] == "24:00:00"


def test_times_beyond_a_day_are_written_as_mysql_has_them() -> None:
    rows = replayed(logged("mysql_types_adaptive")[0]["all_types"])
    expected = {row["id"]: row for row in final("mysql_types_adaptive")["all_types"]}
    for number in ("51", "52", "53", "54", "71", "72"):
        assert rows[f'["{number}"]']["c_time6"] == clock(expected[number]["c_time6"])
    assert any(row["c_time6"].startswith("-") for row in rows.values() if row["c_time6"])


@pytest.mark.parametrize("name", TYPES)
def test_a_composite_key_has_the_order_of_its_columns_names(name: str) -> None:
    rows = replayed(logged(name)[0]["composite_key"])
    for key, row in rows.items():
        names = sorted(set(row) - {"amount", "note"})
        assert json.loads(key) == [str(row[column]) for column in names]
    assert len(rows) == len(final(name)["composite_key"])
