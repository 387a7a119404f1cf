"""python -m pipelines.spanner_changes: change streams of the emulator into a warehouse file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines import spanner_changes
from tests.pipelines.spanner_runs import (
    STREAM,
    begun,
    flags,
    logged,
    ran,
    rebuilt,
)
from tests.stack.spanner_databases import SpannerDatabase

ORDERS = "CREATE TABLE Orders (Id INT64 NOT NULL, State STRING(20), Total NUMERIC) PRIMARY KEY (Id)"
LINES = (
    "CREATE TABLE Lines (Id INT64 NOT NULL, Line INT64, Item STRING(20)) PRIMARY KEY (Id, Line), "
    "INTERLEAVE IN PARENT Orders ON DELETE CASCADE"
)


def test_inserts_updates_and_deletes_make_the_table_again(
    spanner_database: SpannerDatabase, tmp_path: Path
) -> None:
    spanner_database.ddl(ORDERS)
    begun(spanner_database, tmp_path)
    spanner_database.insert("Orders", ["Id", "State"], [[1, "new"], [2, "new"], [3, "new"]])
    spanner_database.execute("UPDATE Orders SET State = 'paid', Total = 1.5 WHERE Id < 3")
    spanner_database.delete("Orders", [1])
    # A key that is used again, in one transaction and in another one.
    spanner_database.insert("Orders", ["Id", "State"], [[1, "again"]])
    spanner_database.execute(
        "DELETE FROM Orders WHERE Id = 2", "INSERT INTO Orders (Id, State) VALUES (2, 'again')"
    )
    summary = ran(spanner_database, tmp_path)
    log = logged(tmp_path, "Orders")
    table = {
        f'["{key}"]': (state, total and f"{total:.9f}")
        for key, state, total in spanner_database.query("SELECT Id, State, Total FROM Orders")
    }
    assert {key: (row["State"], row["Total"]) for key, row in rebuilt(log).items()} == table
    assert table['["1"]'] == ("again", None)
    assert summary["changes"] == len(log)
    assert summary["tables"]["Orders"]["delete"] >= 1
    first_update = next(row for row in log if row["op"] == "u")
    assert (first_update["before"]["State"], first_update["after"]["State"]) == ("new", "paid")
    assert next(row["before"]["State"] for row in log if row["op"] == "d") == "paid"


def test_a_transaction_over_several_tables_is_in_the_log_of_each_under_its_id(
    spanner_database: SpannerDatabase, tmp_path: Path
) -> None:
    spanner_database.ddl(ORDERS, LINES)
    begun(spanner_database, tmp_path)
    spanner_database.execute(
        "INSERT INTO Orders (Id) VALUES (1)",
        "INSERT INTO Lines (Id, Line, Item) VALUES (1, 1, 'a'), (1, 2, 'b')",
    )
    spanner_database.delete("Orders", [1])
    ran(spanner_database, tmp_path)
    orders, lines = logged(tmp_path, "Orders"), logged(tmp_path, "Lines")
    sources = [row["source"] for row in (*orders[:1], *lines[:2])]
    assert len({source["server_transaction_id"] for source in sources}) == 1
    assert len({source["ts_us"] for source in sources}) == 1
    assert [source["mod_number"] for source in sources] == [0, 0, 1]
    # What the deletion of the parent deletes arrives as well.
    assert [row["op"] for row in lines] == ["c", "c", "d", "d"]
    assert rebuilt(orders) == rebuilt(lines) == {}


def test_each_type_is_in_the_log_as_it_is_in_the_table(
    spanner_database: SpannerDatabase, tmp_path: Path
) -> None:
    columns: dict[str, tuple[str, str, Any]] = {
        "b": ("BOOL", "TRUE", True),
        "i": ("INT64", "-9223372036854775808", -(2**63)),
        "f": ("FLOAT64", "0.1", 0.1),
        "g": ("FLOAT32", "1.5", 1.5),
        "n": ("NUMERIC", "NUMERIC '-12345678901.123456789'", "-12345678901.123456789"),
        "s": ("STRING(MAX)", "'é\\n\"'", 'é\n"'),
        "y": ("BYTES(MAX)", "b'\\x01\\xff'", "Af8="),
        "d": ("DATE", "DATE '2024-02-29'", "2024-02-29"),
        "t": ("TIMESTAMP", "TIMESTAMP '2024-01-01T00:00:00Z'", "2024-01-01T00:00:00Z"),
        "j": ("JSON", "JSON '{\"a\": [1, null]}'", '{"a":[1,null]}'),
        "ai": ("ARRAY<INT64>", "[1, 9007199254740993]", [1, 9007199254740993]),
        "ad": ("ARRAY<DATE>", "[DATE '2024-02-29']", ["2024-02-29"]),
        "e": ("ARRAY<STRING(MAX)>", "[]", []),
    }
    defined = ", ".join(f"{name} {kind}" for name, (kind, _, _) in columns.items())
    spanner_database.ddl(f"CREATE TABLE Types (k STRING(9), {defined}) PRIMARY KEY (k)")
    begun(spanner_database, tmp_path)
    names = ", ".join(columns)
    written = ", ".join(sql for _, sql, _ in columns.values())
    spanner_database.execute(
        f"INSERT INTO Types (k, {names}) VALUES ('full', {written})",  # noqa: S608
        "INSERT INTO Types (k) VALUES ('empty')",
    )
    ran(spanner_database, tmp_path)
    rows = {row["k"]: row for row in rebuilt(logged(tmp_path, "Types")).values()}
    assert {name: rows["empty"][name] for name in columns} == dict.fromkeys(columns)
    full = rows["full"]
    assert full == {"k": "full", **{name: expected for name, (_, _, expected) in columns.items()}}


def test_a_second_run_goes_on_behind_the_first_and_repeats_nothing(
    spanner_database: SpannerDatabase, tmp_path: Path
) -> None:
    spanner_database.ddl(ORDERS)
    begun(spanner_database, tmp_path)
    for number in range(3):
        spanner_database.insert("Orders", ["Id", "State"], [[number, "x"]])
        assert ran(spanner_database, tmp_path, "--start=2020-01-01T00:00:00Z")["changes"] == 1
    log = logged(tmp_path, "Orders")
    assert [row["after"]["Id"] for row in log] == [0, 1, 2]
    assert len({row["_event_id"] for row in log}) == 3


def test_a_stream_that_is_read_twice_gives_the_same_ids_and_order_keys(
    spanner_database: SpannerDatabase, tmp_path: Path
) -> None:
    spanner_database.ddl(ORDERS)
    begun(spanner_database, tmp_path)
    ((start,),) = spanner_database.query("SELECT CURRENT_TIMESTAMP()")
    spanner_database.insert("Orders", ["Id", "State"], [[1, "x"], [2, "y"]])
    ran(spanner_database, tmp_path)
    ran(
        spanner_database,
        tmp_path,
        f"--state=sqlite:///{tmp_path}/other.db",
        f"--start={start.isoformat()}",
    )
    log = logged(tmp_path, "Orders")
    assert len(log) == 4
    assert len({(row["_event_id"], row["_order_key"]) for row in log}) == 2


def test_an_end_is_where_reading_ends(spanner_database: SpannerDatabase, tmp_path: Path) -> None:
    spanner_database.ddl(ORDERS)
    begun(spanner_database, tmp_path)
    spanner_database.insert("Orders", ["Id"], [[1]])
    ((end,),) = spanner_database.query("SELECT CURRENT_TIMESTAMP()")
    spanner_database.insert("Orders", ["Id"], [[2]])
    assert ran(spanner_database, tmp_path, f"--end={end.isoformat()}")["changes"] == 1
    summary = ran(spanner_database, tmp_path)
    assert (summary["changes"], summary["lag_seconds"]) == (1, 0.0)


def test_a_column_that_a_table_gets_is_in_the_events_from_then_on(
    spanner_database: SpannerDatabase, tmp_path: Path
) -> None:
    spanner_database.ddl(ORDERS)
    begun(spanner_database, tmp_path)
    spanner_database.insert("Orders", ["Id"], [[1]])
    spanner_database.ddl("ALTER TABLE Orders ADD COLUMN Note STRING(20)")
    spanner_database.upsert("Orders", ["Id", "Note"], [[1, "late"]])
    ran(spanner_database, tmp_path)
    log = logged(tmp_path, "Orders")
    assert [row["after"].get("Note", "none") for row in log] == ["none", "late"]


@pytest.mark.parametrize(
    ("flag", "code", "told"),
    [
        ("--start=2020-01-01T00:00:00Z", 1, "start anew with a new --state"),
        ("--change_stream=Everythin", 1, "did you mean Everything?"),
        ("--runner=FlinkRunner", 2, "leave out --runner"),
        ("--heartbeat=0.5", 2, "expected 1 to 300 seconds"),
        ("--stream_readers=0", 2, "expected 1 to 90"),
        ("--start=yesterday", 2, "such as 2026-01-31T12:00:00Z, or now"),
        ("--end=2026-01-31T12:00:00", 2, "a time with its zone"),
        ("--database=shop", 2, "expected spanner:PROJECT/INSTANCE/DATABASE"),
        ("--state=shop", 2, "--state: 'shop' is not a database address"),
        ("--kafka_group=g", 2, "--kafka_group is of other jobs"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_read(
    flag: str,
    code: int,
    told: str,
    spanner_database: SpannerDatabase,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spanner_database.ddl(ORDERS, STREAM)
    assert spanner_changes.main(flags(spanner_database, tmp_path, flag)) == code
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["database", "change_stream", "source_name", "output", "state"])
def test_a_flag_that_is_missing_is_named(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = {
        "database": "spanner:p/i/d",
        "change_stream": "S",
        "source_name": "shop",
        "output": "duckdb:w",
        "state": "sqlite://",
    }
    del given[flag]
    assert spanner_changes.main([f"--{name}={value}" for name, value in given.items()]) == 2
    assert f"--{flag} is missing" in capsys.readouterr().err
