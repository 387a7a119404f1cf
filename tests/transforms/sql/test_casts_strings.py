"""CASTs from and to strings: each row is what Flink SQL does, unless the docs say otherwise."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from math import inf, nan

import pytest

from tests.transforms.sql.evaluation import FAILS, at, evaluate
from transforms.sql.errors import SqlError

D = Decimal


def same(found: list[object], expected: list[object]) -> bool:
    return repr(found) == repr(expected)


FROM_STRING = [
    (
        "INT",
        {
            "1": 1,
            " 12 ": 12,
            "+5": 5,
            "-5": -5,
            "00012": 12,
            "5.7": 5,
            "-5.7": -5,
            "5.": 5,
            ".5": 0,
            "2147483647": 2147483647,
            "-2147483648": -2147483648,
            "2147483648": FAILS,
            "2147483648.5": FAILS,
            "": FAILS,
            " ": FAILS,
            ".": FAILS,
            **dict.fromkeys(
                ("+", "1e3", "1x", "5.x", "1.2.3", "1_0", "0x1", "\t1", "\u0661"), FAILS
            ),
        },
    ),
    ("TINYINT", {"127": 127, "-128": -128, "1.9": 1, "128": FAILS, "-129": FAILS}),
    ("SMALLINT", {"32767": 32767, "32768": FAILS}),
    (
        "BIGINT",
        {
            "9223372036854775807": 2**63 - 1,
            "-9223372036854775808": -(2**63),
            "9223372036854775808": FAILS,
        },
    ),
    (
        "DOUBLE",
        {
            "1": 1.0,
            " 1.5 ": 1.5,
            "1e3": 1000.0,
            "1E+3": 1000.0,
            ".5": 0.5,
            "5.": 5.0,
            "1f": 1.0,
            "1d": 1.0,
            "NaN": nan,
            "Infinity": inf,
            "-Infinity": -inf,
            "+Infinity": inf,
            "1e400": inf,
            "nan": FAILS,
            "inf": FAILS,
            "infinity": FAILS,
            "": FAILS,
            "1e": FAILS,
            "1_0": FAILS,
            "d": FAILS,
        },
    ),
    ("FLOAT", {"0.5": 0.5, "3.5e38": inf, "1e-50": 0.0}),
    (
        "DECIMAL(5, 2)",
        {
            "1": D("1.00"),
            " 1.005 ": D("1.01"),
            "1.015": D("1.02"),
            "-1.005": D("-1.01"),
            "-0.004": D("0.00"),
            "999.99": D("999.99"),
            "1e2": D("100.00"),
            "1E-1": D("0.10"),
            "1e-999999": D("0.00"),
            "+1": D("1.00"),
            ".5": D("0.50"),
            "5.": D("5.00"),
            "1.00499999999999999999999999999999999999999": D("1.00"),
            "999.995": FAILS,
            "1000": FAILS,
            "1e999999": FAILS,
            "123456789012345678901234567890123456789012345": FAILS,
            "": FAILS,
            ".": FAILS,
            "-": FAILS,
            "x": FAILS,
            "NaN": FAILS,
            "1.2.3": FAILS,
            "1.+5": FAILS,
            "1 2": FAILS,
        },
    ),
    (
        "DECIMAL(38, 18)",
        {
            "12345678901234567890.123456789012345678": D("12345678901234567890.123456789012345678"),
            "0.0000000000000000005": D("0.000000000000000001"),
        },
    ),
    (
        "BOOLEAN",
        {
            **dict.fromkeys(("true", "TRUE", "t", "T", "yes", "Y", "1"), True),
            **dict.fromkeys(("false", "f", "no", "n", "0"), False),
            **dict.fromkeys((" true ", "on", "off", "", "2"), FAILS),
        },
    ),
    (
        "DATE",
        {
            **dict.fromkeys(
                ("2026-01-02", "2026-1-2", " 2026-01-02 ", "2026-01-02 10:00:00"),
                dt.date(2026, 1, 2),
            ),
            "2026-01": dt.date(2026, 1, 1),
            "2026": dt.date(2026, 1, 1),
            "26-01-02": dt.date(26, 1, 2),
            "9999-12-31": dt.date(9999, 12, 31),
            **dict.fromkeys(
                (
                    "2026-01-02T10:00:00",
                    "2026-02-30",
                    "2026-13-01",
                    "10000-01-01",
                    "2026/01/02",
                    "20260102",
                    "",
                    "2026-01-02x",
                ),
                FAILS,
            ),
        },
    ),
    (
        "TIME(3)",
        {
            "01:02:03": dt.time(1, 2, 3),
            "1:2:3": dt.time(1, 2, 3),
            "01:02": dt.time(1, 2),
            "01": dt.time(1),
            "01:02:03.1": dt.time(1, 2, 3, 100_000),
            "01:02:03.123456": dt.time(1, 2, 3, 123_000),
            " 01:02:03 ": dt.time(1, 2, 3),
            **dict.fromkeys(("24:00:00", "23:59:60", "", "x", "-1:00:00"), FAILS),
        },
    ),
    (
        "TIMESTAMP(3)",
        {
            "2026-01-02 03:04:05": at("2026-01-02 03:04:05"),
            "2026-01-02 03:04:05.": at("2026-01-02 03:04:05"),
            "2026-01-02 03:04:05.1239": at("2026-01-02 03:04:05.123000"),
            "1969-12-31 23:59:59.9999": at("1969-12-31 23:59:59.999000"),
            "2026-01-02": at("2026-01-02 00:00:00"),
            "2026-1-2 3:4:5": at("2026-01-02 03:04:05"),
            "2026-02-30 00:00:00": at("2026-02-28 00:00:00"),
            "2026-01-02 24:00:00": at("2026-01-03 00:00:00"),
            "0001-01-01 00:00:00": at("0001-01-01 00:00:00"),
            "9999-12-31 23:59:59.999": at("9999-12-31 23:59:59.999000"),
            **dict.fromkeys(
                (
                    "2026-01-02T03:04:05",
                    "2026-01-02 03:04",
                    " 2026-01-02 03:04:05 ",
                    "2026-01-02 23:59:60",
                    "2026-01-02 24:00:01",
                    "2026-13-02 00:00:00",
                    "2026-01-02 03:04:05Z",
                    "2026-01-02 03:04:05.1234567890",
                    "",
                    "x",
                    "2026-01-02  03:04:05",
                ),
                FAILS,
            ),
        },
    ),
    ("BYTES", {"abc€": "abc€".encode()}),
    ("VARCHAR(2)", {"abc": "ab", "é": "é"}),
    ("CHAR(4)", {"abc": "abc ", "abcde": "abcd"}),
    ("BINARY(4)", {"ab": b"ab\0\0", "abcde": b"abcd"}),
    ("VARBINARY(2)", {"abc": b"ab"}),
]


@pytest.mark.parametrize(("target", "table"), FROM_STRING, ids=[row[0] for row in FROM_STRING])
def test_a_string_is_cast_as_flink_casts_it(target: str, table: dict[str, object]) -> None:
    texts = {"a": ("STRING", [*table, None])}
    found = evaluate(f"CAST(a AS {target})", texts)
    assert str(found.type) == target
    assert same(found.values, [*table.values(), None])
    for text, expected in table.items():
        alone = evaluate(f"CAST(a AS {target})", {"a": ("STRING", [text])})
        assert same(alone.values, [expected])
    tried = evaluate(f"TRY_CAST(a AS {target})", texts)
    assert same(tried.values, [None if value is FAILS else value for value in found.values])


TO_STRING = [
    ("INT", [1, -5, None], ["1", "-5", None]),
    ("TINYINT", [1], ["1"]),
    ("BOOLEAN", [True, False, None], ["TRUE", "FALSE", None]),
    (
        "DECIMAL(3, 2)",
        [D("1.50"), D("0"), D("0.05"), D("-0.05")],
        ["1.50", "0.00", "0.05", "-0.05"],
    ),
    ("DECIMAL(5, 0)", [D("5")], ["5"]),
    (
        "DOUBLE",
        [1.0, 1e10, 1e-5, 1e7, 12345678.0, 1e-3, 123456.789, -0.0, 1e100, -2.5e-7, nan, inf, -inf],
        [
            "1.0",
            "1.0E10",
            "1.0E-5",
            "1.0E7",
            "1.2345678E7",
            "0.001",
            "123456.789",
            "-0.0",
            "1.0E100",
            "-2.5E-7",
            "NaN",
            "Infinity",
            "-Infinity",
        ],
    ),
    ("FLOAT", [1.1, 1e10, 16777216.0, None], ["1.1", "1.0E10", "1.6777216E7", None]),
    ("DATE", [dt.date(2026, 1, 2), dt.date(26, 1, 2)], ["2026-01-02", "0026-01-02"]),
    ("TIME(0)", [dt.time(1, 2, 0)], ["01:02:00"]),
    ("TIME(3)", [dt.time(10, 0, 0), dt.time(1, 2, 3, 120_000)], ["10:00:00", "01:02:03.12"]),
    ("TIMESTAMP(0)", [at("2026-01-02 03:04:05")], ["2026-01-02 03:04:05"]),
    ("TIMESTAMP(3)", [at("2026-01-02 03:04:05")], ["2026-01-02 03:04:05.000"]),
    ("TIMESTAMP(2)", [at("2026-01-02 03:04:05.120000")], ["2026-01-02 03:04:05.12"]),
    ("TIMESTAMP(6)", [at("2026-01-02 03:04:05.120000")], ["2026-01-02 03:04:05.120000"]),
    ("TIMESTAMP(9)", [at("1969-01-02 03:04:05.000001")], ["1969-01-02 03:04:05.000001000"]),
    ("BYTES", [b"abc", b"\xff", None], ["abc", FAILS, None]),
    ("ARRAY<INT>", [[1, None], [], None], ["[1, NULL]", "[]", None]),
    ("ARRAY<STRING>", [["a", "b c"]], ["[a, b c]"]),
    ("ROW<n INT, s STRING>", [{"n": 1, "s": None}, None], ["(1, NULL)", None]),
    ("MAP<STRING, INT>", [[{"key": "k", "value": 1}, {"key": "j", "value": 2}]], ["{k=1, j=2}"]),
    ("ARRAY<ROW<n INT, b BOOLEAN>>", [[{"n": 1, "b": True}]], ["[(1, TRUE)]"]),
]


@pytest.mark.parametrize(("source", "values", "expected"), TO_STRING, ids=[r[0] for r in TO_STRING])
def test_a_value_is_written_as_flink_writes_it(
    source: str, values: list[object], expected: list[object]
) -> None:
    found = evaluate("CAST(a AS STRING)", {"a": (source, values)})
    assert found.values == expected


def test_an_instant_is_read_and_written_by_the_clock_of_the_session() -> None:
    texts = {
        "2026-01-02 03:04:05.123": at("2026-01-02 02:04:05.123000+00:00"),
        # The clock skips 02:30 in spring and shows it twice in autumn.
        "2026-03-29 02:30:00": at("2026-03-29 01:30:00+00:00"),
        "2026-10-25 02:30:00": at("2026-10-25 00:30:00+00:00"),
        "2026-01-02T03:04:05Z": FAILS,
    }
    found = evaluate("CAST(a AS TIMESTAMP_LTZ(3))", {"a": ("STRING", list(texts))}, "Europe/Berlin")
    assert found.values == list(texts.values())
    back = evaluate(
        "CAST(a AS STRING)",
        {"a": ("TIMESTAMP_LTZ(3)", [at("2026-07-02 01:00:00+00:00")])},
        "Europe/Berlin",
    )
    assert back.values == ["2026-07-02 03:00:00.000"]


def test_a_literal_that_cannot_be_cast_is_an_error_of_the_script() -> None:
    for text in ("CAST('x' AS INT)", "DATE '2026-02-30'", "TIMESTAMP 'soon'", "TIME '25:00:00'"):
        with pytest.raises(SqlError, match="is not a valid"):
            evaluate(text)
    assert evaluate("TRY_CAST('x' AS INT)").values == [None]
    assert evaluate("DATE '2026-01-02'").values == [dt.date(2026, 1, 2)]
