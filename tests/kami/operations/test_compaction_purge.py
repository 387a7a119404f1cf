"""Deleted rows are forgotten after their time, and late rows of theirs do not come back."""

from __future__ import annotations

import datetime
from typing import Any
from unittest.mock import patch

from kami.compaction import CompactionResult, Compactor
from kami.compaction_held import hold
from tests.kami.operations.shop import START, Event, Shop, minutes, order_key

ONE = {"id": 1, "price": "1.00", "note": "a"}
TWO = {**ONE, "id": 2}
THREE = {**ONE, "id": 3}
DAY = 24 * 60
DELETED = "`_key` = '[\"2\"]'"


def compact(shop: Shop, cut: int, days: float, **options: Any) -> CompactionResult:
    now = START + minutes(days * DAY)
    options = {"accept_gaps": True, **options}
    return Compactor(shop.warehouse, shop.table, now, cut=order_key(cut), **options).run()


def with_a_deleted_row(shop: Shop) -> None:
    """Row 2 was deleted at 20 and compacted on day 0; row 3 came later, and is compacted too."""
    shop.deliver([Event(10, "c", 1, ONE), Event(12, "c", 2, TWO), Event(20, "d", 2)])
    compact(shop, 20, days=0)
    shop.deliver([Event(30, "c", 3, THREE)])


def watermark(shop: Shop) -> str | None:
    """The order key of the row that stands for those that were forgotten."""
    found = shop.warehouse.query(
        "SELECT `_order_key` FROM `shop`.`orders_snapshot` WHERE `_key` IS NULL"
    )["_order_key"].to_pylist()
    return found[0] if found else None


def test_late_rows_of_a_forgotten_key_go_to_quarantine(shop: Shop) -> None:
    with_a_deleted_row(shop)
    compact(shop, 30, days=29)
    assert shop.count("orders_snapshot", DELETED) == 1
    result = compact(shop, 30, days=31)
    assert result.snapshot_rows == 2
    assert shop.count("orders_snapshot", DELETED) == 0
    assert watermark(shop) == order_key(20)
    assert shop.rows() == {1: ONE, 3: THREE}

    late = [Event(12, "c", 2, TWO), Event(10, "c", 1, ONE)]
    shop.deliver(late)
    assert shop.rows() == {1: ONE, 3: THREE}
    assert compact(shop, 30, days=32).quarantined_rows == 1
    assert shop.count("orders_change_log") == 0
    assert shop.rows() == {1: ONE, 3: THREE}

    newer = {**TWO, "note": "again"}
    shop.deliver([Event(40, "c", 2, newer)])
    assert shop.rows() == {1: ONE, 2: newer, 3: THREE}
    compact(shop, 50, days=33)
    assert shop.rows() == {1: ONE, 2: newer, 3: THREE}
    assert watermark(shop) == order_key(20)


def test_a_deleted_row_is_kept_while_an_older_change_waits_in_the_log(shop: Shop) -> None:
    """It is above no cut, so that no compaction has put its key into the snapshot."""
    with_a_deleted_row(shop)
    first = {**ONE, "id": 4}
    shop.deliver([Event(15, "c", 4, first)])
    compact(shop, 14, days=31)
    assert shop.count("orders_snapshot", DELETED) == 1
    assert shop.rows() == {1: ONE, 3: THREE, 4: first}
    compact(shop, 30, days=32)
    assert shop.count("orders_snapshot", DELETED) == 0
    assert shop.rows() == {1: ONE, 3: THREE, 4: first}


def test_a_deleted_row_is_kept_while_a_partition_shows_nothing_newer(shop: Shop) -> None:
    """A row that the connector reads anew takes the newest order key of its partition."""
    with_a_deleted_row(shop)
    other = Event(5, "c", 5, {**ONE, "id": 5}).row(0, START)
    shop.append("orders_change_log", [{**other, "_topic_partition": 1}])
    compact(shop, 30, days=31)
    assert shop.count("orders_snapshot", DELETED) == 1
    newer = Event(25, "u", 5, {**ONE, "id": 5}).row(1, START)
    shop.append("orders_change_log", [{**newer, "_topic_partition": 1}])
    compact(shop, 30, days=32)
    assert shop.count("orders_snapshot", DELETED) == 0


def test_a_deleted_row_that_is_told_again_is_kept_anew(shop: Shop) -> None:
    with_a_deleted_row(shop)
    shop.deliver([Event(20, "d", 2)])
    compact(shop, 30, days=31)
    assert shop.count("orders_snapshot", DELETED) == 1
    compact(shop, 30, days=60)
    assert shop.count("orders_snapshot", DELETED) == 1
    compact(shop, 30, days=62)
    assert shop.count("orders_snapshot", DELETED) == 0


def test_nothing_is_forgotten_under_a_view_that_would_let_late_rows_in(shop: Shop) -> None:
    with_a_deleted_row(shop)
    older = "SELECT `id`, `price`, `note` FROM `shop`.`orders_snapshot` WHERE NOT `_deleted`"
    shop.warehouse.create_view("shop", "orders", older)
    compact(shop, 30, days=31)
    assert shop.count("orders_snapshot", DELETED) == 1


def test_a_late_row_that_comes_in_the_midst_of_a_compaction_waits_for_the_next(shop: Shop) -> None:
    with_a_deleted_row(shop)
    compact(shop, 30, days=31)

    def late(*given: Any) -> None:
        shop.deliver([Event(12, "c", 2, TWO)])
        hold(*given)

    with patch("kami.compaction.hold", late):
        compact(shop, 30, days=32)
    assert shop.rows() == {1: ONE, 3: THREE}
    assert shop.count("orders_snapshot", DELETED) == 0
    assert compact(shop, 30, days=33).quarantined_rows == 1
    assert shop.rows() == {1: ONE, 3: THREE}


def test_a_configured_number_of_days_is_kept(shop: Shop) -> None:
    with_a_deleted_row(shop)
    compact(shop, 30, days=8, purge_after=datetime.timedelta(days=9))
    assert shop.count("orders_snapshot", DELETED) == 1
    compact(shop, 30, days=8, purge_after=datetime.timedelta(days=7))
    assert shop.count("orders_snapshot", DELETED) == 0
