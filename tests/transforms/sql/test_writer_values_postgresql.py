"""Every column type of PostgreSQL as Debezium writes it, declared as each type that fits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.transforms.sql import database_texts as texts
from tests.transforms.sql.database_texts import Reader
from tests.transforms.sql.recorded_columns import REFUSED, printed, replayed

MODES = ("adaptive", "adaptive_time_microseconds", "connect")
COLUMNS: list[tuple[str, str, Reader]] = [
    ("c_smallint", "SMALLINT", int),
    ("c_smallint", "INT", int),
    ("c_smallint", "BIGINT", int),
    ("c_smallint", "DECIMAL(10, 0)", texts.same),
    ("c_integer", "INT", int),
    ("c_integer", "BIGINT", int),
    ("c_integer", "DOUBLE", float),
    ("c_bigint", "BIGINT", int),
    ("c_bigint", "DECIMAL(19, 0)", texts.same),
    ("c_oid", "BIGINT", int),
    ("c_real", "FLOAT", texts.floating),
    ("c_double", "DOUBLE", texts.floating),
    ("c_numeric_10_2", "DECIMAL(10, 2)", texts.same),
    ("c_numeric_10_2", "STRING", texts.same),
    ("c_numeric_38_10", "DECIMAL(38, 10)", texts.same),
    ("c_numeric_38_10", "STRING", texts.same),
    ("c_numeric_60_5", "STRING", texts.same),
    ("c_numeric_5_0", "DECIMAL(5, 0)", texts.same),
    ("c_numeric_5_0", "DECIMAL(6, 1)", lambda text: f"{text}.0"),
    ("c_numeric", "STRING", texts.variable_scale),
    ("c_money", "STRING", texts.money),
    ("c_date", "DATE", texts.same),
    ("c_date", "INT", texts.days),
    ("c_timetz", "STRING", texts.time_in_utc),
    ("c_timestamptz", "TIMESTAMP_LTZ(6)", texts.instant),
    ("c_timestamptz", "STRING", texts.iso_instant(6)),
    ("c_timestamptz3", "TIMESTAMP_LTZ(3)", texts.instant),
    ("c_timestamptz3", "TIMESTAMP_LTZ(6)", texts.instant),
    ("c_interval", "BIGINT", texts.interval),
    ("c_boolean", "BOOLEAN", texts.truth),
    ("c_char", "CHAR(10)", texts.same),
    ("c_varchar", "VARCHAR(100)", texts.same),
    ("c_text", "STRING", texts.same),
    ("c_text", "BYTES", texts.utf8),
    ("c_citext", "STRING", texts.same),
    ("c_bytea", "BYTES", texts.hexadecimal),
    ("c_uuid", "STRING", texts.same),
    ("c_json", "STRING", texts.same),
    ("c_jsonb", "STRING", texts.same),
    ("c_xml", "STRING", texts.same),
    ("c_inet", "STRING", texts.same),
    ("c_cidr", "STRING", texts.same),
    ("c_macaddr", "STRING", texts.same),
    ("c_macaddr8", "STRING", texts.same),
    ("c_int_array", "ARRAY<INT>", texts.array_of(int)),
    ("c_int_array", "ARRAY<BIGINT>", texts.array_of(int)),
    ("c_bigint_array", "ARRAY<BIGINT>", texts.array_of(int)),
    ("c_text_array", "ARRAY<STRING>", texts.array_of(texts.same)),
    ("c_numeric_array", "ARRAY<DECIMAL(10, 2)>", texts.array_of(texts.same)),
    ("c_numeric_array", "ARRAY<STRING>", texts.array_of(texts.same)),
    ("c_date_array", "ARRAY<DATE>", texts.array_of(texts.same)),
    ("c_uuid_array", "ARRAY<STRING>", texts.array_of(texts.same)),
    ("c_boolean_array", "ARRAY<BOOLEAN>", texts.array_of(texts.truth)),
    ("c_ltree", "STRING", texts.same),
    ("c_mood", "STRING", texts.same),
    ("c_bit1", "BOOLEAN", texts.truth),
    ("c_bit8", "BYTES", texts.bits),
    ("c_point", "ROW<x DOUBLE, y DOUBLE>", texts.point),
    ("c_int4range", "STRING", texts.same),
    ("c_int8range", "STRING", texts.same),
    ("c_numrange", "STRING", texts.same),
    ("c_tsrange", "STRING", texts.same),
    ("c_tstzrange", "STRING", texts.same),
    ("c_daterange", "STRING", texts.same),
    ("c_tsvector", "STRING", texts.same),
]
FINE: list[tuple[str, str, Reader]] = [
    ("c_time0", "TIME(0)", texts.clock),
    ("c_time3", "TIME(3)", texts.clock),
    ("c_time6", "TIME(6)", texts.clock),
    ("c_time6", "TIME(3)", texts.clock_in(3)),
    ("c_time6", "TIME(0)", texts.clock_in(0)),
    ("c_time6", "BIGINT", texts.ticks(1_000_000)),
    ("c_timestamp0", "TIMESTAMP(0)", texts.clock),
    ("c_timestamp3", "TIMESTAMP(3)", texts.clock),
    ("c_timestamp3", "BIGINT", texts.ticks(1_000)),
    ("c_timestamp6", "TIMESTAMP(6)", texts.clock),
    ("c_timestamp6", "TIMESTAMP(3)", texts.clock_in(3)),
    ("c_timestamp6", "TIMESTAMP(0)", texts.clock_in(0)),
    ("c_timestamp6", "BIGINT", texts.ticks(1_000_000)),
    ("c_timestamp_array", "ARRAY<TIMESTAMP(6)>", texts.array_of(texts.clock)),
]
IN_MILLISECONDS: list[tuple[str, str, Reader]] = [
    ("c_time0", "TIME(0)", texts.clock),
    ("c_time3", "TIME(3)", texts.clock),
    ("c_time6", "TIME(6)", texts.clock_in(3)),
    ("c_time6", "INT", texts.ticks(1_000)),
    ("c_timestamp0", "TIMESTAMP(0)", texts.clock),
    ("c_timestamp3", "TIMESTAMP(3)", texts.clock),
    ("c_timestamp6", "TIMESTAMP(6)", texts.clock_in(3)),
    ("c_timestamp6", "TIMESTAMP_LTZ(3)", lambda text: texts.clock_in(3)(text) + "Z"),
    ("c_timestamp6", "BIGINT", texts.ticks(1_000)),
    ("c_timestamp_array", "ARRAY<TIMESTAMP(3)>", texts.array_of(texts.clock_in(3))),
]
"""With time.precision.mode=connect."""
MICROSECONDS_ALWAYS: list[tuple[str, str, Reader]] = [
    ("c_time0", "BIGINT", texts.ticks(1_000_000)),
    ("c_time3", "BIGINT", texts.ticks(1_000_000)),
]
BY_WIDTH: list[tuple[str, str, Reader]] = [
    ("c_time0", "INT", texts.ticks(1_000)),
    ("c_time3", "BIGINT", texts.ticks(1_000)),
]
BY_MODE = {
    "adaptive": [*COLUMNS, *FINE, *BY_WIDTH],
    "adaptive_time_microseconds": [*COLUMNS, *FINE, *MICROSECONDS_ALWAYS],
    "connect": [*COLUMNS, *IN_MILLISECONDS],
}


@pytest.mark.parametrize(
    ("mode", "column", "declared", "reader"),
    [(mode, *one) for mode, columns in BY_MODE.items() for one in columns],
)
def test_a_column_reads_as_the_database_prints_it(
    mode: str, column: str, declared: str, reader: Reader
) -> None:
    recording = f"pg_types_{mode}"
    found = replayed(recording, column, declared)
    expected = printed(recording, column, reader)
    assert {key: found.values[key] for key in expected} == expected


@pytest.mark.parametrize("mode", MODES)
def test_an_hstore_is_a_json_text(mode: str) -> None:
    found = replayed(f"pg_types_{mode}", "c_hstore", "STRING").values
    expected = printed(f"pg_types_{mode}", "c_hstore", texts.hstore)
    assert {key: _document(found[key]) for key in expected} == expected


@pytest.mark.parametrize("mode", MODES)
def test_a_varbit_is_little_endian_bytes(mode: str) -> None:
    found = replayed(f"pg_types_{mode}", "c_varbit", "BYTES").values
    expected = printed(f"pg_types_{mode}", "c_varbit", lambda text: texts.bits(text or "0"))
    assert {key: found[key] for key in expected} == expected


def _document(text: str | None) -> Any:
    return None if text is None else texts.document(text)


EDGES: list[tuple[str, str, dict[int, Any]]] = [
    ("c_date", "DATE", dict.fromkeys((51, 52, 71, 72), REFUSED)),
    ("c_date", "DATE", {58: "+12000-01-01", 78: "+12000-01-01", 80: "-0043-03-15"}),
    ("c_date", "INT", {51: -622191234, 71: -2147472692}),
    ("c_timestamptz", "TIMESTAMP_LTZ(6)", {54: REFUSED, 58: "+12000-01-01 00:00:00Z"}),
    ("c_timestamptz", "TIMESTAMP_LTZ(6)", {79: "0001-01-01 00:00:00.000001Z", 74: REFUSED}),
    ("c_timestamptz", "TIMESTAMP_LTZ(6)", {80: "-0043-03-15 12:00:00Z"}),
    ("c_timestamptz", "TIMESTAMP_LTZ(9)", {1: "2026-03-15 11:14:15.678901Z", 58: REFUSED}),
    ("c_timestamptz", "TIMESTAMP_LTZ(8)", {2: REFUSED, 3: REFUSED, 54: REFUSED}),
    ("c_timestamptz", "STRING", {54: "infinity", 74: "infinity"}),
    ("c_timestamptz3", "TIMESTAMP_LTZ(3)", {54: REFUSED, 74: REFUSED}),
    ("c_timestamptz3", "STRING", {54: "-infinity", 74: "-infinity"}),
    ("c_timestamp0", "TIMESTAMP(0)", {53: REFUSED, 73: REFUSED, 79: "0001-01-01 00:00:00"}),
    ("c_timestamp0", "TIMESTAMP(9)", {1: "2026-03-15 13:14:15", 2: REFUSED, 53: REFUSED}),
    ("c_timestamp3", "TIMESTAMP(3)", {53: REFUSED, 73: REFUSED, 79: "0001-01-01 00:00:00.001"}),
    ("c_timestamp6", "TIMESTAMP(6)", {53: REFUSED, 73: REFUSED, 78: "+12000-01-01 00:00:00"}),
    ("c_timestamp6", "TIMESTAMP(6)", {80: "-0043-03-15 12:00:00"}),
    ("c_timestamp0", "BIGINT", {53: 9223372036825200, 73: 9223372036825200}),
    ("c_time0", "TIME(0)", {65: REFUSED, 85: REFUSED}),
    ("c_time3", "TIME(3)", {65: REFUSED, 85: REFUSED}),
    ("c_time6", "TIME(6)", {65: REFUSED, 85: REFUSED}),
    ("c_timetz", "STRING", {65: "00:00:00Z", 85: "00:00:00Z"}),
    ("c_numeric", "STRING", {55: None, 57: None, 75: None, 77: None}),
    (
        "c_numeric",
        "DECIMAL(38, 10)",
        {1: "123.4500000000", 2: REFUSED, 3: REFUSED, 5: "0.0000000000"},
    ),
    ("c_numeric", "DECIMAL(38, 10)", {7: "100000000000000000000.0000000000", 57: None}),
    ("c_numeric", "DECIMAL(5, 1)", {1: REFUSED, 5: "0.0", 6: "-1000.0", 7: REFUSED}),
    ("c_numeric_10_2", "DECIMAL(10, 2)", {56: None, 76: None}),
    ("c_interval", "BIGINT", {61: 2**63 - 1, 62: 31589206200000000}),
    ("c_money", "STRING", {63: "92233720368547760.00", 83: "92233720368547758.07"}),
    ("c_money", "STRING", {84: "-92233720368547758.08"}),
    ("c_real", "FLOAT", {8: "Infinity", 9: "-Infinity", 7: "NaN"}),
    ("c_double", "DOUBLE", {8: "-Infinity", 9: "Infinity", 7: "NaN"}),
    ("c_smallint", "TINYINT", {1: REFUSED, 2: REFUSED, 5: 0, 6: -1}),
    ("c_bytea", "STRING", {1: REFUSED, 2: REFUSED, 3: "", 5: "\0"}),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("column", "declared", "rows"), EDGES)
def test_what_no_type_holds_is_a_dead_letter_and_never_another_value(
    mode: str, column: str, declared: str, rows: dict[int, Any]
) -> None:
    found = replayed(f"pg_types_{mode}", column, declared).values
    assert {key: found[key] for key in rows} == rows


@pytest.mark.parametrize(
    ("column", "declared", "parts"),
    [
        ("c_date", "DATE", ["t.c_date", "infinity", "INT", "-622191234"]),
        ("c_timestamp6", "TIMESTAMP(6)", ["t.c_timestamp6", "infinity", "BIGINT"]),
        ("c_timestamptz", "TIMESTAMP_LTZ(6)", ["t.c_timestamptz", "STRING", "'infinity'"]),
        ("c_time6", "TIME(6)", ["t.c_time6", "a time of day", "BIGINT", "86400000000"]),
        ("c_time0", "TIME(0)", ["t.c_time0", "a time of day", "INT", "86400000"]),
        ("c_bytea", "STRING", ["t.c_bytea", "UTF-8", "BYTES", "xde"]),
        ("c_smallint", "TINYINT", ["t.c_smallint", "-128", "127", "1234"]),
        ("c_numeric", "DECIMAL(5, 1)", ["t.c_numeric", "4 digits before", "'123.45'"]),
    ],
)
def test_a_refused_value_is_told_with_its_column_and_what_to_declare(
    column: str, declared: str, parts: list[str]
) -> None:
    message = replayed("pg_types_adaptive", column, declared).messages[0]
    for part in parts:
        assert part in message
