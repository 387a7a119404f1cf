"""Each check of a table finds what it is for, and names an example."""

from __future__ import annotations

import datetime

from kami.checks import CheckResult, run_checks
from tests.kami.operations.shop import START, Event, Shop

ONE = {"id": 1, "price": "1.00", "note": "a"}
MINUTE = datetime.timedelta(minutes=1)


def failed(shop: Shop, limit: float | None = None) -> dict[str, CheckResult]:
    results = run_checks(shop.warehouse, shop.table, START + MINUTE, limit)
    return {result.check: result for result in results if result.status == "failed"}


def test_a_good_table_passes_all_checks(shop: Shop) -> None:
    shop.deliver([Event(10, "c", 1, ONE), Event(20, "t", None), Event(30, "c", 1, ONE)])
    assert failed(shop, limit=1) == {}


def test_a_key_that_the_view_has_twice_is_named(shop: Shop) -> None:
    shop.snapshot({1: ONE}, 5)
    shop.snapshot({1: ONE}, 6)
    found = failed(shop)["unique_keys"]
    assert (found.wrong, found.message) == (1, 'such as {"id":1}')


def test_a_missing_value_of_a_required_column_is_counted(shop: Shop) -> None:
    shop.deliver([Event(10, "c", 1, {**ONE, "id": None})])
    assert failed(shop)["not_null(id)"].wrong == 1


def test_order_keys_and_keys_of_the_log_are_looked_at(shop: Shop) -> None:
    row = Event(10, "c", 1, ONE).row(1, START)
    shop.append("orders_change_log", [{**row, "_order_key": "1/2"}, {**row, "_key": None}])
    found = failed(shop)
    assert set(found) == {"order_keys", "log_keys"}
    assert found["order_keys"].message == "such as 1/2"
    assert found["log_keys"].message == "such as op c at shop.orders offset 1"


def test_an_old_or_empty_log_is_not_fresh(shop: Shop) -> None:
    assert failed(shop, limit=5)["freshness"].message.startswith("the log has no change")
    shop.deliver([Event(0, "c", 1, ONE)])
    assert "expected one of the last 0.5 minutes" in failed(shop, limit=0.5)["freshness"].message


def test_a_view_that_is_not_there_fails(shop: Shop) -> None:
    shop.warehouse.run("DROP VIEW `shop`.`orders`")
    assert failed(shop)["unique_keys"].message == "there is no shop.orders; run `kami apply`"


def test_a_decimal_that_came_as_a_double_is_named_with_the_setting_to_change(shop: Shop) -> None:
    # A whole number may be of a time when the column was an integer: no digit of it is lost.
    shop.deliver([Event(10, "c", 1, {**ONE, "price": 1}), Event(20, "u", 1, ONE)])
    assert failed(shop) == {}
    shop.deliver([Event(30, "u", 1, {**ONE, "price": 12.5})])
    found = failed(shop)["decimals"]
    assert found.wrong == 1
    assert found.message.startswith("such as price 12.5 at ")
    assert "set decimal.handling.mode to precise or string" in found.message
