"""Rows, arrays, maps, literals, names, and the errors of a whole expression."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from tests.transforms.sql.evaluation import FAILS, at, evaluate, parsed, type_of
from transforms.sql.compile import coerce
from transforms.sql.errors import SqlError
from transforms.sql.expression import Expression, Session
from transforms.sql.types import polars_type

D = Decimal

LITERALS = [
    ("1", "INT", 1),
    ("-1", "INT", -1),
    ("2147483648", "BIGINT", 2147483648),
    ("-2147483648", "INT", -2147483648),
    ("99999999999999999999", "DECIMAL(20, 0)", D("99999999999999999999")),
    ("1.50", "DECIMAL(3, 2)", D("1.50")),
    (".5", "DECIMAL(1, 1)", D("0.5")),
    ("1e3", "DOUBLE", 1000.0),
    ("'abc'", "CHAR(3)", "abc"),
    ("'it''s \\n'", "CHAR(7)", "it's \\n"),
    ("''", "CHAR(0)", ""),
    ("x'00ff'", "BINARY(2)", b"\x00\xff"),
    ("TRUE", "BOOLEAN", True),
    ("NULL", "NULL", None),
    ("DATE '2026-01-02'", "DATE", dt.date(2026, 1, 2)),
    ("TIME '01:02:03'", "TIME(0)", dt.time(1, 2, 3)),
    ("TIME '01:02:03.5'", "TIME(1)", dt.time(1, 2, 3, 500_000)),
    ("TIMESTAMP '2026-01-02 03:04:05.123'", "TIMESTAMP(3)", at("2026-01-02 03:04:05.123")),
    ("TIMESTAMP '2026-01-02 03:04:05'", "TIMESTAMP(0)", at("2026-01-02 03:04:05")),
    ("CAST('2026-01-02 03:04:05' AS TIMESTAMP)", "TIMESTAMP(6)", at("2026-01-02 03:04:05")),
    ("CAST(TIMESTAMP '2026-01-02 03:04:05' AS STRING)", "STRING", "2026-01-02 03:04:05"),
    ("INTERVAL '1' DAY", "INTERVAL", dt.timedelta(days=1)),
    ("INTERVAL '1-2' YEAR TO MONTH", "INTERVAL MONTH", 14),
    ("'a' || 'b' || NULL", "STRING", None),
    ("'a' || 'b'", "STRING", "ab"),
    ("x'01' || x'02'", "BYTES", b"\x01\x02"),
    ("ARRAY[1] || ARRAY[2]", "ARRAY<INT>", [1, 2]),
    ("CAST(1 AS STRING) || 'x'", "STRING", "1x"),
]


@pytest.mark.parametrize(("text", "kind", "value"), LITERALS)
def test_a_literal_has_the_type_that_flink_gives_it(text: str, kind: str, value: object) -> None:
    found = evaluate(text)
    assert str(found.type) == kind
    assert found.values == [value]
    columns = {"unused": ("INT", [1, 2, 3])}
    assert evaluate(text, columns).values == [value] * 3
    assert evaluate(text, {"unused": ("INT", [])}).values == []


COLLECTIONS = [
    ("ROW(a, 'x')", [{"EXPR$0": 1, "EXPR$1": "x"}, {"EXPR$0": None, "EXPR$1": "x"}]),
    ("(a, 'x')", [{"EXPR$0": 1, "EXPR$1": "x"}, {"EXPR$0": None, "EXPR$1": "x"}]),
    ("ARRAY[a, 2.5]", [[D("1.0"), D("2.5")], [None, D("2.5")]]),
    ("ARRAY[ARRAY[a], ARRAY[2, 3]]", [[[1], [2, 3]], [[None], [2, 3]]]),
    ("ARRAY[ROW(a)]", [[{"EXPR$0": 1}], [{"EXPR$0": None}]]),
    ("MAP['k', a]", [[{"key": "k", "value": 1}], [{"key": "k", "value": None}]]),
    ("MAP['k', 1, 'k', a]", [[{"key": "k", "value": 1}], [{"key": "k", "value": None}]]),
    ("MAP['k', a, 'j', 2]['j']", [2, 2]),
    ("MAP['k', a]['k']", [1, None]),
    ("MAP['k', a]['z']", [None, None]),
    ("l[1]", [7, None]),
    ("l[2]", [8, None]),
    ("l[3]", [None, None]),
    ("l[a]", [7, None]),
    ("l[a - 1]", [FAILS, None]),
    ("m[5]", [6, None]),
    ("m[a]", [None, None]),
    ("r.x", [1, None]),
    ("r.y.z", ["deep", None]),
    ("(r).y.z", ["deep", None]),
    ("n[1].x", [3, None]),
    ("CAST(r AS ROW<p BIGINT, q ROW<s STRING>>).q.s", ["deep", None]),
]


@pytest.mark.parametrize(("text", "expected"), COLLECTIONS)
def test_collections_are_made_and_read(text: str, expected: list[object]) -> None:
    columns = {
        "a": ("INT", [1, None]),
        "l": ("ARRAY<INT>", [[7, 8], None]),
        "m": ("MAP<INT, INT>", [[{"key": 5, "value": 6}], None]),
        "r": ("ROW<x INT, y ROW<z STRING>>", [{"x": 1, "y": {"z": "deep"}}, None]),
        "n": ("ARRAY<ROW<x INT>>", [[{"x": 3}], []]),
    }
    assert evaluate(text, columns).values == expected


WRONG = [
    ("a[1]", "INT has no elements"),
    ("l[0]", "counts from 1"),
    ("l['x']", "index is an INT"),
    ("m['x']", "do not compare"),
    ("ARRAY[]", "has no type"),
    ("ROW()", "at least one field"),
    ("MAP['a']", "pairs"),
    ("CAST(r AS ROW<p INT>).q", "no field 'q'"),
    ("(SELECT 1)", "not supported"),
    ("a IN (SELECT 1)", "JOIN"),
    ("nosuch(a)", "unknown function nosuch"),
    ("coalese(a)", "did you mean 'COALESCE'"),
    ("nosuch", "no column"),
    ("CAST(a AS TIMESTAMP WITH TIME ZONE)", "is not supported; use one of"),
    ("CAST(a AS DECIMAL(39, 2))", "1 to 38 digits"),
    ("CAST(a AS DECIMAL(3, 4))", "scale is at most"),
    ("a || 'x'", "write CAST"),
    ("12345678901234567890123456789012345678901", "DECIMAL holds 38"),
    ("x'0'", "two hexadecimal digits"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_what_has_no_meaning_is_an_error_with_its_place(text: str, message: str) -> None:
    columns = {
        "a": ("INT", [1]),
        "l": ("ARRAY<INT>", [[1]]),
        "m": ("MAP<INT, INT>", [[]]),
        "r": ("ROW<x INT>", [{"x": 1}]),
    }
    with pytest.raises(SqlError, match=message) as caught:
        evaluate(text, columns)
    assert caught.value.span is not None or text in ("ROW()", "ARRAY[]")


def coerced(source: str, target: str, values: list[object]) -> list[object]:
    """`values` of `source` as they go into a column of `target`."""
    column = Expression(pl.col("a"), type_of(source))
    place = parsed("a").copy()
    result = coerce(column, type_of(target), place, Session("Europe/Berlin"))
    frame = pl.DataFrame({"a": pl.Series(values, dtype=polars_type(column.type))})
    series = frame.select(result.value).to_series()
    assert result.type == type_of(target)
    assert series.dtype == polars_type(result.type)
    return series.to_list()


def test_a_row_goes_into_a_row_by_position() -> None:
    source = "ROW<a CHAR(3), b BIGINT, c TIMESTAMP(9)>"
    target = "ROW<event_name STRING, id DECIMAL(20, 1), created_at TIMESTAMP(3)>"
    rows: list[object] = [{"a": "cdc", "b": 1, "c": at("2026-01-01 00:00:00.123456")}, None]
    assert coerced(source, target, rows) == [
        {"event_name": "cdc", "id": D("1.0"), "created_at": at("2026-01-01 00:00:00.123")},
        None,
    ]


def test_lengths_of_strings_are_not_enforced_in_a_sink() -> None:
    assert coerced("STRING", "VARCHAR(2)", ["abc"]) == ["abc"]
    assert coerced("CHAR(3)", "CHAR(5)", ["abc"]) == ["abc"]
    assert coerced("BYTES", "VARBINARY(1)", [b"ab"]) == [b"ab"]
    assert coerced("ARRAY<STRING>", "ARRAY<VARCHAR(2)>", [["abc"]]) == [["abc"]]


def test_timestamps_go_into_instants_by_the_clock_of_the_session() -> None:
    instants = coerced("TIMESTAMP(3)", "TIMESTAMP_LTZ(3)", [at("2026-07-01 02:00:00")])
    assert instants == [at("2026-07-01 00:00:00+00:00")]
    assert coerced("TIMESTAMP_LTZ(3)", "TIMESTAMP(3)", instants) == [at("2026-07-01 02:00:00")]


def test_a_sink_of_another_type_is_an_error_that_writes_the_cast() -> None:
    with pytest.raises(SqlError, match=r"STRING .* INT by itself; write CAST\(a AS INT\)"):
        coerced("STRING", "INT", [])
    with pytest.raises(SqlError, match=r"INT does not go into DATE by itself$"):
        coerced("INT", "DATE", [])
