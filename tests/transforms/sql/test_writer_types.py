"""Declarations that no value of the topic fits."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.transforms.sql.job_runs import Ran, recorded, run, script


def declared(recording: str, column: str, sql_type: str) -> Ran:
    text = script(f"{column} {sql_type}", f"v {sql_type}", column)
    return run(text, recorded(recording, ".all_types"))


MISMATCHES = [
    ("pg_types_adaptive", "c_smallint", "BOOLEAN", "int32", "INT"),
    ("pg_types_adaptive", "c_smallint", "STRING", "int32", "INT"),
    ("pg_types_adaptive", "c_smallint", "DECIMAL(9, 0)", "int32", "INT"),
    ("pg_types_adaptive", "c_bigint", "INT", "int64", "BIGINT"),
    ("pg_types_adaptive", "c_bigint", "DECIMAL(19, 1)", "int64", "BIGINT"),
    ("pg_types_adaptive", "c_bigint", "TIMESTAMP(3)", "int64", "BIGINT"),
    ("pg_types_adaptive", "c_real", "DECIMAL(38, 10)", "float", "FLOAT"),
    ("pg_types_adaptive", "c_double", "FLOAT", "double", "DOUBLE"),
    ("pg_types_adaptive", "c_numeric_10_2", "DECIMAL(10, 1)", "decimal128", "DECIMAL(10, 2)"),
    ("pg_types_adaptive", "c_numeric_10_2", "DECIMAL(10, 3)", "decimal128", "DECIMAL(10, 2)"),
    ("pg_types_adaptive", "c_numeric_10_2", "DOUBLE", "Decimal", "DECIMAL(10, 2)"),
    ("pg_types_adaptive", "c_numeric_60_5", "DECIMAL(38, 5)", "decimal256(60, 5)", "STRING"),
    ("pg_types_adaptive", "c_numeric", "DOUBLE", "VariableScaleDecimal", "STRING, or a DECIMAL"),
    ("pg_types_adaptive", "c_date", "TIMESTAMP(3)", "int32 (Date)", "DATE or INT"),
    ("pg_types_connect", "c_date", "STRING", "date32", "DATE or INT"),
    ("pg_types_adaptive", "c_time0", "TIMESTAMP(0)", "int32 (Time)", "TIME(3) or INT"),
    ("pg_types_adaptive", "c_time6", "INT", "int64 (MicroTime)", "TIME(6) or BIGINT"),
    ("pg_types_adaptive", "c_timetz", "TIME(6)", "string (ZonedTime)", "STRING"),
    ("pg_types_adaptive", "c_timestamp3", "TIMESTAMP_LTZ(3)", "Timestamp", "TIMESTAMP(3)"),
    ("pg_types_adaptive", "c_timestamp6", "DATE", "MicroTimestamp", "TIMESTAMP(6) or BIGINT"),
    ("pg_types_connect", "c_timestamp6", "STRING", "timestamp[ms", "TIMESTAMP(3) or BIGINT"),
    ("pg_types_adaptive", "c_timestamptz", "TIMESTAMP(6)", "Zoned", "TIMESTAMP_LTZ(6) or STRING"),
    ("pg_types_adaptive", "c_boolean", "INT", "bool", "BOOLEAN"),
    ("pg_types_adaptive", "c_text", "INT", "string", "STRING"),
    ("pg_types_adaptive", "c_bytea", "BIGINT", "binary", "BYTES"),
    ("pg_types_adaptive", "c_int_array", "STRING", "list", "ARRAY<...>"),
    ("pg_types_adaptive", "c_int_array", "ARRAY<STRING>", "int32", "INT"),
    ("pg_types_adaptive", "c_point", "STRING", "struct", "ROW<...>"),
    ("pg_types_adaptive", "c_point", "ROW<x STRING>", "double", "DOUBLE"),
    ("mysql_types_connect", "c_time0", "STRING", "time32[ms]", "TIME(3) or INT"),
    ("mysql_types_adaptive", "c_bigint_u", "BIGINT", "decimal128(20, 0)", "DECIMAL(20, 0)"),
    ("mysql_types_adaptive", "c_boolean", "BOOLEAN", "int32", "INT"),
]


@pytest.mark.parametrize(("recording", "column", "sql_type", "found", "advice"), MISMATCHES)
def test_a_type_that_does_not_fit_is_a_dead_letter_that_says_what_to_declare(
    recording: str, column: str, sql_type: str, found: str, advice: str
) -> None:
    ran = declared(recording, column, sql_type)
    ran.check_sums()
    assert ran.only() == []
    assert Counter(refusal.error_class for refusal in ran.refusals) == {
        "SchemaMismatch": ran.only_counts().records - ran.only_counts().tombstones
    }
    (message,) = {refusal.message for refusal in ran.refusals}
    # A mismatch inside an ARRAY or ROW is about the type inside.
    inner = sql_type.removeprefix("ARRAY<").removeprefix("ROW<x ").removesuffix(">")
    for part in (column, f"is declared {inner}", found, f"declare it {advice}"):
        assert part in message


@pytest.mark.parametrize(
    ("column", "sql_type", "path"),
    [("c_int_array", "ARRAY<STRING>", "c_int_array[]"), ("c_point", "ROW<x INT>", "c_point.x")],
)
def test_a_mismatch_inside_a_column_is_told_with_its_path(
    column: str, sql_type: str, path: str
) -> None:
    assert (
        f"{path!r} is declared"
        in declared("pg_types_adaptive", column, sql_type).refusals[0].message
    )


def test_a_row_of_which_the_topic_has_no_field_is_a_mismatch() -> None:
    (message,) = {
        refusal.message
        for refusal in declared("pg_types_adaptive", "c_point", "ROW<lat DOUBLE>").refusals
    }
    assert "c_point" in message
    assert "none of its fields" in message
