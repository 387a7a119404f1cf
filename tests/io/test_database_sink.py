"""Rows stored in a table, on SQLite."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import pickle
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import FixedWindows, TimestampedValue
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_io import database_sink_check
from pipeline_io.database import Database
from pipeline_io.database_sink_table import (
    DatabaseTable,
    DeleteOn,
    SinkColumn,
    SinkTableError,
    SinkUnavailable,
)
from pipeline_io.database_sink_writer import WriteDatabaseRows, check
from pipeline_io.secrets import Secret
from tests.io.database_sink_rows import sink_batch, write

COLUMNS = (SinkColumn("id", pa.int64()), SinkColumn("name", pa.string()))
DDL = "CREATE TABLE items (id BIGINT PRIMARY KEY, name TEXT CHECK (name <> 'bad'), {})"
ORDERED = "order_key TEXT, gone BOOLEAN"


def made(folder: Path, more: str = ORDERED, ddl: str = DDL) -> DatabaseTable:
    """A new table, which upserts by its key."""
    path = folder / "my items.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(ddl.format(more))
        connection.commit()
    return DatabaseTable(Database(f"sqlite:///{path}"), "items", COLUMNS, key=("id",))


def query(table: DatabaseTable, statement: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(str(table.database.url.database))) as connection:
        found = connection.execute(statement).fetchall()
        connection.commit()
        return found


def rows(*pairs: tuple[int, str | None]) -> list[dict[str, Any]]:
    return [{"id": number, "name": name} for number, name in pairs]


def names(table: DatabaseTable) -> dict[int, str | None]:
    return {row[0]: row[1] for row in query(table, "SELECT id, name FROM items")}


def test_a_row_of_a_key_that_is_there_replaces_it_and_a_delete_takes_it_away(
    tmp_path: Path,
) -> None:
    table = made(tmp_path)
    assert write(table, rows((1, "a"), (2, "b"))) == []
    assert write(table, rows((2, "c"), (1, "a")), ["u", "d"]) == []
    assert names(table) == {2: "c"}


def test_of_several_rows_of_a_key_in_a_batch_the_last_one_counts(tmp_path: Path) -> None:
    table = made(tmp_path)
    write(table, rows((1, "a"), (1, "b"), (2, "x"), (2, "x"), (2, "y")), ["c", "u", "c", "d", "c"])
    assert names(table) == {1: "b", 2: "y"}


def test_rows_of_a_table_without_a_key_are_all_kept(tmp_path: Path) -> None:
    table = made(tmp_path, ddl="CREATE TABLE items (id BIGINT, name TEXT)")
    table = dataclasses.replace(table, key=())
    write(table, rows((1, "a"), (1, "a")), ["c", "d"])
    assert query(table, "SELECT COUNT(*) FROM items") == [(2,)]


def test_rows_of_deletes_are_stored_where_nothing_deletes(tmp_path: Path) -> None:
    table = dataclasses.replace(made(tmp_path), delete_on=None)
    write(table, rows((1, "a")), ["d"])
    assert names(table) == {1: "a"}


def test_a_column_that_says_what_is_deleted_is_not_stored(tmp_path: Path) -> None:
    columns = (*COLUMNS, SinkColumn("__deleted", pa.string()))
    table = dataclasses.replace(
        made(tmp_path), columns=columns, delete_on=DeleteOn("__deleted", "true")
    )
    write(table, [{"id": 1, "name": "a", "__deleted": "false"}], ["d"])
    assert names(table) == {1: "a"}
    write(table, [{"id": 1, "name": "a", "__deleted": "true"}])
    assert names(table) == {}


def test_bad_rows_are_refused_alone_with_the_databases_message(tmp_path: Path) -> None:
    table = made(tmp_path)
    given = [(number, "bad" if number in (3, 17) else "good") for number in range(40)]
    refused = write(table, rows(*given))
    assert [one.place for one in refused] == [3, 17]
    assert {one.error_class for one in refused} == {"RefusedByDatabase"}
    assert "CHECK constraint failed" in refused[0].message
    assert set(names(table)) == set(range(40)) - {3, 17}


def test_a_row_that_stands_in_the_way_of_another_is_no_reason_to_refuse_it(tmp_path: Path) -> None:
    table = made(tmp_path, "UNIQUE (name)")
    write(table, rows((1, "a"), (2, "b")))
    # In the order of their keys 1 would take b while 2 still has it; and 3 is bad for ever.
    refused = write(table, rows((1, "b"), (2, "c"), (3, "bad")), ["u", "u", "c"])
    assert [one.place for one in refused] == [2]
    assert names(table) == {1: "b", 2: "c"}


def test_what_the_key_or_the_order_lacks_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    table = dataclasses.replace(made(tmp_path), order_key_column="order_key")
    refused = write(table, [{"id": None, "name": "a"}, {"id": 1, "name": "b"}])
    assert [one.error_class for one in refused] == ["NullKey", "NoOrderKey"]
    assert names(table) == {}


def test_numbers_and_times_that_the_database_has_not_are_refused(tmp_path: Path) -> None:
    columns = (COLUMNS[0], SinkColumn("f", pa.float64()), SinkColumn("at", pa.timestamp("us"), 6))
    table = made(tmp_path, ddl="CREATE TABLE items (id BIGINT PRIMARY KEY, f DOUBLE, at DATETIME)")
    table = dataclasses.replace(table, columns=columns)
    of: list[dict[str, Any]] = [
        {"id": 1, "f": float("nan"), "at": None},
        {"id": 2, "f": 0.1, "at": 10**18},
        {"id": 3, "f": 0.1, "at": 0},
    ]
    refused = write(table, of)
    assert [one.error_class for one in refused] == ["NotANumber", "TimeOutOfRange"]
    assert query(table, "SELECT * FROM items") == [(3, 0.1, "1970-01-01 00:00:00.000000")]


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[int, int, str, str]], list[int]]:
    """Changes (key, order, op, name) in their order, and a delivery of them: shuffled and with
    repeats, each at least once."""
    keys = draw(st.lists(st.integers(0, 3), min_size=1, max_size=12))
    changes = [
        (key, order, draw(st.sampled_from("ud")), draw(st.sampled_from("abc")))
        for order, key in enumerate(keys)
    ]
    places = st.sampled_from(range(len(changes)))
    more = draw(st.lists(places, max_size=8))
    return changes, draw(st.permutations([*range(len(changes)), *more]))


@pytest.mark.parametrize("merges", [True, False])
@given(history=histories(), cuts=st.sets(st.integers(1, 19), max_size=4))
@settings(max_examples=30)
def test_any_delivery_ends_with_the_newest_of_each_key(
    merges: bool, history: tuple[list[tuple[int, int, str, str]], list[int]], cuts: set[int]
) -> None:
    changes, delivery = history
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if not merges:
            # As a database is written to whose INSERT updates nothing.
            patch.setattr(database_sink_check, "_MERGE_BY_KEY_ALONE", ("sqlite",))
        table = dataclasses.replace(
            made(
                Path(folder),
                "order_key TEXT, gone BOOLEAN" + ("" if merges else ", UNIQUE (id, name)"),
            ),
            order_key_column="order_key",
            deleted_column="gone",
        )
        borders = [0, *sorted(cuts), len(delivery)]
        for start, end in itertools.pairwise(borders):
            batch = [changes[place] for place in delivery[start:end]]
            assert not write(
                table,
                rows(*((key, name) for key, _, _, name in batch)),
                [op for _, _, op, _ in batch],
                [order for _, order, _, _ in batch],
            )
        last = {key: (op == "d", name) for key, _, op, name in changes}
        found = query(table, "SELECT id, name FROM items WHERE NOT gone")
        assert dict(found) == {key: name for key, (gone, name) in last.items() if not gone}
        marked = {row[0] for row in query(table, "SELECT id FROM items WHERE gone")}
        assert marked == {key for key, (gone, _) in last.items() if gone}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "itms"}, "has no table 'itms'; the nearest names are items"),
        ({"columns": (*COLUMNS, SinkColumn("nam", pa.string()))}, "no column 'nam'; the nearest"),
        ({"key": ("name",)}, "no primary key or unique index of (name)"),
        ({"columns": (COLUMNS[0], SinkColumn("name", pa.int64()))}, "CAST it AS the column's type"),
        ({"deleted_column": "gon"}, "no column 'gon' to mark deleted rows by"),
        ({"deleted_column": "must"}, "the column 'must' marks deleted rows"),
    ],
)
def test_a_table_that_does_not_fit_is_told_of_before_a_row(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    table = made(tmp_path, "gone BOOLEAN, must TEXT DEFAULT 'x'")
    check(table)
    with pytest.raises(SinkTableError, match=said.replace("(", r"\(").replace(")", r"\)")):
        check(dataclasses.replace(table, **changed))


def test_a_column_that_must_be_given_is_missed_before_a_row(tmp_path: Path) -> None:
    table = made(tmp_path, "must TEXT NOT NULL")
    with pytest.raises(SinkTableError, match="'must' is NOT NULL, and the script does not give it"):
        check(table)


def test_what_travels_to_the_workers_names_the_password_and_has_it_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SINK_PASSWORD", "hunter2")
    secret = Secret("env://SINK_PASSWORD")
    assert secret.value() == "hunter2"
    table = DatabaseTable(
        Database("jdbc:postgresql://h/d", "u", secret), "items", COLUMNS, key=("id",)
    )
    step = pickle.dumps(WriteDatabaseRows(table))
    assert b"hunter2" not in step
    assert b"env://SINK_PASSWORD" in step
    assert "hunter2" not in repr(table)


def test_refused_rows_come_with_their_records_in_the_window_of_their_batch(tmp_path: Path) -> None:
    table = dataclasses.replace(made(tmp_path), max_rows=4)
    kinds: dict[str, pa.DataType] = {"id": pa.int64(), "name": pa.string()}
    first = sink_batch(rows((1, "a"), (2, "bad"), (3, "c")), kinds)
    second = sink_batch(rows((4, "bad"), (5, "bad"), (1, "new")), kinds)

    def told(refused: pa.RecordBatch, window: Any = beam.DoFn.WindowParam) -> tuple[Any, ...]:
        return int(window.start), [row["record"]["offset"] for row in refused.to_pylist()]

    with beam.Pipeline() as pipeline:
        refused = (
            pipeline
            | beam.Create([TimestampedValue(first, 5), TimestampedValue(second, 65)])
            | beam.WindowInto(FixedWindows(60))
            | WriteDatabaseRows(table)
        )
        assert_that(refused | beam.Map(told), equal_to([(0, [1]), (60, [0, 1])]))
    assert names(table) == {1: "new", 3: "c"}


def test_a_database_that_stays_away_stops_the_writer_after_its_retries(tmp_path: Path) -> None:
    table = dataclasses.replace(made(tmp_path), max_retries=0)
    Path(str(table.database.url.database)).unlink()
    with pytest.raises(SinkUnavailable, match="was tried 1 times"):
        check(table)
