"""Rows stored in a table of Spanner's emulator."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf.struct_pb2 import Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_io import database_sink_rows
from pipeline_io.database_sink_rows import RefusedRow
from pipeline_io.database_sink_table import SinkColumn
from pipeline_io.record_schema import ATTRIBUTES
from pipeline_io.spanner_config import SpannerConfig
from pipeline_io.spanner_errors import RefusedRows, SpannerSchemaError
from pipeline_io.spanner_row_store import SpannerStore
from pipeline_io.spanner_row_table import SpannerTable
from pipeline_io.spanner_session import SpannerSession, Transaction
from pipeline_io.spanner_types import parse_type
from tests.stack.spanner_databases import SpannerDatabase

DDL = """CREATE TABLE t (a INT64 NOT NULL, b STRING(9) NOT NULL, s STRING(5), gone BOOL,
  o STRING(MAX)) PRIMARY KEY (a, b)"""
COLUMNS = (SinkColumn("a", pa.int64()), SinkColumn("b", pa.string()), SinkColumn("s", pa.string()))
_ROWS: Any = database_sink_rows

Event = tuple[int, str | None, str, str]
"""Key, text, order key, op."""


@pytest.fixture
def table(spanner_database: SpannerDatabase) -> Iterator[SpannerTable]:
    spanner_database.ddl(DDL)
    config = SpannerConfig.of(spanner_database.url)
    yield SpannerTable(config, "t", COLUMNS, key=("a", "b"), order_key_column="o")


def test_an_older_row_does_not_replace_a_newer_one_nor_does_an_older_delete(
    spanner_database: SpannerDatabase, table: SpannerTable
) -> None:
    store = SpannerStore(table)
    assert write(store, [(1, "new", "5", "u"), (2, "new", "5", "u"), (3, "new", "5", "u")]) == []
    assert write(store, [(1, "old", "4", "u"), (2, None, "4", "d"), (3, None, "6", "d")]) == []
    assert write(store, [(1, "same", "5", "u")]) == []
    store.close()
    assert spanner_database.query("SELECT a, s, o FROM t ORDER BY a") == [
        (1, "same", "5"),
        (2, "new", "5"),
    ]
    assert dict(store.counts) == {"rows": 4, "deletes": 1, "older": 2, "commits": 3, "refused": 0}


def test_a_stored_row_without_an_order_key_is_older_than_any(
    spanner_database: SpannerDatabase, table: SpannerTable
) -> None:
    spanner_database.insert("t", ["a", "b", "s"], [[1, "1", "there"]])
    store = SpannerStore(table)
    write(store, [(1, "new", "0", "u")])
    store.close()
    assert spanner_database.query("SELECT s FROM t") == [("new",)]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_with_a_mark_of_deleted_rows_any_order_of_deliveries_ends_with_the_newest(
    spanner_database: SpannerDatabase, table: SpannerTable, data: st.DataObject
) -> None:
    spanner_database.execute("DELETE FROM t WHERE TRUE")
    keys = st.integers(1, 3)
    drawn = data.draw(st.lists(st.tuples(keys, st.sampled_from("cud")), min_size=1, max_size=8))
    events: list[Event] = [
        (key, None if op == "d" else f"v{number}", f"{number:03d}", op)
        for number, (key, op) in enumerate(drawn)
    ]
    delivered = data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(events)))]))
    store = SpannerStore(dataclasses.replace(table, deleted_column="gone", max_rows=2))
    cut = data.draw(st.integers(0, len(delivered)))
    for part in (delivered[:cut], delivered[cut:]):
        assert write(store, part) == []
    store.close()
    found = spanner_database.query("SELECT a, s FROM t WHERE NOT gone")
    newest = {key: (text, op) for key, text, _, op in events}
    assert dict(found) == {key: text for key, (text, op) in newest.items() if op != "d"}


def test_two_writers_of_the_same_rows_leave_the_newest(
    spanner_database: SpannerDatabase, table: SpannerTable
) -> None:
    def write_all(start: int) -> None:
        store = SpannerStore(dataclasses.replace(table, max_rows=3))
        for version in range(start, 20, 2):
            write(store, [(key, f"{version}", f"{version:03d}", "u") for key in range(6)])
        store.close()

    threads = [threading.Thread(target=write_all, args=(start,)) for start in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spanner_database.query("SELECT DISTINCT s, o FROM t") == [("19", "019")]


def test_rows_that_are_refused_are_told_alone_and_the_others_are_stored(
    spanner_database: SpannerDatabase, table: SpannerTable
) -> None:
    store = SpannerStore(table)
    events: list[Event] = [(number, "ok", "1", "u") for number in range(20)]
    events[7] = (7, "too long", "1", "u")
    events[13] = (13, "no", None, "u")  # type: ignore[assignment]
    refused = write(store, events)
    store.close()
    assert [(one.place, one.error_class) for one in sorted(refused)] == [
        (7, "FAILED_PRECONDITION"),
        (13, "NoOrderKey"),
    ]
    assert "maximum size limit" in sorted(refused)[0].message
    assert spanner_database.query("SELECT COUNT(*) FROM t") == [(18,)]


def test_a_row_with_a_time_that_spanner_does_not_have_is_refused_alone(
    spanner_database: SpannerDatabase, table: SpannerTable
) -> None:
    spanner_database.ddl("ALTER TABLE t ADD COLUMN at_ TIMESTAMP")
    columns = (*COLUMNS, SinkColumn("at_", pa.timestamp("us", "UTC")))
    store = SpannerStore(dataclasses.replace(table, columns=columns, order_key_column="at_"))
    # Spanner's times begin with the year 1.
    rows = pa.table(
        {
            "a": [1, 2],
            "b": ["", ""],
            "s": ["", ""],
            "at_": pa.array([0, -62_167_219_200_000_000], pa.timestamp("us", "UTC")),
        }
    )
    (refused,) = store.write(_with_places(rows))
    store.close()
    assert (refused.place, refused.error_class) == (1, "TimeOutOfRange")
    assert spanner_database.query("SELECT a FROM t") == [(1,)]


def test_a_value_that_is_refused_while_it_is_read_by_refuses_its_rows(
    spanner_database: SpannerDatabase, table: SpannerTable
) -> None:
    session = SpannerSession(table.config)

    def work(transaction: Transaction) -> None:
        value = (parse_type("DATE").proto, Value(string_value="no date"))
        transaction.read("SELECT a FROM t WHERE CURRENT_DATE() > @value", {"value": value})

    with pytest.raises(RefusedRows, match=r"rows are not taken: .*no date"):
        session.transact("rows are not taken", work)
    session.close()
    assert spanner_database.query("SELECT a FROM t") == []


def test_a_child_is_stored_though_its_parent_comes_after_it(
    spanner_database: SpannerDatabase,
) -> None:
    spanner_database.ddl(
        "CREATE TABLE t (a INT64 NOT NULL, b STRING(9) NOT NULL, s STRING(5), up INT64, "
        "o STRING(MAX), CONSTRAINT fk FOREIGN KEY (up) REFERENCES t (a)) PRIMARY KEY (a)"
    )
    config = SpannerConfig.of(spanner_database.url)
    columns = (*COLUMNS, SinkColumn("up", pa.int64()))
    table = SpannerTable(config, "t", columns, key=("a",), max_rows=1)
    store = SpannerStore(table)
    rows = pa.table({"a": [1, 2], "b": ["", ""], "s": ["", ""], "up": [2, None]})
    assert store.write(_with_places(rows)) == []
    store.close()
    assert spanner_database.query("SELECT a, up FROM t ORDER BY a") == [(1, 2), (2, None)]


def test_a_commit_waits_for_a_server_that_does_not_answer_for_a_while(
    spanner_database: SpannerDatabase, table: SpannerTable
) -> None:
    store = SpannerStore(table)
    store.open()
    spanner_database.server.pause()
    timer = threading.Timer(0.5, spanner_database.server.resume)
    timer.start()
    assert write(store, [(1, "new", "1", "u")]) == []
    timer.join()
    store.close()
    assert spanner_database.query("SELECT s FROM t") == [("new",)]


def test_a_commit_has_fewer_rows_where_columns_and_indexes_are_many(
    spanner_database: SpannerDatabase, table: SpannerTable
) -> None:
    large = dataclasses.replace(table, max_rows=80_000)
    store = SpannerStore(large)
    few = store.open().max_rows
    spanner_database.ddl("CREATE INDEX i ON t (s, o)")
    store.close()
    fewer = SpannerStore(large).open().max_rows
    assert 60_000 / 10 < fewer < few < 60_000 / 4


def test_all_that_is_wrong_with_a_table_is_said_at_once(
    spanner_database: SpannerDatabase, table: SpannerTable
) -> None:
    spanner_database.ddl(
        "ALTER TABLE t ADD COLUMN twice INT64 AS (a * 2) STORED", "ALTER TABLE t DROP COLUMN o"
    )
    columns = (*COLUMNS, SinkColumn("twice", pa.int64()))
    wrong = dataclasses.replace(table, columns=columns, deleted_column="deleted")
    with pytest.raises(SpannerSchemaError) as caught:
        SpannerStore(wrong).open()
    said = str(caught.value)
    assert "'twice' is generated: leave it out" in said
    assert "no column 'o'" in said
    assert "no column 'deleted' of the type BOOL" in said


def write(store: SpannerStore, events: list[Event]) -> list[RefusedRow]:
    """Stores events; the key's second column is its first as text."""
    payload = pa.StructArray.from_arrays(
        [
            pa.array([event[0] for event in events], pa.int64()),
            pa.array([str(event[0]) for event in events]),
            pa.array([event[1] for event in events], pa.string()),
        ],
        names=["a", "b", "s"],
    )
    said = {"order_key": [event[2] for event in events], "op": [event[3] for event in events]}
    nothing = [None] * len(events)
    attributes = pa.StructArray.from_arrays(
        [pa.array(said.get(name, nothing), pa.string()) for name in ATTRIBUTES],
        names=list(ATTRIBUTES),
    )
    return store.write(_ROWS.stored_rows(payload, attributes, store.table, 0))


def _with_places(rows: Any) -> Any:
    count = rows.num_rows
    deletes = pa.array([False] * count)
    places = pa.array(range(count), pa.int64())
    return rows.append_column("__deletes", deletes).append_column("__place", places)
