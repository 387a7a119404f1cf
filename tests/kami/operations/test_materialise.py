"""T_materialised is the god view, however it was brought there."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kami.compaction import Compactor
from kami.errors import RefusedError
from kami.materialise import Materialiser, MaterialiseResult
from kami.schema import Dialect
from tests.kami.operations.shop import (
    START,
    Event,
    Shop,
    make_history,
    minutes,
    order_key,
)

TABLE = "SELECT `id`, `price`, `note` FROM `shop`.`orders_materialised`"
VALUES = {"id": 1, "price": "12.50", "note": "x"}


def materialise(shop: Shop, at: int, full: bool = False) -> MaterialiseResult:
    return Materialiser(
        shop.warehouse, shop.table, START + minutes(at), full=full, margin=minutes(10)
    ).run()


def test_it_is_full_first_then_nothing_then_only_the_keys_that_changed(shop: Shop) -> None:
    shop.snapshot({2: {**VALUES, "id": 2}}, 5)
    shop.deliver([Event(10, "c", 1, VALUES)])
    assert materialise(shop, 1)[1:4] == ("full", 2, None)
    assert materialise(shop, 2)[1:4] == ("unchanged", 2, None)
    shop.deliver([Event(20, "d", 1)], START + minutes(60))
    assert materialise(shop, 61)[1:4] == ("incremental", 1, 1)
    shop.deliver([Event(15, "u", 1, VALUES)], START + minutes(61))
    assert materialise(shop, 62)[1:4] == ("incremental", 1, 1)
    assert shop.rows(TABLE) == shop.rows() == {2: {**VALUES, "id": 2}}


def test_a_row_that_became_readable_too_late_makes_a_rebuild(shop: Shop) -> None:
    shop.deliver([Event(10, "c", 1, VALUES)], START + minutes(60))
    materialise(shop, 61)
    shop.deliver([Event(20, "u", 1, {**VALUES, "note": "y"})], START + minutes(10))
    assert materialise(shop, 62).reason == (
        "rows of the log came or went that are older than the margin"
    )
    assert shop.rows(TABLE) == {1: {**VALUES, "note": "y"}}


def test_a_truncate_makes_a_rebuild(shop: Shop) -> None:
    shop.deliver([Event(10, "c", 1, VALUES)])
    materialise(shop, 1)
    shop.deliver([Event(20, "t", None)], START + minutes(1))
    assert materialise(shop, 2).reason == "the table was truncated"
    assert shop.rows(TABLE) == {}


def test_a_table_without_a_log_is_refused(shop: Shop) -> None:
    shop.warehouse.run("DROP TABLE `shop`.`orders_change_log`")
    with pytest.raises(RefusedError, match=r"no table shop\.orders_change_log; run `kami apply`"):
        materialise(shop, 1)


@pytest.mark.parametrize("dialect", ["mysql", "postgresql"])
def test_incremental_equals_full_with_any_history_and_delivery(
    dialect: Dialect, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shop = Shop(tmp_path_factory.mktemp(dialect), dialect)

    @settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**32))
    def holds(seed: int) -> None:
        run(shop, seed, dialect)

    holds()
    shop.warehouse.close()


def run(shop: Shop, seed: int, dialect: Dialect) -> None:
    chance = random.Random(seed)
    history = make_history(seed, 200, dialect, keys=60)
    shop.create()
    shop.snapshot(history.at(300), 300)
    events = [event for event in history.events for _ in range(chance.choice([1, 1, 2]))]
    # Nearly in order: some rows are late by a few places, some by many.
    events.sort(key=lambda event: event.lsn + chance.choice([0, 0, 0, 40, 900]))
    size = len(events) // 5 + 1
    for number, start in enumerate(range(0, len(events), size)):
        at = chance.choice([number * 7, number * 7, max(0, number * 7 - 20)])
        shop.deliver(events[start : start + size], START + minutes(at), gap=True)
        if number == 3:
            cut = order_key(chance.randrange(2000))
            Compactor(shop.warehouse, shop.table, START, cut=cut, accept_gaps=True).run()
        materialise(shop, number * 7)
        assert shop.rows(TABLE) == shop.rows(), f"seed {seed}, step {number}"
    assert shop.rows(TABLE) == history.now, f"seed {seed}"
