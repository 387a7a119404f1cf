"""The god view as of a read of the database: what came after it, or was open then, is left out."""

from __future__ import annotations

import pytest

from kami.errors import RefusedError
from kami.reconcile_as_of import MAX_POSITIONS, as_of_views, state_of_the_log
from kami.reconcile_moment import Moment
from kami.tables import INCARNATIONS
from kami.warehouse import table_sql
from tests.kami.operations.shop import START, Event, Shop, Values, order_key

ONE: Values = {"id": 1, "price": "1.00", "note": "a"}
SERVER = "3e11fa47-71ca-11e1-9e33-c80aa9429562"


def states(shop: Shop, moment: Moment) -> list[dict[int, object]]:
    """The notes by id, of each of the views."""
    views = as_of_views(shop.warehouse, shop.table, moment)
    return [{key: row["note"] for key, row in shop.rows(view).items()} for view in views]


def logged(shop: Shop, lsn: int, note: str, transaction: int, key: int = 1, life: int = 0) -> None:
    """A change as PostgreSQL's log has it."""
    row = Event(lsn, "c", key, {**ONE, "id": key, "note": note}).row(lsn, START)
    row["_order_key"] = order_key(lsn, incarnation=life)
    row["source"] = {"txId": transaction, "lsn": lsn}
    shop.append("orders_change_log", [row])


def test_postgresql_is_as_of_the_transactions_that_the_read_saw(postgresql_shop: Shop) -> None:
    shop = postgresql_shop
    logged(shop, 10, "first", 7)
    # Written before the read's place, by transactions that were open, or had yet to begin.
    logged(shop, 20, "was open", 8)
    logged(shop, 30, "seen", 9, key=2)
    logged(shop, 31, "seen, and written after the place that was noted before", 10, key=3)
    logged(shop, 40, "later", 12, key=2)
    assert states(shop, Moment("0/20", "0/1E", 12, (8,))) == [
        {1: "first", 2: "seen", 3: "seen, and written after the place that was noted before"}
    ]


def test_transactions_are_told_by_the_32_bits_of_their_ids(postgresql_shop: Shop) -> None:
    logged(postgresql_shop, 10, "before the counter wrapped", 2**32 - 3)
    logged(postgresql_shop, 20, "was open", 2)
    logged(postgresql_shop, 30, "later", 5)
    moment = Moment("0/20", "0/20", 2**32 + 4, (2**32 + 2,))
    assert states(postgresql_shop, moment) == [{1: "before the counter wrapped"}]


@pytest.mark.parametrize("in_progress", [(), (500,)])
def test_transactions_of_a_life_before_a_restore_are_part_of_the_read(
    postgresql_shop: Shop, in_progress: tuple[int, ...]
) -> None:
    """A restored database gives the ids out again that its log has of before."""
    shop = postgresql_shop
    names = [column.name for column in INCARNATIONS]
    row = dict.fromkeys(names) | {"source": "shop", "ordinal": 1, "identity": ""}
    shop.warehouse.run(f"DELETE FROM {table_sql('shop', '_incarnations')} WHERE TRUE")  # noqa: S608
    shop.append("_incarnations", [row])
    logged(shop, 900, "of the life before", 500)
    logged(shop, 50, "restored", 200, key=2, life=1)
    logged(shop, 60, "later", 300, key=2, life=1)
    moment = Moment("0/40", "0/40", 300, in_progress)
    assert states(shop, moment) == [{1: "of the life before", 2: "restored"}]


def test_mysql_is_as_of_the_place_of_the_read(shop: Shop) -> None:
    changes = [Event(place, "u", 1, {**ONE, "note": str(place)}) for place in (10, 20, 30)]
    shop.deliver([Event(5, "c", 1, ONE), *changes])
    moment = Moment("binlog.000020:4000000", "binlog.000020:4000000")
    assert states(shop, moment) == [{1: "20"}]


def test_where_transactions_were_committed_while_it_began_there_is_a_view_of_each(
    shop: Shop,
) -> None:
    shop.deliver([Event(n, "u", 1, {**ONE, "note": str(n)}) for n in (10, 20, 30, 40)])
    moment = Moment("binlog.000030:9", "binlog.000010:9")
    assert states(shop, moment) == [{1: "30"}, {1: "30"}, {1: "20"}, {1: "10"}]


def test_where_it_is_not_known_what_the_read_saw_the_newest_transactions_are_looked_at(
    shop: Shop,
) -> None:
    shop.deliver([Event(n, "u", 1, {**ONE, "note": str(n)}) for n in range(1, 100)])
    found = states(shop, Moment("binlog.000050:9"))
    assert [state.get(1) for state in found] == [
        *("50" for _ in range(2)),
        *(str(49 - n) for n in range(MAX_POSITIONS - 1)),
        None,
    ]


def test_what_the_log_is_to_a_difference_is_told(shop: Shop) -> None:
    moment = Moment("binlog.000020:9", "binlog.000020:9")
    assert "it is empty; see that pipelines.change_log runs" in told(shop, moment)
    shop.deliver([Event(10, "c", 1, ONE)])
    assert f"its newest change is {order_key(10)} of 2026-01-01 00:00:10" in told(shop, moment)
    shop.deliver([Event(30, "u", 1, ONE)])
    assert told(shop, moment) == ""


def told(shop: Shop, moment: Moment) -> str:
    return state_of_the_log(shop.warehouse, shop.table, moment)


def test_a_server_that_the_log_has_not_shown_is_told(shop: Shop) -> None:
    shop.deliver([Event(10, "c", 1, ONE)])
    moment = Moment(f"{SERVER}:1-9", f"{SERVER}:1-9")
    assert "has nothing from after the read" in told(shop, moment)


def test_a_view_of_another_log_is_refused(shop: Shop) -> None:
    shop.warehouse.create_view("shop", "orders", "SELECT 1 AS `id`, 'x' AS `note`")
    with pytest.raises(RefusedError, match="run `kami apply`"):
        as_of_views(shop.warehouse, shop.table, Moment("binlog.000020:9"))
