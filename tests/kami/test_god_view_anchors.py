"""The god view on DuckDB: snapshots of PostgreSQL that were taken while transactions were open."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kami.hand_made import HandMade, order_key


@pytest.fixture
def table() -> HandMade:
    return HandMade("CREATE TABLE t (id INT PRIMARY KEY, n INT)", "postgresql")


def log(table: HandMade, op: str, place: int, transaction: int, key: int, n: int | None) -> None:
    after = None if n is None else {"id": key, "n": n}
    source: dict[str, Any] = {"source": {"txId": transaction}}
    table.log(op, place, after, {"id": key}, **source)


def anchor(table: HandMade, place: int, xmax: int | None, in_progress: list[int]) -> None:
    row = {
        "table_name": "t",
        "order_key": order_key(place, 0),
        "xmax": xmax,
        "in_progress": in_progress,
        "state": "done",
    }
    table.insert("_snapshots", [row])


def test_a_change_below_the_anchor_that_the_snapshot_did_not_see_counts(table: HandMade) -> None:
    anchor(table, 100, 50, [40])
    table.snapshot(100, {"id": 1, "n": 1}, {"id": 2, "n": 1}, {"id": 3, "n": 1})
    log(table, "u", 90, 40, 1, 2)
    log(table, "d", 95, 50, 2, None)
    log(table, "u", 80, 39, 3, 0)
    assert table.rows() == [(1, 2), (3, 1)]


def test_without_its_transactions_an_anchor_is_taken_as_it_is(table: HandMade) -> None:
    table.snapshot(100, {"id": 1, "n": 1})
    log(table, "u", 90, 40, 1, 2)
    assert table.rows() == [(1, 1)]


def test_an_anchor_of_another_table_says_nothing(table: HandMade) -> None:
    table.insert("_snapshots", [{"table_name": "u", "order_key": order_key(100, 0), "xmax": 1}])
    table.snapshot(100, {"id": 1, "n": 1})
    log(table, "u", 90, 40, 1, 2)
    assert table.rows() == [(1, 1)]


def test_transaction_ids_of_a_later_epoch_are_the_same_ids(table: HandMade) -> None:
    epoch = 3 << 32
    anchor(table, 100, epoch + 50, [epoch + 40])
    table.snapshot(100, {"id": 1, "n": 1}, {"id": 2, "n": 1}, {"id": 3, "n": 1})
    log(table, "u", 88, 49, 3, 0)
    log(table, "u", 90, 40, 1, 2)
    log(table, "u", 95, 51, 2, 2)
    assert table.rows() == [(1, 2), (2, 2), (3, 1)]


def test_a_transaction_after_the_counter_wrapped_is_newer_than_xmax(table: HandMade) -> None:
    anchor(table, 100, 2**32 - 2, [])
    table.snapshot(100, {"id": 1, "n": 1})
    log(table, "u", 90, 5, 1, 2)
    assert table.rows() == [(1, 2)]


def test_a_truncate_above_the_first_unseen_change_keeps_what_came_after(table: HandMade) -> None:
    anchor(table, 100, 50, [])
    table.snapshot(100, {"id": 1, "n": 1})
    table.log("t", 99, source={"txId": 51})
    assert table.rows() == []
