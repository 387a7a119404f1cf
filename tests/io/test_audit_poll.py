"""Polling a table by its update time, and sweeping its keys."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from pipeline_io.audit_errors import AuditError, SchemaChanged
from pipeline_io.audit_tables import TableRequest
from tests.io.audit_polling import ITEMS, SECOND, START, Items, order, replayed, told


@pytest.fixture
def items(tmp_path: Path) -> Items:
    return Items(tmp_path)


def test_the_first_pass_tells_all_rows_and_the_next_poll_what_changed(items: Items) -> None:
    for key in range(5):
        items.put(key, "old")
    items.clock.move(60)
    with items.polling() as polling:
        assert told(polling.changes()) == [("r", key, "old") for key in range(5)]
        items.put(3, "new")
        items.put(9, "born")
        items.clock.move(60)
        assert told(polling.changes()) == [("u", 3, "new"), ("c", 9, "born")]
        assert polling.changes() == []


def test_a_row_is_not_read_before_the_bound_has_passed_its_time(items: Items) -> None:
    items.clock.move(60)
    with items.polling() as polling:
        items.put(1, "just now")
        assert polling.changes() == []
        items.clock.move(5.999999)
        assert polling.changes() == []
        items.clock.move(0.000001)
        # The overlap of 5 s, and then the second of the row must be over.
        assert told(polling.changes()) == [("c", 1, "just now")]


def test_rows_of_one_time_at_the_edge_of_a_page_are_all_read(items: Items) -> None:
    for key in range(7):
        items.put(key, "same", at_us=START)
    items.clock.move(60)
    with items.polling() as polling:
        assert len(polling.changes()) == 7


def test_a_second_version_within_the_same_time_follows_the_first(items: Items) -> None:
    items.put(1, "a")
    items.clock.move(10)
    with items.polling() as polling:
        (first,) = polling.changes()
        items.put(1, "b", at_us=START)
        items.clock.move(1)
        (second,) = polling.changes()
    assert (order(first), order(second)) == ((START, 0), (START, 1))


def test_a_row_that_was_committed_late_is_found_within_the_overlap(items: Items) -> None:
    items.clock.move(60)
    with items.polling() as polling:
        polling.changes()
        items.put(1, "late", at_us=items.clock.us - 20 * SECOND)
        assert told(polling.changes()) == [("c", 1, "late")]


def test_a_clock_that_was_set_back_loses_nothing(items: Items) -> None:
    items.clock.move(3_600)
    items.put(1, "before")
    items.clock.move(60)
    with items.polling() as polling:
        polling.changes()
        items.clock.move(-1_800)
        items.put(1, "after")
        items.put(2, "also after")
        items.clock.move(30)
        changes = polling.changes()
        assert told(changes) == [("u", 1, "after"), ("c", 2, "also after")]
        assert order(changes[0]) == (START + 3_600 * SECOND, 1)


def test_a_sweep_finds_deletes_and_rows_that_no_time_tells(
    items: Items, caplog: pytest.LogCaptureFixture
) -> None:
    for key in range(6):
        items.put(key, "x")
    items.clock.move(60)
    with items.polling() as polling:
        first = polling.changes()
        items.execute("DELETE FROM items WHERE id IN (1, 4)")
        items.put(2, "moved back", at_us=START - 3_600 * SECOND)
        items.put(7, "inserted late", at_us=START - 3_600 * SECOND)
        items.execute("INSERT INTO items VALUES (8, 'without time', NULL)")
        assert polling.changes() == []
        with caplog.at_level(logging.INFO):
            found = polling.changes(sweep=True)
        assert sorted(told(found), key=lambda change: change[1]) == [
            ("d", 1, None),
            ("u", 2, "moved back"),
            ("d", 4, None),
            ("c", 7, "inserted late"),
            ("c", 8, "without time"),
        ]
        assert replayed([*first, *found]) == items.content()
        assert polling.changes(sweep=True) == []
        items.put(4, "back", at_us=START - 7_200 * SECOND)
        (back,) = polling.changes(sweep=True)
        # Not behind its delete alone: a compacted log could take it for a repeat of long ago.
        assert back["_op"] == "c"
        # The clock less 5 s is the bound of polls; less the overlap of 20 s it is what counts.
        assert order(back) == (items.clock.us - 25 * SECOND - 1, 0)
    assert "without_time=1" in caplog.text


def test_a_sweep_runs_by_its_schedule(items: Items) -> None:
    items.put(1, "x")
    items.clock.move(60)
    with items.polling(sweep_seconds=100) as polling:
        polling.changes()
        items.execute("DELETE FROM items")
        items.clock.move(99)
        assert polling.changes() == []
        items.clock.move(1)
        assert told(polling.changes()) == [("d", 1, None)]


def test_a_row_that_was_changed_without_its_time_is_found_by_a_sweep_of_contents(
    items: Items,
) -> None:
    items.put(1, "x")
    items.clock.move(3_600)
    with items.polling(sweep_content=True) as polling:
        polling.changes()
        items.put(1, "y", at_us=START)
        assert polling.changes() == []
        (change,) = polling.changes(sweep=True)
    assert (change["name"], order(change)) == ("y", (START, 1))


def test_a_sweep_in_parts_lets_polls_run_and_deletes_nothing_that_is_there(items: Items) -> None:
    # Otherwise a read that stays open keeps SQLite's writers out.
    items.execute("PRAGMA journal_mode = WAL")
    for key in range(8):
        items.put(key, "x")
    items.clock.move(60)
    with items.polling(sweep_rows=2) as polling:
        polling.changes()
        items.execute("DELETE FROM items WHERE id = 7")
        assert polling.changes(sweep=True) == []
        items.put(20, "inserted meanwhile")
        items.put(1, "changed meanwhile")
        items.clock.move(30)
        during = polling.changes()
        assert told(during) == [("u", 1, "changed meanwhile"), ("c", 20, "inserted meanwhile")]
        rest = [change for _ in range(6) for change in polling.changes()]
        assert told(rest) == [("d", 7, None)]


def test_rows_without_a_time_and_a_missing_index_are_told_at_the_start(
    items: Items, caplog: pytest.LogCaptureFixture
) -> None:
    items.execute("INSERT INTO items VALUES (1, 'x', NULL)")
    items.clock.move(60)
    with items.polling() as polling, caplog.at_level(logging.WARNING):
        polling.changes()
        polling.changes()
    assert [record.getMessage() for record in caplog.records] == [
        "items: no index begins with 'updated_us', so each poll reads the whole table; "
        "CREATE INDEX ... ON items (updated_us, id)",
        "items: rows without 'updated_us' (NULL, or no time): 1; polls never see them, only sweeps "
        "do; make it NOT NULL",
    ]


def test_a_new_column_is_read_from_the_next_poll_on(items: Items) -> None:
    items.put(1, "x")
    items.clock.move(60)
    with items.polling() as polling:
        polling.changes()
        items.execute("ALTER TABLE items ADD COLUMN price DECIMAL(10, 2)")
        items.execute("INSERT INTO items VALUES (2, 'y', ?, 12.5)", items.clock.us)
        items.clock.move(60)
        (change,) = polling.changes()
        assert str(change["price"]) == "12.50"
        assert "price" in polling.poll.table.columns.names


def test_a_column_that_vanished_is_an_error_that_names_it(items: Items) -> None:
    items.put(1, "x")
    items.clock.move(60)
    with items.polling() as polling:
        polling.changes()
        items.execute("ALTER TABLE items RENAME COLUMN name TO title")
        with pytest.raises(
            SchemaChanged, match=r"items: the columns 'name' are not .* start again"
        ):
            polling.changes()
    with items.polling() as polling:
        polling.changes()


def test_a_key_that_does_not_identify_a_row_is_refused(items: Items) -> None:
    items.put(1, "x")
    items.put(2, "x")
    items.clock.move(60)
    request = TableRequest("items", "updated_us", key=("name",), updated_unit="us")
    with items.polling(request) as polling, pytest.raises(AuditError, match=r'two rows .* \["x"\]'):
        polling.changes()


def test_a_poll_holds_a_page_of_rows_and_no_more(items: Items) -> None:
    for key in range(40):
        items.put(key, "x")
    items.clock.move(60)
    with items.polling() as polling:
        sizes = [batch.num_rows for batch in polling.poll.changes("all")]
    assert sizes == [2] * 20


def test_without_sweeps_versions_are_forgotten_behind_the_overlap(items: Items) -> None:
    items.put(1, "x")
    items.clock.move(60)
    with items.polling(sweep_seconds=None) as polling:
        polling.changes()
        held = polling.state.begin("shop", polling.poll.table, polling.poll.shard, "look")
        ids = polling.state.known(held, [])["key_id"].to_list()
        assert ids == []
        items.clock.move(24 * 3_600)
        items.put(1, "y")
        items.clock.move(60)
        assert told(polling.changes()) == [("u", 1, "y")]


def test_a_query_gives_the_rows_where_one_is_given(items: Items) -> None:
    items.put(1, "x")
    items.put(2, "y:z %")
    items.clock.move(60)
    query = "SELECT id, upper(name) AS big, updated_us FROM items WHERE name LIKE '%y:z%';"
    request = TableRequest("items", "updated_us", query=query, updated_unit="us")
    with items.polling(request) as polling:
        (change,) = polling.changes()
    assert (change["id"], change["big"]) == (2, "Y:Z %")


def test_what_is_missing_is_told_with_the_nearest_name(items: Items) -> None:
    database = items.database()
    for request, told_as in [
        (TableRequest("itms", "updated_us"), "no table 'itms'; the nearest names are items"),
        (TableRequest("items", "updated"), "no column 'updated' .*nearest names are updated_us"),
        (TableRequest("items", "updated_us"), "say in which unit"),
        (TableRequest("items", "name", updated_unit="s"), "updated_unit 's' is for integers"),
        (TableRequest("items", "updated_us", key=("nam",), updated_unit="s"), "no column 'nam'"),
        (TableRequest("items", "updated_us", index="i", updated_unit="s"), "sqlite has no such"),
    ]:
        with pytest.raises(AuditError, match=told_as):
            database.describe(request)
    assert database.describe(ITEMS).key == ("id",)


def test_texts_of_times_in_sqlite_are_read_in_their_order_whatever_their_form(
    tmp_path: Path,
) -> None:
    items = Items(tmp_path, "CREATE TABLE items (id INTEGER PRIMARY KEY, updated_at TIMESTAMP)")
    texts = ["2027-01-15 08:00:00", "2027-01-15T08:00:00.5Z", "2027-01-15 09:00:01+01:00", "never"]
    for key, text in enumerate(texts):
        items.execute("INSERT INTO items VALUES (?, ?)", key, text)
    items.clock.move(60)
    with items.polling(TableRequest("items", "updated_at", overlap_seconds=50)) as polling:
        first = polling.changes()
        assert [change["id"] for change in first] == [0, 1, 2]
        assert [order(change)[0] - START for change in first] == [0, 500_000, SECOND]
        items.clock.move(1)
        items.execute("INSERT INTO items VALUES (9, '2027-01-15T08:00:30')")
        assert [change["id"] for change in polling.changes()] == [9]
