"""The god view on DuckDB: values that PostgreSQL keeps out of line and an update did not send."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from kami.keys import key_text
from kami.views import god_view_sql
from tests.kami.hand_made import HandMade, configured

DDL = "CREATE TABLE t (id INT PRIMARY KEY, n INT, big TEXT, doc JSONB)"


@pytest.fixture
def table() -> HandMade:
    return HandMade(DDL, "postgresql")


def row(key: int, n: int, **more: object) -> dict[str, object]:
    return {"id": key, "n": n, **more}


MISSING: dict[str, Any] = {"_missing_columns": ["big"]}


def test_a_value_that_was_not_sent_is_the_newest_known_one(table: HandMade) -> None:
    table.log("c", 1, row(1, 1, big="first", doc="{}"))
    table.log("u", 2, row(1, 2, big="second", doc="{}"))
    table.log("u", 3, row(1, 3, doc='{"a":1}'), **MISSING)
    table.log("u", 4, row(1, 4, doc='{"a":2}'), **MISSING)
    assert table.rows() == [(1, 4, "second", '{"a":2}')]


def test_a_null_that_was_sent_is_known(table: HandMade) -> None:
    table.log("c", 1, row(1, 1, big="first", doc=None))
    table.log("u", 2, row(1, 2, big=None, doc=None))
    table.log("u", 3, row(1, 3), _missing_columns=["big", "doc"])
    assert table.rows() == [(1, 3, None, None)]


def test_a_value_is_taken_from_the_snapshot_where_the_log_does_not_have_it(table: HandMade) -> None:
    table.snapshot(5, row(1, 1, big="snapshot", doc='{"s":1}'))
    table.log("u", 6, row(1, 2), _missing_columns=["big", "doc"])
    assert table.rows() == [(1, 2, "snapshot", '{"s":1}')]


def test_of_log_and_snapshot_the_newer_value_is_taken(table: HandMade) -> None:
    table.log("c", 3, row(1, 1, big="before the snapshot", doc="{}"))
    table.snapshot(5, row(1, 1, big="snapshot", doc="{}"))
    table.log("u", 6, row(1, 2, doc="{}"), **MISSING)
    assert table.rows("big") == ["snapshot"]
    table.log("u", 7, row(1, 2, big="log", doc="{}"))
    table.log("u", 8, row(1, 3, doc="{}"), **MISSING)
    assert table.rows("big") == ["log"]


def change_key(table: HandMade, place: int, old: int, new: int, **after: object) -> None:
    missing = [name for name in ("big", "doc") if name not in after]
    table.log("d", place, key={"id": old}, _new_key={"id": new})
    table.log(
        "c", place, row(new, place, **after), _old_key={"id": old}, _missing_columns=missing or None
    )


def test_a_value_is_known_from_the_row_under_its_old_keys(table: HandMade) -> None:
    table.log("c", 1, row(1, 1, big="first", doc="{}"))
    change_key(table, 2, 1, 2)
    change_key(table, 3, 2, 3)
    table.log("u", 4, row(3, 4), _missing_columns=["big", "doc"])
    assert table.rows() == [(3, 4, "first", "{}")]


def test_a_value_under_an_old_key_may_be_the_snapshots(table: HandMade) -> None:
    table.snapshot(1, row(1, 1, big="snapshot", doc="{}"))
    change_key(table, 2, 1, 2)
    assert table.rows() == [(2, 2, "snapshot", "{}")]


def test_a_row_that_had_the_key_before_is_another_row(table: HandMade) -> None:
    table.log("c", 1, row(2, 1, big="of the row that was deleted", doc="{}"))
    table.log("d", 2, key={"id": 2})
    table.log("c", 3, row(1, 3, big="of the row that moved", doc="{}"))
    change_key(table, 4, 1, 2)
    table.snapshot(1, row(2, 1, big="the deleted row's", doc="{}"))
    assert table.rows() == [(2, 4, "of the row that moved", "{}")]


def test_a_key_that_was_changed_there_and_back_is_followed(table: HandMade) -> None:
    table.log("c", 1, row(1, 1, big="a", doc="{}"))
    change_key(table, 2, 1, 2)
    change_key(table, 3, 2, 1)
    assert table.rows() == [(1, 3, "a", "{}")]


def test_the_newest_key_change_counts_of_several_into_one_key(table: HandMade) -> None:
    table.log("c", 1, row(1, 1, big="one", doc="{}"))
    table.log("c", 2, row(5, 2, big="five", doc="{}"))
    change_key(table, 3, 1, 9)
    table.log("d", 4, key={"id": 9})
    change_key(table, 6, 5, 9)
    assert table.rows("big") == ["five"]


def test_a_key_change_that_was_delivered_twice_is_one(table: HandMade) -> None:
    table.log("c", 1, row(1, 1, big="one", doc="{}"))
    change_key(table, 2, 1, 2)
    change_key(table, 2, 1, 2)
    assert table.rows() == [(2, 2, "one", "{}")]


def test_a_value_of_a_row_that_ended_is_not_filled_in(table: HandMade) -> None:
    table.log("c", 1, row(1, 1, big="of the row before", doc="{}"))
    table.log("d", 2, key={"id": 1})
    # Of the row that has the key now, the create has not come.
    table.log("u", 4, row(1, 4, doc="{}"), **MISSING)
    assert table.rows("n", "big") == [(4, None)]
    table.log("c", 3, row(1, 3, big="its own", doc="{}"))
    assert table.rows("n", "big") == [(4, "its own")]


def test_a_row_that_went_to_another_key_ended_though_its_delete_has_not_come(
    table: HandMade,
) -> None:
    table.log("c", 1, row(1, 1, big="moved", doc="{}"))
    table.log("c", 2, row(2, 2, doc="{}"), _old_key={"id": 1}, **MISSING)
    table.log("u", 4, row(1, 4, doc="{}"), **MISSING)
    assert table.rows("id", "big") == [(1, None), (2, "moved")]


def test_a_value_from_before_a_truncate_is_not_filled_in(table: HandMade) -> None:
    table.snapshot(1, row(2, 1, big="in the snapshot", doc="{}"))
    table.log("c", 2, row(1, 1, big="in the log", doc="{}"))
    table.log("t", 3)
    for key in (1, 2):
        table.log("u", 4, row(key, 4, doc="{}"), **MISSING)
    assert table.rows("id", "big") == [(1, None), (2, None)]


def test_old_keys_are_found_whatever_their_types() -> None:
    table = HandMade(
        "CREATE TABLE t (b NUMERIC(9,2), a TEXT, flag BOOLEAN, big TEXT, PRIMARY KEY (b, a, flag))",
        "postgresql",
    )
    old: dict[str, Any] = {"b": "10.50", "a": 'q"\\\n\x01é', "flag": True}
    new = {**old, "b": "11.00"}
    written = {"op": "c", "_order_key": "1", "_offset": 1}
    moved = {"op": "c", "_order_key": "2", "_offset": 2, "_old_key": json.dumps(old)}
    for event, key, after in ((written, old, {**old, "big": "known"}), (moved, new, new)):
        missing = [] if "big" in after else ["big"]
        text = {
            "_key": key_text({**key, "b": Decimal(key["b"])}),
            "key": json.dumps(key),
            "after": json.dumps(after),
            "_missing_columns": missing,
        }
        table.insert("t_change_log", [{**event, **text}])
    found = {str(row[0]): row[1] for row in table.rows("b", "big")}
    assert found == {"10.50": "known", "11.00": "known"}


def test_tables_whose_columns_are_all_in_line_pay_nothing() -> None:
    lean = configured("CREATE TABLE t (id INT PRIMARY KEY, n NUMERIC(5,2), at DATE)", "postgresql")
    assert "_missing_columns" not in god_view_sql(lean)
    assert "_missing_columns" in god_view_sql(configured(DDL, "postgresql"))


def test_mysql_has_no_such_columns() -> None:
    assert "_missing_columns" not in god_view_sql(
        configured("CREATE TABLE t (id INT PRIMARY KEY, big LONGTEXT)")
    )
