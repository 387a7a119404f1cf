"""CASTs between numbers, booleans, dates, times and nested types."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from math import inf, nan

import pytest

from tests.transforms.sql.evaluation import FAILS, at, evaluate, type_of
from transforms.sql.casts_rules import can_cast, is_implicit
from transforms.sql.errors import SqlError

D = Decimal

CASTS = [
    ("BIGINT", "INT", {2147483648: -2147483648, -1: -1, 4294967297: 1}),
    ("INT", "TINYINT", {128: -128, 300: 44, -129: 127}),
    ("INT", "BIGINT", {-5: -5}),
    ("INT", "DOUBLE", {5: 5.0}),
    ("BIGINT", "DOUBLE", {2**53 + 1: float(2**53)}),
    ("DOUBLE", "INT", {1.9: 1, -1.9: -1, 1e10: 2**31 - 1, -1e10: -(2**31), nan: 0, inf: 2**31 - 1}),
    ("DOUBLE", "TINYINT", {1.9: 1, 300.0: 44, -1e10: 0, 1e10: -1, nan: 0}),
    ("DOUBLE", "SMALLINT", {70000.0: 4464, 1e10: -1}),
    ("DOUBLE", "BIGINT", {1e19: 2**63 - 1, -1.5: -1}),
    ("DOUBLE", "FLOAT", {0.5: 0.5, 1e300: inf}),
    ("FLOAT", "DOUBLE", {0.5: 0.5, 0.1: 0.10000000149011612}),
    ("DECIMAL(20, 1)", "INT", {D("1.9"): 1, D("-1.9"): -1, D("3000000000.9"): -1294967296}),
    ("DECIMAL(4, 1)", "TINYINT", {D("300.9"): 44}),
    ("DECIMAL(20, 0)", "BIGINT", {D("99999999999999999999"): 7766279631452241919}),
    ("DECIMAL(18, 9)", "DOUBLE", {D("0.1"): 0.1, D("123456789.123456789"): 123456789.123456789}),
    (
        "DECIMAL(38, 18)",
        "DOUBLE",
        {D("12345678901234567890.123456789012345678"): 12345678901234567890.123456789012345678},
    ),
    ("DECIMAL(3, 2)", "FLOAT", {D("0.5"): 0.5}),
    (
        "DECIMAL(4, 2)",
        "DECIMAL(3, 1)",
        {D("1.25"): D("1.3"), D("-1.25"): D("-1.3"), D("99.94"): D("99.9"), D("99.95"): None},
    ),
    ("DECIMAL(4, 2)", "DECIMAL(10, 4)", {D("1.25"): D("1.2500")}),
    ("DECIMAL(38, 0)", "DECIMAL(38, 2)", {D(10) ** 36: None, D(10) ** 35: D(10) ** 35}),
    ("INT", "DECIMAL(3, 1)", {99: D("99.0"), 100: None, -100: None}),
    ("BIGINT", "DECIMAL(38, 30)", {12345678: D(12345678), 2**62: None}),
    (
        "DOUBLE",
        "DECIMAL(3, 1)",
        {1.25: D("1.3"), 1.05: D("1.1"), 0.15: D("0.2"), 100.0: None, nan: FAILS, inf: FAILS},
    ),
    ("DOUBLE", "DECIMAL(38, 20)", {0.1: D("0.1"), 123456.789: D("123456.789")}),
    ("DOUBLE", "DECIMAL(38, 0)", {1e30: D(10) ** 30}),
    ("FLOAT", "DECIMAL(38, 20)", {0.1: D("0.1")}),
    ("BOOLEAN", "DECIMAL(5, 2)", {True: D(1), False: D(0)}),
    ("BOOLEAN", "INT", {True: 1, False: 0}),
    ("BOOLEAN", "DOUBLE", {True: 1.0}),
    ("INT", "BOOLEAN", {0: False, 1: True, 2: True, -1: True}),
    ("DECIMAL(2, 1)", "BOOLEAN", {D("0.0"): False, D("0.5"): True}),
    ("DOUBLE", "BOOLEAN", {0.0: False, 0.5: True, nan: True}),
    ("DATE", "TIMESTAMP(3)", {dt.date(2026, 1, 2): at("2026-01-02 00:00:00")}),
    ("DATE", "TIMESTAMP_LTZ(3)", {dt.date(2026, 1, 2): at("2026-01-01 23:00:00+00:00")}),
    (
        "TIMESTAMP(6)",
        "DATE",
        {
            at("2026-01-02 23:00:00"): dt.date(2026, 1, 2),
            at("1969-12-31 23:00:00"): dt.date(1969, 12, 31),
        },
    ),
    ("TIMESTAMP(6)", "TIME(0)", {at("2026-01-02 23:04:05.000123"): dt.time(23, 4, 5)}),
    ("TIMESTAMP(6)", "TIME(3)", {at("2026-01-02 23:04:05.123456"): dt.time(23, 4, 5, 123_000)}),
    ("TIME(0)", "TIMESTAMP(3)", {dt.time(23, 4, 5): at("1970-01-01 23:04:05")}),
    ("TIME(3)", "TIME(0)", {dt.time(23, 4, 5, 900_000): dt.time(23, 4, 5)}),
    ("TIMESTAMP(6)", "TIMESTAMP(0)", {at("1969-12-31 23:59:59.000987"): at("1969-12-31 23:59:59")}),
    (
        "TIMESTAMP(6)",
        "TIMESTAMP(9)",
        {at("1969-12-31 23:59:59.000987"): at("1969-12-31 23:59:59.000987")},
    ),
    (
        "TIMESTAMP(9)",
        "TIMESTAMP(3)",
        {at("1969-12-31 23:59:59.999999"): at("1969-12-31 23:59:59.999000")},
    ),
    (
        "TIMESTAMP(6)",
        "TIMESTAMP_LTZ(3)",
        {at("2026-01-02 23:04:05.123456"): at("2026-01-02 22:04:05.123000+00:00")},
    ),
    (
        "TIMESTAMP_LTZ(3)",
        "TIMESTAMP(9)",
        {at("2026-07-02 22:00:00+00:00"): at("2026-07-03 00:00:00")},
    ),
    ("TIMESTAMP_LTZ(3)", "DATE", {at("2026-07-02 22:00:00+00:00"): dt.date(2026, 7, 3)}),
    ("TIMESTAMP_LTZ(3)", "TIME(0)", {at("2026-07-02 22:00:00+00:00"): dt.time(0)}),
    (
        "TIMESTAMP_LTZ(6)",
        "TIMESTAMP_LTZ(0)",
        {at("2026-07-02 22:00:00.000005+00:00"): at("2026-07-02 22:00:00+00:00")},
    ),
    ("BYTES", "BINARY(4)", {b"ab": b"ab\0\0"}),
    ("BYTES", "VARBINARY(1)", {b"ab": b"a"}),
]


@pytest.mark.parametrize(
    ("source", "target", "table"), CASTS, ids=[f"{r[0]}-{r[1]}" for r in CASTS]
)
def test_a_value_is_cast_as_flink_casts_it(
    source: str, target: str, table: dict[object, object]
) -> None:
    columns = {"a": (source, [*table, None])}
    found = evaluate(f"CAST(a AS {target})", columns, "Europe/Berlin")
    assert str(found.type) == target
    assert repr(found.values) == repr([*table.values(), None]) or found.values == [
        *table.values(),
        None,
    ]
    tried = evaluate(f"TRY_CAST(a AS {target})", columns, "Europe/Berlin")
    assert FAILS not in tried.values


REFUSED = [
    ("INT", "TIMESTAMP(3)"),
    ("INT", "TIMESTAMP_LTZ(3)"),
    ("INT", "DATE"),
    ("DATE", "INT"),
    ("TIMESTAMP(3)", "BIGINT"),
    ("INT", "BYTES"),
    ("BYTES", "INT"),
    ("DATE", "BOOLEAN"),
    ("DATE", "TIME(0)"),
    ("TIME(0)", "DATE"),
    ("ARRAY<INT>", "INT"),
    ("STRING", "ARRAY<INT>"),
    ("ROW<a INT>", "ROW<a INT, b INT>"),
    ("ARRAY<DATE>", "ARRAY<INT>"),
]


@pytest.mark.parametrize(("source", "target"), REFUSED)
def test_a_cast_that_flink_does_not_have_is_an_error(source: str, target: str) -> None:
    with pytest.raises(SqlError, match="is not supported"):
        evaluate(f"CAST(a AS {target})", {"a": (source, [None])})


def test_fields_and_elements_are_cast_one_by_one() -> None:
    rows = [{"a": 1, "b": "2"}, {"a": None, "b": "x"}, None]
    found = evaluate("CAST(a AS ROW<n BIGINT, s INT>)", {"a": ("ROW<a INT, b STRING>", rows)})
    assert found.values == [{"n": 1, "s": 2}, FAILS, None]
    tried = evaluate("TRY_CAST(a AS ROW<n BIGINT, s INT>)", {"a": ("ROW<a INT, b STRING>", rows)})
    assert tried.values == [{"n": 1, "s": 2}, None, None]
    lists = [["1", None], ["2", "x"], [], None]
    found = evaluate("CAST(a AS ARRAY<INT>)", {"a": ("ARRAY<STRING>", lists)})
    assert found.values == [[1, None], FAILS, [], None]
    tried = evaluate("TRY_CAST(a AS ARRAY<INT>)", {"a": ("ARRAY<STRING>", lists)})
    assert tried.values == [[1, None], None, [], None]
    maps = [[{"key": 1, "value": 2}], None]
    found = evaluate("CAST(a AS MAP<STRING, DECIMAL(5, 1)>)", {"a": ("MAP<INT, INT>", maps)})
    assert found.values == [[{"key": "1", "value": D("2.0")}], None]


IMPLICIT = """
TINYINT INT | INT BIGINT | INT DECIMAL(10,2) | DOUBLE DECIMAL(10,2) | DECIMAL(10,2) FLOAT
BIGINT DOUBLE | CHAR(3) STRING | STRING VARCHAR(5) | BINARY(3) BYTES | TIMESTAMP(9) TIMESTAMP(3)
TIMESTAMP(3) TIMESTAMP_LTZ(3) | TIMESTAMP_LTZ(3) TIMESTAMP(3) | TIMESTAMP(3) DATE
TIMESTAMP(3) TIME(0) | ARRAY<INT> ARRAY<BIGINT> | ROW<INT> ROW<BIGINT>
"""
EXPLICIT = """
INT TINYINT | BIGINT INT | DECIMAL(10,2) INT | DOUBLE FLOAT | STRING INT | INT STRING
STRING CHAR(3) | BYTES BINARY(3) | DATE TIMESTAMP(3) | TIMESTAMP_LTZ(3) DATE | BOOLEAN INT
BYTES STRING | STRING DATE | ARRAY<BIGINT> ARRAY<INT> | ROW<BIGINT> ROW<INT>
"""


def pairs(table: str) -> list[list[str]]:
    return [pair.split() for line in table.strip().splitlines() for pair in line.split("|")]


@pytest.mark.parametrize(("source", "target"), pairs(IMPLICIT))
def test_a_widening_needs_no_cast(source: str, target: str) -> None:
    assert is_implicit(type_of(source), type_of(target))


@pytest.mark.parametrize(("source", "target"), pairs(EXPLICIT))
def test_what_may_lose_something_needs_a_cast(source: str, target: str) -> None:
    assert not is_implicit(type_of(source), type_of(target))
    assert can_cast(type_of(source), type_of(target))


def test_a_time_that_nanoseconds_cannot_hold_fails() -> None:
    for kind, value in (
        ("TIMESTAMP(3)", at("9999-01-01 00:00:00")),
        ("DATE", dt.date(9999, 1, 1)),
        ("STRING", "9999-01-01 00:00:00"),
        ("TIMESTAMP_LTZ(3)", at("9999-01-01 00:00:00+00:00")),
    ):
        found = evaluate("CAST(a AS TIMESTAMP(9))", {"a": (kind, [value, None])})
        assert found.values == [FAILS, None]
