"""PostgreSQL: keys stay in the log while values of theirs may be asked for by what has not come."""

from __future__ import annotations

from kami.compaction import Compactor
from tests.kami.operations.shop import START, Event, Shop, Values, minutes, order_key


def row(key: int, note: str | None) -> Values:
    return {"id": key, "price": "1.00", "note": note}


def move(lsn: int, old: int, new: int, note: str) -> tuple[Event, Event]:
    """The delete and the create of a key change that does not send the note."""
    return (
        Event(lsn, "d", old, new_key=new),
        Event(lsn, "c", new, row(new, note), ("note",), old_key=old),
    )


def compact(shop: Shop, number: int) -> int:
    """The number of held keys; all rows are below the cut."""
    now = START + minutes(number)
    compactor = Compactor(shop.warehouse, shop.table, now, cut=order_key(1000), accept_gaps=True)
    return compactor.run().held_keys


CREATED = Event(10, "c", 1, row(1, "kept"))
GONE, COME = move(20, 1, 2, "kept")
AGAIN = Event(30, "c", 1, row(1, "another row"))
WANTED = {1: row(1, "another row"), 2: row(2, "kept")}


def test_a_key_stays_until_the_key_that_its_row_went_to_has_it(postgresql_shop: Shop) -> None:
    shop = postgresql_shop
    shop.deliver([CREATED, GONE, AGAIN])
    assert compact(shop, 0) == 1
    shop.deliver([COME])
    assert shop.rows() == WANTED
    assert compact(shop, 1) == 0
    assert shop.rows() == WANTED
    assert shop.count("orders_change_log") == 0


def test_keys_stay_until_the_delete_of_the_old_key_is_there(postgresql_shop: Shop) -> None:
    """Before the delete, updates of the old key may still be on their way."""
    shop = postgresql_shop
    shop.deliver([CREATED, COME])
    assert compact(shop, 0) == 2
    shop.deliver([Event(15, "u", 1, row(1, "changed late")), GONE])
    wanted = {2: row(2, "changed late")}
    assert shop.rows() == wanted
    assert compact(shop, 1) == 0
    assert shop.rows() == wanted


def test_a_key_stays_where_a_row_was_created_before_the_old_one_was_deleted(
    postgresql_shop: Shop,
) -> None:
    shop = postgresql_shop
    shop.deliver([CREATED, AGAIN])
    assert compact(shop, 0) == 1
    shop.deliver([GONE, COME])
    assert shop.rows() == WANTED
    assert compact(shop, 1) == 0
    assert shop.rows() == WANTED


def test_a_truncate_between_two_rows_of_a_key_needs_no_delete(postgresql_shop: Shop) -> None:
    postgresql_shop.deliver([CREATED, Event(20, "t", None), AGAIN])
    assert compact(postgresql_shop, 0) == 0
    assert postgresql_shop.rows() == {1: row(1, "another row")}


def test_a_key_that_stays_keeps_the_keys_that_its_rows_came_from(postgresql_shop: Shop) -> None:
    shop = postgresql_shop
    # An older row of key 2 went to key 3, where it has not come.
    left, arrived = move(5, 2, 3, "older")
    shop.deliver([Event(1, "c", 2, row(2, "older")), left, CREATED, GONE, COME, AGAIN])
    assert compact(shop, 0) == 2
    assert shop.rows() == WANTED
    shop.deliver([arrived])
    assert compact(shop, 1) == 0
    assert shop.rows() == {**WANTED, 3: row(3, "older")}
