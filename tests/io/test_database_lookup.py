"""Lookups in a SQLite file, from keys to joined rows."""

import pickle
import sqlite3
from pathlib import Path

import polars as pl
import pytest

from pipeline_io.database import Database, LookupQueryError, LookupUnavailable, RetryPolicy
from pipeline_io.database_lookup import DatabaseLookup
from pipeline_io.lookup_query import LookupQuery
from pipeline_io.lookup_table import LookupTable
from transforms.lookup import CachePolicy, Lookup

KEYS = {"user_id": pl.Int64()}
COLUMNS = {"name": pl.String(), "born": pl.Date(), "active": pl.Boolean()}
FOR_EVER = CachePolicy(ttl_seconds=None, max_rows=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "users.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE users (id INTEGER, name TEXT, born DATE, active BOOLEAN)")
    connection.executemany(
        "INSERT INTO users VALUES (?, ?, '2001-02-03', ?)",
        [(number, f"user {number}", number % 2) for number in range(3_000)],
    )
    connection.commit()
    connection.close()
    return path


def table(path: Path) -> LookupTable:
    return LookupTable(Database(f"jdbc:sqlite:{path}"), "users", ("id",), tuple(COLUMNS))


def keys(*values: int) -> pl.DataFrame:
    return pl.DataFrame({"user_id": list(values)}, schema=KEYS)


def test_a_batch_is_joined_with_few_queries_and_its_misses_kept(path: Path) -> None:
    source = DatabaseLookup(table(path))
    with Lookup(source, KEYS, COLUMNS, FOR_EVER) as users:
        joined = users.join(keys(*range(2_000, 4_000)), keep_misses=True)
        users.join(keys(*range(2_000, 4_000)), keep_misses=True)

    assert users.counters.queries == 3  # SQLite binds 999 values
    assert joined.values.height == 2_000
    assert joined.values["name"].null_count() == 1_000
    assert joined.values.row(1)[0::2] == ("user 2001", True)
    assert joined.values.schema == pl.Schema(COLUMNS)


def test_an_array_lookup_runs_a_jobs_own_query(path: Path) -> None:
    query = LookupQuery(
        Database(f"sqlite:///{path}"),
        "SELECT id, name FROM users WHERE active = :key AND id < 5 ORDER BY id DESC",
    )
    columns = {"id": pl.Int64(), "name": pl.String()}
    with Lookup(DatabaseLookup(query), KEYS, columns, FOR_EVER) as users:
        arrays = users.arrays(keys(1, 7, 1))

    odd = [{"id": 3, "name": "user 3"}, {"id": 1, "name": "user 1"}]
    assert arrays.values.to_list() == [odd, [], odd]


def test_a_database_removed_in_mid_run_is_unavailable_after_all_attempts(path: Path) -> None:
    delays: list[float] = []
    source = DatabaseLookup(table(path), RetryPolicy(attempts=5), sleep=delays.append)
    with Lookup(source, KEYS, COLUMNS, FOR_EVER) as users:
        users.join(keys(1), keep_misses=True)
        path.unlink()

        with pytest.raises(LookupUnavailable, match=r"users\.db.* tried 5 times"):
            users.join(keys(1, 2), keep_misses=True)
        assert users.join(keys(1), keep_misses=True).values["name"].to_list() == ["user 1"]

    assert len(delays) == 4
    assert users.counters.retries == 4


def test_a_locked_database_is_asked_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline_io.database.SQLITE_LOCK_TIMEOUT_SECONDS", 0)
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    source = DatabaseLookup(table(path), sleep=lambda _: writer.close())

    with source:
        assert source.fetch([(1,)]) == [(1, "user 1", "2001-02-03", 1)]
    assert source.retries == 1


def test_a_wrong_column_stops_at_once(path: Path) -> None:
    wrong = LookupTable(Database(f"sqlite:///{path}"), "users", ("id",), ("nme",))
    with DatabaseLookup(wrong) as source, pytest.raises(LookupQueryError, match="no such column"):
        source.fetch([(1,)])

    assert source.queries == 1


def test_queries_are_limited_by_the_second(path: Path) -> None:
    slept: list[float] = []
    source = DatabaseLookup(
        table(path), queries_per_second=2, clock=lambda: 0.0, sleep=slept.append
    )
    with source:
        for _ in range(4):
            source.fetch([(1,)])

    assert slept == [0.5, 1.0]


def test_a_lookup_pickles_before_it_is_opened_and_opens_again(path: Path) -> None:
    made = Lookup(DatabaseLookup(table(path)), KEYS, COLUMNS, FOR_EVER)
    users: Lookup = pickle.loads(pickle.dumps(made))  # noqa: S301 - our own bytes
    for _ in range(2):
        with users:
            assert users.join(keys(1), keep_misses=True).values["name"].to_list() == ["user 1"]
    with pytest.raises(RuntimeError, match="not open"):
        users.source.fetch([(1,)])


def test_a_key_with_a_quote_is_only_a_value(path: Path) -> None:
    by_name = LookupTable(Database(f"sqlite:///{path}"), "users", ("name",), ("id",))
    with DatabaseLookup(by_name) as source:
        assert source.fetch([("x' OR '1'='1",), ("user 5",)]) == [("user 5", 5)]
