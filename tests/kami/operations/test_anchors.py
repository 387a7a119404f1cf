"""PostgreSQL: transactions that were open when the snapshot was taken, and compactions after it."""

from __future__ import annotations

from typing import Any

import pytest

from kami.compaction import Compactor
from kami.history import as_of_sql, create_history
from tests.kami.operations.shop import START, Event, Shop, minutes, order_key

SEEN, OPEN = 100, 200


def row(note: str, key: int = 1) -> dict[str, object]:
    return {"id": key, "price": "1.00", "note": note}


def deliver(shop: Shop, events: list[tuple[Event, int]]) -> None:
    """Events with the ids of their transactions."""
    rows: list[dict[str, Any]] = []
    for event, transaction in events:
        shop.offset += 1
        source = {"connector": "postgresql", "txId": transaction, "lsn": event.lsn}
        rows.append({**event.row(shop.offset, START), "source": source})
    for one in rows:
        names = ["version", "connector", "name", "ts_ms", "snapshot", "db", "schema", "table"]
        names += ["txId", "lsn", "xmin"]
        one["source"] = {name: one["source"].get(name) for name in names}
    shop.append("orders_change_log", rows)


EVENTS = [
    # Key 2: by a transaction that was open, below the anchor of 50.
    (Event(20, "u", 2, row("open", 2)), OPEN),
    # Key 1: two changes that the snapshot has seen.
    (Event(30, "u", 1, row("old")), SEEN),
    (Event(40, "u", 1, row("seen")), SEEN),
]


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 0, 1), (0, 1, 2)])
def test_changes_of_open_transactions_come_in_and_late_repeats_do_not(
    postgresql_shop: Shop, order: tuple[int, ...]
) -> None:
    shop = postgresql_shop
    shop.snapshot({1: row("seen"), 2: row("before", 2)}, 50)
    anchor = {"table_name": "orders", "order_key": order_key(50, 0), "xmax": OPEN, "state": "done"}
    shop.append("_snapshots", [{**anchor, "in_progress": [], "taken_at": START}])
    for number, index in enumerate(order):
        deliver(shop, [EVENTS[index]])
        Compactor(
            shop.warehouse,
            shop.table,
            START + minutes(number),
            cut=order_key(60),
            accept_gaps=True,
        ).run()
    wanted = {1: row("seen"), 2: row("open", 2)}
    assert shop.rows() == wanted
    deliver(shop, EVENTS)
    assert shop.rows() == wanted
    create_history(shop.warehouse, shop.table)
    assert shop.rows(as_of_sql(shop.table, order_key(60))) == wanted
