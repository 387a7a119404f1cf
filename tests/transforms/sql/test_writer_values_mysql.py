"""Every column type of MySQL as Debezium writes it, declared as each type that fits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.transforms.sql import database_texts as texts
from tests.transforms.sql.database_texts import Reader
from tests.transforms.sql.recorded_columns import EDGES, REFUSED, printed, replayed

MODES = ("adaptive", "connect")
COLUMNS: list[tuple[str, str, Reader]] = [
    ("c_tinyint", "TINYINT", int),
    ("c_tinyint", "INT", int),
    ("c_tinyint_u", "SMALLINT", int),
    ("c_smallint", "SMALLINT", int),
    ("c_smallint_u", "INT", int),
    ("c_mediumint", "INT", int),
    ("c_mediumint_u", "INT", int),
    ("c_int", "INT", int),
    ("c_int_u", "BIGINT", int),
    ("c_bigint", "BIGINT", int),
    ("c_bit1", "BOOLEAN", texts.truth),
    ("c_bit12", "BYTES", texts.bits_in(2)),
    ("c_bit64", "VARBINARY(8)", texts.bits_in(8)),
    ("c_boolean", "TINYINT", int),
    ("c_float", "DOUBLE", float),
    ("c_double", "DOUBLE", float),
    ("c_decimal_10_2", "DECIMAL(10, 2)", texts.same),
    ("c_decimal_10_2", "DECIMAL(14, 4)", lambda text: f"{text}00"),
    ("c_decimal_38_10", "DECIMAL(38, 10)", texts.same),
    ("c_decimal_38_10", "STRING", texts.same),
    ("c_decimal_60_5", "STRING", texts.same),
    ("c_decimal_20_0", "DECIMAL(20, 0)", texts.same),
    ("c_decimal_20_0", "STRING", texts.same),
    ("c_decimal_10_2_u", "DECIMAL(10, 2)", texts.same),
    ("c_date", "DATE", texts.same),
    ("c_date", "INT", texts.days),
    ("c_datetime0", "TIMESTAMP(0)", texts.clock),
    ("c_datetime3", "TIMESTAMP(3)", texts.clock),
    ("c_timestamp0", "TIMESTAMP_LTZ(0)", texts.instant),
    ("c_timestamp0", "STRING", texts.iso_instant(None)),
    ("c_timestamp3", "TIMESTAMP_LTZ(3)", texts.instant),
    ("c_timestamp6", "TIMESTAMP_LTZ(6)", texts.instant),
    ("c_timestamp6", "TIMESTAMP_LTZ(9)", texts.instant),
    ("c_timestamp6", "TIMESTAMP_LTZ(3)", lambda text: texts.clock_in(3)(text) + "Z"),
    ("c_year", "INT", int),
    ("c_year", "SMALLINT", int),
    ("c_char", "CHAR(10)", texts.same),
    ("c_varchar", "VARCHAR(100)", texts.same),
    ("c_tinytext", "STRING", texts.same),
    ("c_text", "STRING", texts.same),
    ("c_mediumtext", "STRING", texts.same),
    ("c_longtext", "STRING", texts.same),
    ("c_longtext", "BYTES", texts.utf8),
    ("c_binary", "BINARY(4)", texts.hexadecimal),
    ("c_varbinary", "VARBINARY(100)", texts.hexadecimal),
    ("c_tinyblob", "BYTES", texts.hexadecimal),
    ("c_blob", "BYTES", texts.hexadecimal),
    ("c_mediumblob", "BYTES", texts.hexadecimal),
    ("c_longblob", "BYTES", texts.hexadecimal),
    ("c_enum", "STRING", texts.same),
    ("c_set", "STRING", texts.same),
    ("c_point", "ROW<x DOUBLE, y DOUBLE>", texts.point),
    ("c_geometry", "ROW<srid INT>", texts.reference_system),
    ("c_linestring", "ROW<srid BIGINT>", texts.reference_system),
    ("c_polygon", "ROW<srid INT>", texts.reference_system),
]
BY_MODE: dict[str, list[tuple[str, str, Reader]]] = {
    "adaptive": [
        *COLUMNS,
        ("c_bigint_u", "DECIMAL(20, 0)", texts.same),
        ("c_bigint_u", "STRING", texts.same),
        ("c_time0", "TIME(0)", texts.clock),
        ("c_time3", "TIME(3)", texts.clock),
        ("c_time6", "TIME(6)", texts.clock),
        ("c_time6", "BIGINT", texts.ticks(1_000_000)),
        ("c_datetime3", "BIGINT", texts.ticks(1_000)),
        ("c_datetime6", "TIMESTAMP(6)", texts.clock),
        ("c_datetime6", "BIGINT", texts.ticks(1_000_000)),
    ],
    "connect": [
        *COLUMNS,
        ("c_time0", "TIME(0)", texts.clock),
        ("c_time3", "TIME(3)", texts.clock),
        ("c_time6", "TIME(3)", texts.clock_in(3)),
        ("c_time6", "INT", texts.ticks(1_000)),
        ("c_time6", "BIGINT", texts.ticks(1_000)),
        ("c_date", "BIGINT", texts.days),
        ("c_datetime6", "TIMESTAMP(6)", texts.clock_in(3)),
        ("c_datetime6", "BIGINT", texts.ticks(1_000)),
    ],
}


@pytest.mark.parametrize(
    ("mode", "column", "declared", "reader"),
    [(mode, *one) for mode, columns in BY_MODE.items() for one in columns],
)
def test_a_column_reads_as_the_database_prints_it(
    mode: str, column: str, declared: str, reader: Reader
) -> None:
    found = replayed(f"mysql_types_{mode}", column, declared)
    expected = printed(f"mysql_types_{mode}", column, reader)
    assert {key: found.values[key] for key in expected} == expected


@pytest.mark.parametrize("mode", MODES)
def test_json_is_a_text_of_the_same_document(mode: str) -> None:
    found = replayed(f"mysql_types_{mode}", "c_json", "STRING").values
    expected = printed(f"mysql_types_{mode}", "c_json", texts.document)
    documents = {key: found[key] and texts.document(found[key]) for key in expected}
    assert documents == expected


def test_an_unsigned_bigint_above_the_signed_ones_needs_the_precise_mode() -> None:
    # The connector itself wrote -1: 'bigint.unsigned.handling.mode' was at its default.
    assert replayed("mysql_types_connect", "c_bigint_u", "BIGINT").values[55] == -1
    exact = replayed("mysql_types_adaptive", "c_bigint_u", "DECIMAL(20, 0)").values
    assert (exact[55], exact[75]) == ("18446744073709551615",) * 2


def microseconds(text: str) -> int:
    """A TIME of any size as a number."""
    hours, minutes, seconds = text.removeprefix("-").split(":")
    number = (int(hours) * 60 + int(minutes)) * 60_000_000 + round(float(seconds) * 1_000_000)
    return -number if text.startswith("-") else number


@pytest.mark.parametrize("column", ["c_time0", "c_time3", "c_time6"])
def test_a_time_below_0_or_of_a_day_and_more_is_exact_as_a_number(column: str) -> None:
    found = replayed("mysql_types_adaptive", column, "BIGINT")
    expected = printed("mysql_types_adaptive", column, microseconds, edges=True)
    assert sum(value is not None for key, value in expected.items() if key in EDGES) == 8
    assert found.values == expected
    assert found.messages == []


@pytest.mark.parametrize("column", ["c_time0", "c_time3", "c_time6"])
def test_a_time_below_0_or_of_a_day_and_more_is_no_time_of_day(column: str) -> None:
    found = replayed("mysql_types_adaptive", column, "TIME(6)").values
    refused = {key for key, value in found.items() if value == REFUSED}
    assert refused == {51, 52, 53, 54, 71, 72, 73, 74}


def test_24_hours_in_milliseconds_are_no_time_of_day() -> None:
    found = replayed("mysql_types_connect", "c_time0", "TIME(0)")
    assert {key for key, value in found.values.items() if value == REFUSED} == {53, 73}
    assert "declare the column INT" in found.messages[0]
    assert replayed("mysql_types_connect", "c_time0", "INT").values[53] == 86_400_000


WRITTEN_AS_SOMETHING_ELSE: list[tuple[str, str, dict[int, Any]]] = [
    ("c_date", "DATE", {59: None, 60: None, 79: None, 80: None}),
    ("c_datetime6", "TIMESTAMP(6)", {59: None, 60: None, 79: None, 80: None}),
    ("c_timestamp6", "TIMESTAMP_LTZ(6)", {59: None, 79: "1970-01-01 00:00:00Z"}),
    ("c_year", "INT", {59: 2000, 79: 1900}),
    ("c_enum", "STRING", {58: "x,y", 78: "x\\,y"}),
    ("c_float", "DOUBLE", {56: 123457.0, 76: 123456.7890625}),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("column", "declared", "rows"), WRITTEN_AS_SOMETHING_ELSE)
def test_what_debezium_changed_comes_as_debezium_wrote_it(
    mode: str, column: str, declared: str, rows: dict[int, Any]
) -> None:
    found = replayed(f"mysql_types_{mode}", column, declared).values
    assert {key: found[key] for key in rows} == rows
