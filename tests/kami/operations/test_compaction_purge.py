"""Deleted rows are forgotten after their time, and late rows of theirs do not come back."""

from __future__ import annotations

from kami.compaction import Compactor
from kami.views import god_view_sql
from tests.kami.operations.shop import START, Event, Shop, minutes, order_key

ONE = {"id": 1, "price": "1.00", "note": "a"}
TWO = {**ONE, "id": 2}
DAY = 24 * 60

FIRST_STEP = "newest_keys AS ("
PURGED = (
    "purged AS (SELECT COALESCE(MAX(_order_key), '') AS order_key "
    "FROM `shop`.`orders_snapshot` WHERE _key IS NULL), "
)
LOG_ROWS = "WHERE op IN ('c', 'u', 'd', 'r') AND _key IS NOT NULL"
GUARD = (
    " AND (_order_key > (SELECT purged.order_key FROM purged) "
    "OR _key IN (SELECT _key FROM `shop`.`orders_snapshot` WHERE _key IS NOT NULL))"
)


def guarded(shop: Shop) -> None:
    """The god view with the condition that forgetting needs."""
    sql = god_view_sql(shop.table)
    if "purged.order_key" not in sql:
        for found, put in ((FIRST_STEP, PURGED + FIRST_STEP), (LOG_ROWS, LOG_ROWS + GUARD)):
            assert found in sql
            sql = sql.replace(found, put, 1)
    shop.warehouse.create_view("shop", "orders", sql)


def compact(shop: Shop, cut: int, days: float) -> None:
    now = START + minutes(days * DAY)
    Compactor(shop.warehouse, shop.table, now, cut=order_key(cut), accept_gaps=True).run()


def test_late_rows_of_a_forgotten_key_go_to_quarantine(shop: Shop) -> None:
    guarded(shop)
    shop.deliver([Event(10, "c", 1, ONE), Event(12, "c", 2, TWO), Event(20, "d", 2)])
    compact(shop, 20, days=0)
    assert shop.count("orders_snapshot", "`_deleted`") == 1
    compact(shop, 20, days=29)
    assert shop.count("orders_snapshot", "`_key` = '[\"2\"]'") == 1
    compact(shop, 20, days=31)
    assert shop.count("orders_snapshot", "`_key` = '[\"2\"]'") == 0
    where = f"`_key` IS NULL AND `_order_key` = '{order_key(20)}'"
    assert shop.count("orders_snapshot", where) == 1
    assert shop.rows() == {1: ONE}

    late = [Event(12, "c", 2, TWO), Event(10, "c", 1, ONE)]
    shop.deliver(late)
    assert shop.rows() == {1: ONE}
    compact(shop, 30, days=32)
    assert shop.count("orders_quarantine") == 1
    assert shop.count("orders_change_log") == 0
    assert shop.rows() == {1: ONE}

    newer = {**TWO, "note": "again"}
    shop.deliver([Event(40, "c", 2, newer)])
    assert shop.rows() == {1: ONE, 2: newer}
    compact(shop, 50, days=33)
    assert shop.rows() == {1: ONE, 2: newer}
    assert shop.count("orders_snapshot", where) == 1
