"""T_history has every version once, and tells the table as it was after every change."""

from __future__ import annotations

import datetime
import random

import pytest

from kami.compaction import Compactor
from kami.errors import ConfigurationError, RefusedError
from kami.history import as_of_sql, create_history, position_of, versions_sql
from kami.schema import Dialect
from tests.kami.operations.shop import START, Event, Shop, make_history, minutes, order_key

ONE = {"id": 1, "price": "1.00", "note": "a"}


def seconds(number: int) -> datetime.datetime:
    return START + datetime.timedelta(seconds=number)


def versions(shop: Shop) -> list[tuple[object, ...]]:
    create_history(shop.warehouse, shop.table)
    names = ("_op", "_valid_from", "_valid_to", "_ended_by", "id", "note")
    rows = shop.warehouse.query(versions_sql(shop.table)).to_pylist()
    return [tuple(row[name] for name in names) for row in rows]


def test_a_version_ends_where_the_next_begins_or_the_row_is_deleted(shop: Shop) -> None:
    shop.snapshot({2: {**ONE, "id": 2}}, 5)
    created, changed = Event(10, "c", 1, ONE), Event(20, "u", 1, {**ONE, "note": "b"})
    shop.deliver([changed, Event(30, "d", 1), created, created, Event(40, "u", 2, ONE | {"id": 2})])
    assert versions(shop) == [
        ("c", seconds(10), seconds(20), "u", 1, "a"),
        ("u", seconds(20), seconds(30), "d", 1, "b"),
        ("r", None, seconds(40), "u", 2, "a"),
        ("u", seconds(40), None, None, 2, "a"),
    ]


def test_a_truncate_ends_every_version(shop: Shop) -> None:
    later = Event(30, "c", 1, {**ONE, "note": "b"})
    shop.deliver([Event(10, "c", 1, ONE), Event(20, "t", None), later])
    assert versions(shop) == [
        ("c", seconds(10), seconds(20), "t", 1, "a"),
        ("c", seconds(30), None, None, 1, "b"),
    ]


@pytest.mark.parametrize("dialect", ["mysql", "postgresql"])
def test_the_table_is_as_it_was_after_every_change_though_it_was_compacted(
    dialect: Dialect, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shop = Shop(tmp_path_factory.mktemp(dialect), dialect)
    history = make_history(7, 120, dialect, keys=12)
    anchor = 300
    chance = random.Random(7)
    mixed = [*history.events, *chance.sample(history.events, 30)]
    chance.shuffle(mixed)
    shop.snapshot(history.at(anchor), anchor)
    after = [event for event in mixed if event.lsn > anchor]
    shop.deliver(after, gap=True)
    for cut in (500, 900):
        Compactor(
            shop.warehouse, shop.table, START + minutes(cut), cut=order_key(cut), accept_gaps=True
        ).run()
    create_history(shop.warehouse, shop.table)
    for lsn in (anchor, *range(310, history.last_lsn + 10, 130), history.last_lsn):
        assert shop.rows(as_of_sql(shop.table, order_key(lsn))) == history.at(lsn), lsn
    create_history(shop.warehouse, shop.table)
    shop.warehouse.close()


def test_a_time_is_the_position_of_the_newest_change_before_it(shop: Shop) -> None:
    shop.deliver([Event(10, "c", 1, ONE), Event(20, "u", 1, ONE)])
    assert position_of(shop.warehouse, shop.table, "2026-01-01T00:00:19.9Z") == order_key(10)
    assert position_of(shop.warehouse, shop.table, "2026-01-01 00:00:20") == order_key(20)
    with pytest.raises(ConfigurationError, match="no change of shop is as old as 2026-01-01T00:00"):
        position_of(shop.warehouse, shop.table, "2026-01-01")


def test_a_table_without_a_log_has_no_history(shop: Shop) -> None:
    shop.warehouse.run("DROP TABLE `shop`.`orders_change_log`")
    with pytest.raises(RefusedError, match="run `kami apply`"):
        create_history(shop.warehouse, shop.table)
