"""The god view on DuckDB: what is the newest row of a key."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kami.errors import ConfigurationError
from kami.views import god_view_sql
from tests.kami.hand_made import TAKEN_AT, HandMade, configured, order_key

ORDERS = "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(20))"


@pytest.fixture
def orders() -> HandMade:
    return HandMade(ORDERS)


def row(key: int, note: str | None) -> dict[str, object]:
    return {"id": key, "note": note}


def test_the_newest_change_of_a_key_counts_whatever_came_last(orders: HandMade) -> None:
    orders.log("u", 30, row(1, "new"))
    orders.log("c", 10, row(1, "old"))
    orders.log("c", 20, row(2, "other"))
    assert orders.rows() == [(1, "new"), (2, "other")]


def test_a_deleted_row_is_gone_and_one_that_came_again_is_there(orders: HandMade) -> None:
    orders.log("c", 1, row(1, "a"))
    orders.log("c", 2, row(2, "a"))
    orders.log("d", 3, key={"id": 1})
    orders.log("d", 4, key={"id": 2})
    orders.log("c", 5, row(2, "b"))
    assert orders.rows() == [(2, "b")]


def test_a_null_that_was_sent_is_null(orders: HandMade) -> None:
    orders.log("c", 1, row(1, "a"))
    orders.log("u", 2, row(1, None))
    assert orders.rows() == [(1, None)]


def test_a_truncate_takes_what_is_older_of_log_and_snapshot(orders: HandMade) -> None:
    orders.snapshot(5, row(1, "snapshot"), row(2, "snapshot"))
    orders.log("u", 8, row(2, "log"))
    orders.log("c", 9, row(3, "log"))
    orders.log("t", 10)
    orders.log("c", 11, row(3, "after"))
    orders.log("u", 7, row(1, "late"))
    assert orders.rows() == [(3, "after")]


def test_a_snapshot_after_the_truncate_stays(orders: HandMade) -> None:
    orders.log("t", 10)
    orders.snapshot(11, row(1, "snapshot"))
    assert orders.rows() == [(1, "snapshot")]


def test_the_newer_of_snapshot_and_log_counts(orders: HandMade) -> None:
    orders.snapshot(10, row(1, "snapshot"), row(2, "snapshot"), row(3, "snapshot"))
    orders.log("u", 9, row(1, "older"))
    orders.log("u", 11, row(2, "newer"))
    orders.log("d", 12, key={"id": 3})
    orders.log("d", 8, key={"id": 1})
    orders.log("c", 9, row(4, "deleted before the snapshot"))
    orders.log("d", 13, key={"id": 4})
    assert orders.rows() == [(1, "snapshot"), (2, "newer")]


def test_a_streamed_row_at_the_anchor_wins(orders: HandMade) -> None:
    orders.snapshot(10, row(1, "snapshot"))
    orders.log("u", 10, row(1, "streamed"))
    assert orders.rows() == [(1, "streamed")]


def test_a_row_deleted_by_compaction_stays_deleted_for_late_duplicates(orders: HandMade) -> None:
    orders.snapshot(10, row(1, None), deleted=True)
    orders.log("u", 9, row(1, "late duplicate"))
    assert orders.rows() == []
    orders.log("c", 11, row(1, "again"))
    assert orders.rows() == [(1, "again")]


def test_rows_that_were_delivered_or_written_twice_are_one(orders: HandMade) -> None:
    for offset in (1, 7, 7):
        orders.log("u", 3, row(1, "a"), offset=offset)
    assert orders.rows() == [(1, "a")]


def test_of_rows_without_coordinates_the_last_delivery_counts(orders: HandMade) -> None:
    orders.log("r", 0, row(1, "first snapshot"), phase=0, offset=1)
    orders.log("r", 0, row(1, "second snapshot"), phase=0, offset=9)
    assert orders.rows() == [(1, "second snapshot")]


def test_a_changed_key_is_a_deleted_row_and_a_new_one(orders: HandMade) -> None:
    orders.log("c", 1, row(1, "a"))
    orders.log("d", 2, key={"id": 1}, _new_key={"id": 5})
    orders.log("c", 2, row(5, "a"), _old_key={"id": 1})
    assert orders.rows() == [(5, "a")]


def test_ddl_events_and_rows_without_a_key_are_no_rows(orders: HandMade) -> None:
    orders.log(None, 1, None)
    orders.insert("orders_change_log", [{"op": "c", "after": '{"id": 1}', "_order_key": "x"}])
    assert orders.rows() == []


def test_composite_keys_whose_parts_join_alike_are_different_rows() -> None:
    pairs = HandMade("CREATE TABLE p (b VARCHAR(9), a VARCHAR(9), n INT, PRIMARY KEY (b, a))")
    pairs.log("c", 1, {"b": "x,y", "a": "z", "n": 1})
    pairs.log("c", 2, {"b": "x", "a": "y,z", "n": 2})
    pairs.log("c", 3, {"b": 'x","y', "a": "z", "n": 3})
    assert sorted(pairs.rows("n")) == [1, 2, 3]


def test_keys_that_differ_in_case_only_are_different_rows() -> None:
    names = HandMade("CREATE TABLE p (name VARCHAR(9) PRIMARY KEY, n INT)")
    names.log("c", 1, {"name": "Ada", "n": 1})
    names.log("c", 2, {"name": "ada", "n": 2})
    names.snapshot(0, {"name": "ADA", "n": 3})
    assert names.rows() == [("ADA", 3), ("Ada", 1), ("ada", 2)]


STRANGE = [
    "select",
    "order by",
    "a.b",
    'say "hi"',
    "back\\slash",
    "tick`s",
    "$x",
    "/y",
    "it's",
    "ü",
]


@pytest.mark.parametrize("name", STRANGE)
def test_a_column_may_have_any_name(name: str) -> None:
    quoted = name.replace("`", "``")
    strange = HandMade(f"CREATE TABLE t (`id` INT PRIMARY KEY, `{quoted}` VARCHAR(9))")
    strange.log("c", 5, {"id": 1, name: "log"})
    strange.snapshot(1, {"id": 1, name: "old"}, {"id": 2, name: "snapshot"})
    assert strange.rows() == [(1, "log"), (2, "snapshot")]


def test_rows_at_a_cut_are_those_of_that_time(orders: HandMade) -> None:
    orders.log("c", 1, row(1, "a"))
    orders.log("c", 1, row(2, "a"))
    orders.log("u", 2, row(1, "b"))
    orders.log("t", 3)
    before = orders.newest(cut=order_key(1))
    assert [(found["id"], found["note"]) for found in before] == [(1, "a"), (2, "a")]
    assert orders.newest(cut=order_key(3)) == []


def test_bookkeeping_tells_key_order_and_deletion(orders: HandMade) -> None:
    orders.snapshot(1, row(1, "a"), row(2, "a"))
    orders.log("d", 2, key={"id": 1})
    found = orders.newest(bookkeeping=True, deleted=True)
    assert found == [
        {"_key": '["1"]', "_order_key": order_key(2), "_deleted": True, "id": None, "note": None},
        {"_key": '["2"]', "_order_key": order_key(1, 0), "_deleted": False, "id": 2, "note": "a"},
    ]


def test_a_decimal_of_more_digits_than_the_view_knows_is_still_shown() -> None:
    prices = HandMade("CREATE TABLE p (id INT PRIMARY KEY, price DECIMAL(5,2))")
    prices.log("c", 1, {"id": 1, "price": "1234567.89"})
    assert prices.rows("price") == [Decimal("1234567.89")]


def test_a_table_without_a_key_has_no_god_view() -> None:
    with pytest.raises(ConfigurationError, match=r"shop\.t has no primary key.*key: \[\.\.\.\]"):
        god_view_sql(configured("CREATE TABLE t (a INT)"))


def test_a_table_without_a_key_has_a_view_of_its_events() -> None:
    events = HandMade("CREATE TABLE t (a INT)")
    events.insert("t_change_log", [{"op": "c", "after": '{"a": 5}', "_order_key": order_key(1)}])
    events.insert("t_change_log", [{"op": "d", "before": '{"a": 6}', "_order_key": order_key(2)}])
    found = events.warehouse.query("SELECT * FROM `shop`.`t_events` ORDER BY _order_key")
    assert found.column("a").to_pylist() == [5, 6]
    assert "shop.t_events" in events.notes[0]


def test_a_key_may_be_named_where_the_source_has_none() -> None:
    table = HandMade("CREATE TABLE t (a INT, b INT)", key=("a",))
    table.log("c", 1, {"a": 1, "b": 1})
    table.log("u", 2, {"a": 1, "b": 2})
    assert table.rows() == [(1, 2)]


@pytest.mark.parametrize("name", ["_key", "_deleted", "_kami_after"])
def test_a_column_named_like_one_of_ours_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{name}'.*exclude"):
        god_view_sql(configured(f"CREATE TABLE t (id INT PRIMARY KEY, `{name}` INT)"))


def test_columns_that_differ_in_case_only_are_refused() -> None:
    ddl = 'CREATE TABLE t (id INT PRIMARY KEY, "A" INT, a INT)'
    with pytest.raises(ConfigurationError, match="'A' and 'a' differ in case"):
        god_view_sql(configured(ddl, "postgresql"))


@pytest.mark.parametrize(
    ("of_snapshot", "of_compaction", "shown"),
    [
        ({}, {}, [4, 5, 6]),
        ({}, None, [2, 4, 5, 6]),
        (None, {}, [2, 4, 5, 6]),
        ({}, {"cut": order_key(10)}, [2, 4, 5, 6]),
        ({"order_key": order_key(10, 0)}, {}, [2, 4, 5, 6]),
        ({}, {"finished_at": None}, [2, 4, 5, 6]),
        ({}, {"table_name": "other"}, [2, 4, 5, 6]),
        ({"state": "reading"}, {}, [2, 4, 5, 6]),
        ({"table_name": "other"}, {}, [2, 4, 5, 6]),
    ],
    ids=[
        "compacted and then read",
        "nothing compacted",
        "nothing read",
        "compacted to below it",
        "read before it",
        "while it is compacted",
        "another table compacted",
        "while it is read",
        "another table read",
    ],
)
def test_a_change_of_what_a_snapshot_lacks_is_a_repeat_where_it_was_compacted(
    of_snapshot: dict[str, Any] | None, of_compaction: dict[str, Any] | None, shown: list[int]
) -> None:
    table = HandMade("CREATE TABLE t (id INT PRIMARY KEY, n INT)")
    read = {"table_name": "t", "order_key": order_key(40, 0), "state": "done"}
    compacted = {"table_name": "t", "cut": order_key(30), "finished_at": TAKEN_AT}
    if of_snapshot is not None:
        table.insert("_snapshots", [{**read, **of_snapshot}])
    if of_compaction is not None:
        table.insert("_compactions", [{**compacted, **of_compaction}])
    table.snapshot(40, {"id": 5, "n": 0}, {"id": 6, "n": 0})
    for key, place in ((2, 20), (4, 35), (5, 25)):
        table.log("c", place, {"id": key, "n": 1})
    assert table.rows("id") == shown
    assert table.rows("n")[-2:] == [0, 0]
