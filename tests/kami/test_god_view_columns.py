"""The god view on DuckDB: columns that came, went and were renamed."""

from __future__ import annotations

import pytest

from kami.changes import planned
from kami.errors import ConfigurationError
from tests.kami.hand_made import HandMade, configured

BEFORE = "CREATE TABLE t (id INT PRIMARY KEY, old VARCHAR(9))"


def test_a_column_that_came_later_has_its_default_in_older_rows() -> None:
    table = HandMade(BEFORE)
    table.snapshot(1, {"id": 1, "old": "a"})
    table.log("c", 2, {"id": 2, "old": "b"})
    done = table.apply(
        "CREATE TABLE t (id INT PRIMARY KEY, old VARCHAR(9), n INT NOT NULL DEFAULT 7, "
        "m VARCHAR(9), p DECIMAL(5,2) DEFAULT 1.50)"
    )
    assert done == ["add columns shop.t_snapshot", "replace view shop.t"]
    table.log("c", 3, {"id": 3, "old": "c", "n": 8, "m": "x", "p": None})
    assert [tuple(map(str, row)) for row in table.rows()] == [
        ("1", "a", "7", "None", "1.50"),
        ("2", "b", "7", "None", "1.50"),
        ("3", "c", "8", "x", "None"),
    ]


def test_a_default_is_not_taken_for_a_null_that_was_sent() -> None:
    table = HandMade("CREATE TABLE t (id INT PRIMARY KEY, n INT DEFAULT 7)")
    table.log("c", 1, {"id": 1, "n": None})
    table.log("c", 2, {"id": 2})
    assert table.rows() == [(1, None), (2, 7)]


def test_a_dropped_column_is_not_shown_and_the_snapshot_that_has_it_is_told() -> None:
    table = HandMade(BEFORE)
    table.snapshot(1, {"id": 1, "old": "a"})
    table.log("c", 2, {"id": 2, "old": "b"})
    assert table.apply("CREATE TABLE t (id INT PRIMARY KEY)") == ["replace view shop.t"]
    assert table.rows("id") == [1, 2]
    assert "'old'" in table.notes[0]
    assert "next snapshot" in table.notes[0]


def test_a_renamed_column_is_read_under_its_old_name_where_the_new_one_is_absent() -> None:
    table = HandMade(BEFORE)
    table.snapshot(1, {"id": 1, "old": "a"})
    table.log("c", 2, {"id": 2, "old": "b"})
    table.apply("CREATE TABLE t (id INT PRIMARY KEY, new VARCHAR(9))", renamed={"new": "old"})
    table.log("c", 3, {"id": 3, "new": "c"})
    table.log("c", 4, {"id": 4, "new": None})
    assert table.rows() == [(1, "a"), (2, "b"), (3, "c"), (4, None)]


@pytest.mark.parametrize(
    "ddl",
    [
        "ALTER TABLE `t` RENAME COLUMN old TO middle, RENAME COLUMN middle TO new",
        "ALTER TABLE t CHANGE COLUMN `old` `new` VARCHAR(20) NOT NULL",
        "alter table shop.t change old new varchar(20)",
    ],
)
def test_a_rename_is_found_in_the_ddl_events_of_the_log(ddl: str) -> None:
    table = HandMade(BEFORE)
    table.log("c", 2, {"id": 2, "old": "b"})
    table.insert("_schema_changes_change_log", [{"ddl": ddl, "_order_key": "1", "_offset": 1}])
    table.apply("CREATE TABLE t (id INT PRIMARY KEY, new VARCHAR(20))")
    assert table.rows() == [(2, "b")]


def test_a_rename_is_found_in_the_statements_of_the_ddl_file() -> None:
    table = HandMade(BEFORE)
    table.log("c", 2, {"id": 2, "old": "b"})
    table.apply(f"{BEFORE}; ALTER TABLE t RENAME COLUMN old TO new")
    table.log("c", 3, {"id": 3, "new": "c"})
    assert table.rows() == [(2, "b"), (3, "c")]


def test_two_renames_one_after_the_other_are_followed() -> None:
    table = HandMade("CREATE TABLE t (id INT PRIMARY KEY, a INT)")
    table.log("c", 1, {"id": 1, "a": 1})
    table.log("c", 2, {"id": 2, "b": 2})
    table.log("c", 3, {"id": 3, "c": 3})
    table.apply("CREATE TABLE t (id INT PRIMARY KEY, c INT)", renamed={"c": "b", "b": "a"})
    assert table.rows("c") == [1, 2, 3]


def test_a_wider_type_is_taken_over_by_the_snapshot() -> None:
    table = HandMade("CREATE TABLE t (id INT PRIMARY KEY, p DECIMAL(5,2))")
    table.snapshot(1, {"id": 1, "p": "1.50"})
    done = table.apply("CREATE TABLE t (id INT PRIMARY KEY, p DECIMAL(12,4))")
    assert "change types shop.t_snapshot" in done
    assert [str(value) for value in table.rows("p")] == ["1.5000"]
    assert table.apply() == []


def test_another_type_needs_another_snapshot() -> None:
    table = HandMade("CREATE TABLE t (id INT PRIMARY KEY, p VARCHAR(9))")
    table.snapshot(1, {"id": 1, "p": "x"})
    changed = configured("CREATE TABLE t (id INT PRIMARY KEY, p INT)")
    (refusal,) = planned(table.warehouse, [changed]).refusals
    assert "'p' is STRING in t_snapshot and INT64 at the source now; take a new snapshot" in refusal


def test_an_empty_snapshot_is_made_anew_for_another_type() -> None:
    table = HandMade("CREATE TABLE t (id INT PRIMARY KEY, p VARCHAR(9))")
    assert "change types shop.t_snapshot" in table.apply(
        "CREATE TABLE t (id INT PRIMARY KEY, p INT)"
    )
    assert table.apply() == []


def test_a_changed_primary_key_is_refused() -> None:
    table = HandMade(BEFORE)
    table.log("c", 1, {"id": 1, "old": "a"})
    changed = configured("CREATE TABLE t (id INT, old VARCHAR(9), PRIMARY KEY (id, old))")
    (refusal,) = planned(table.warehouse, [changed]).refusals
    assert "its key is id, old, and the newest change of the log is keyed by id" in refusal


def test_changes_without_a_key_of_a_table_that_has_one_are_refused() -> None:
    table = HandMade(BEFORE)
    table.insert("t_change_log", [{"op": "c", "after": '{"id": 1}', "_order_key": "x"}])
    (refusal,) = planned(table.warehouse, [table.table]).refusals
    assert "1 changes of the log have no key" in refusal
    assert "message.key.columns" in refusal


def test_an_unsupported_type_is_refused_and_may_be_left_out() -> None:
    with pytest.raises(
        ConfigurationError, match=r"shop\.t: the column 'p' has the type 'path'.*exclude"
    ):
        HandMade("CREATE TABLE t (id INT PRIMARY KEY, p path)", "postgresql").rows()
