"""What is asked of a change stream before it is read; on the emulator what Spanner tells of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Value

from pipeline_io.spanner_answer import Answer
from pipeline_io.spanner_config import SpannerConfig
from pipeline_io.spanner_session import SpannerSession
from pipeline_io.spanner_stream_description import (
    ChangeStream,
    ChangeStreamError,
    WatchedColumn,
    WatchedTable,
    describe_stream,
)
from tests.stack.spanner_databases import SpannerDatabase

DATABASE = SpannerConfig("p", "i", "d")
TABLES = (
    "CREATE TABLE A (Id INT64 NOT NULL, S STRING(10), G INT64 AS (Id * 2) STORED) PRIMARY KEY (Id)",
    "CREATE TABLE B (X INT64, K2 INT64, K1 INT64, Y INT64) PRIMARY KEY (K1, K2)",
    "CREATE TABLE C (Id INT64) PRIMARY KEY (Id)",
)
WHOLE = "OPTIONS (value_capture_type = 'NEW_ROW')"


def described(database: SpannerDatabase, name: str) -> ChangeStream:
    config = SpannerConfig.of(database.url)
    session = SpannerSession(config)
    try:
        return describe_stream(session.read, config, name)
    finally:
        session.close()


def column(name: str, kind: str = "INT64") -> WatchedColumn:
    return WatchedColumn(name, kind)


def test_a_stream_of_chosen_columns_says_which_ones_changes_lack(
    spanner_database: SpannerDatabase,
) -> None:
    spanner_database.ddl(*TABLES, f"CREATE CHANGE STREAM S FOR A, B(X) {WHOLE}")
    stream = described(spanner_database, "S")
    assert stream.tables == (
        WatchedTable("A", ("Id",), (column("Id"), column("S", "STRING(10)")), ("G",)),
        WatchedTable("B", ("K1", "K2"), (column("X"), column("K2"), column("K1")), ("Y",)),
    )
    assert stream.capture == "NEW_ROW"
    assert [warning.partition(",")[0] for warning in stream.warnings] == [
        "A: changes lack G",
        "B: changes lack Y",
    ]


def test_a_stream_of_everything_watches_all_tables(spanner_database: SpannerDatabase) -> None:
    spanner_database.ddl(*TABLES, f"CREATE CHANGE STREAM S FOR ALL {WHOLE}")
    assert [table.name for table in described(spanner_database, "S").tables] == ["A", "B", "C"]


def test_the_statement_that_a_refusal_names_mends_the_stream(
    spanner_database: SpannerDatabase,
) -> None:
    spanner_database.ddl(*TABLES, "CREATE CHANGE STREAM S FOR ALL")
    with pytest.raises(ChangeStreamError, match="captures OLD_AND_NEW_VALUES") as told:
        described(spanner_database, "S")
    statement = re.search(r"Run: (ALTER CHANGE STREAM .*?\)), and", str(told.value))
    assert statement is not None
    spanner_database.ddl(statement[1])
    assert described(spanner_database, "S").capture == "NEW_ROW_AND_OLD_VALUES"


def test_a_misspelt_stream_is_told_with_the_nearest_one(spanner_database: SpannerDatabase) -> None:
    spanner_database.ddl(*TABLES, f"CREATE CHANGE STREAM Everything FOR ALL {WHOLE}")
    with pytest.raises(ChangeStreamError, match="did you mean Everything"):
        described(spanner_database, "Everythin")


def test_a_stream_that_watches_nothing_is_refused(spanner_database: SpannerDatabase) -> None:
    spanner_database.ddl(f"CREATE CHANGE STREAM S {WHOLE}")
    with pytest.raises(
        ChangeStreamError, match=r"S .* watches no table; ALTER CHANGE STREAM S SET"
    ):
        described(spanner_database, "S")


def answer(*names: str, rows: tuple[tuple[Any, ...], ...] = ()) -> Answer:
    """An answer as the emulator does not give it."""

    def value(one: Any) -> Value:
        return Value(bool_value=one) if isinstance(one, bool) else Value(string_value=one)

    columns = tuple([value(row[place]) for row in rows] for place in range(len(names)))
    return Answer(names, (), columns, None)


def told(dialect: str = "GOOGLE_STANDARD_SQL", **options: str) -> ChangeStream:
    """What is said of a stream with these options."""

    def read(what: str, sql: str, parameters: object = None) -> Answer:
        if "database_dialect" in sql:
            return answer("dialect", rows=((dialect,),))
        if "CHANGE_STREAM_OPTIONS" in sql:
            return answer("OPTION_NAME", "OPTION_VALUE", rows=tuple(options.items()))
        if "CHANGE_STREAMS" in sql:
            return answer("CHANGE_STREAM_NAME", "ALL", rows=(("S", True),))
        if "INDEX_COLUMNS" in sql:
            return answer("TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", rows=(("x", "T", "Id"),))
        if "INFORMATION_SCHEMA.COLUMNS" in sql:
            names = ("TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", "SPANNER_TYPE", "IS_GENERATED")
            return answer(*names, rows=(("x", "T", "Id", "INT64", "NEVER"),))
        column_names = ("COLUMN_NAME",) if "CHANGE_STREAM_COLUMNS" in sql else ()
        return answer("TABLE_SCHEMA", "TABLE_NAME", *column_names)

    return describe_stream(read, DATABASE, "S")


def test_a_table_in_a_schema_has_it_in_its_name() -> None:
    stream = told(value_capture_type="NEW_ROW", retention_period="7d")
    assert stream.tables == (WatchedTable("x.T", ("Id",), (column("Id"),)),)
    assert stream.retention == "7d"


@pytest.mark.parametrize(
    "option", ["exclude_delete", "exclude_insert", "exclude_update", "exclude_ttl_deletes"]
)
def test_a_stream_that_leaves_changes_out_is_refused_with_what_mends_it(option: str) -> None:
    with pytest.raises(ChangeStreamError, match=rf"ALTER CHANGE STREAM S SET.*\({option} = false"):
        told(value_capture_type="NEW_ROW", **{option: "true"})
    assert told(value_capture_type="NEW_ROW", **{option: "false"}).warnings == ()


def test_transactions_that_may_leave_themselves_out_are_warned_of() -> None:
    (warning,) = told(value_capture_type="NEW_ROW", allow_txn_exclusion="true").warnings
    assert "never arrive" in warning


def test_a_stream_of_mutable_key_ranges_is_refused() -> None:
    with pytest.raises(ChangeStreamError, match="IMMUTABLE_KEY_RANGE"):
        told(value_capture_type="NEW_ROW", partition_mode="MUTABLE_KEY_RANGE")


def test_a_database_of_the_other_dialect_is_refused_with_what_reads_it() -> None:
    with pytest.raises(ChangeStreamError, match=r"dialect POSTGRESQL.*pipelines\.audit_columns"):
        told("POSTGRESQL", value_capture_type="NEW_ROW")


def test_a_name_that_would_be_sql_is_refused() -> None:
    with pytest.raises(ChangeStreamError, match="expected its name"):
        describe_stream(lambda *_: answer(), DATABASE, "S(1); DROP")
