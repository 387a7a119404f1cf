"""Reconciling with a live database, as far as it goes without one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import polars as pl
import pytest

from kami.errors import ConfigurationError
from kami.reconcile_columns import live_columns, live_frame, live_shape, select_sql
from kami.reconcile_fingerprint import Shape
from kami.reconcile_live import Moment, consistent_read, positions_since
from kami.reconcile_settle import compare_and_settle
from kami.reconcile_sides import god_view, shape_of
from kami.schema import SourceColumn
from kami.tables import Column
from kami.warehouse import open_warehouse
from tests.kami.operations.shop import Event, Shop, order_key, orders

SHAPE = Shape((Column("id", "INT64"), Column("note", "STRING")), ("id",))
ONE = {"id": 1, "price": "1.00", "note": "a"}


def frame(**notes: str) -> list[pl.DataFrame]:
    ids = [int(name[1:]) for name in notes]
    return [
        pl.DataFrame({"id": ids, "note": list(notes.values())}, {"id": pl.Int64, "note": pl.String})
    ]


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def settle(views: Iterator[list[pl.DataFrame]], wait: float = 10) -> list[str]:
    clock = Clock()
    found = compare_and_settle(
        lambda: frame(k1="a", k2="b"),
        lambda cut: lambda: next(views),
        SHAPE,
        limit=10,
        wait_seconds=wait,
        clock=clock,
        sleep=clock.sleep,
    )
    assert found.is_equal == (not found.differences)
    return [str(one.key["id"]) for one in found.differences]


def test_a_row_that_arrives_in_time_is_no_difference() -> None:
    late = frame(k1="a", k2="old")
    assert settle(iter([late] * 5 + [frame(k1="a", k2="b")] * 3)) == []


def test_a_row_that_does_not_arrive_in_time_is_a_difference() -> None:
    assert settle(iter([frame(k1="a")] * 30)) == ["2"]


def test_a_row_that_changed_after_the_read_is_the_same_as_of_an_earlier_change(
    postgresql_shop: Shop,
) -> None:
    shop = postgresql_shop
    changed = [{**ONE, "note": text} for text in ("b", "c")]
    shop.deliver(
        [Event(10, "c", 1, ONE), *(Event(20 + n, "u", 1, v) for n, v in enumerate(changed))]
    )
    shop.deliver([Event(30, "c", 2, {**ONE, "id": 2})])
    moment = Moment("0/00000012")  # lsn 18
    shape = shape_of(shop.table)
    path = f"duckdb:{shop.path}"
    shop.warehouse.close()
    positions = positions_since(lambda: open_warehouse(path, read_only=True), shop.table, moment)
    assert positions[2:] == [order_key(20), order_key(21), order_key(30)]
    with open_warehouse(path, read_only=True) as warehouse:
        for state, is_equal in (("a", True), ("b", True), ("c", True), ("d", False)):
            rows = pl.DataFrame({"id": [1], "price": ["1.00"], "note": [state]})
            found = compare_and_settle(
                lambda rows=rows: [rows],  # type: ignore[misc]
                lambda cut: god_view(warehouse, shop.table, None, cut),
                shape,
                limit=10,
                wait_seconds=0,
                positions=lambda: positions,
            )
            assert found.is_equal == is_equal, state


def test_a_source_without_an_address_is_refused() -> None:
    with (
        pytest.raises(ConfigurationError, match=r"--against FILE\.json"),
        consistent_read(orders().source),
    ):
        pass


def test_columns_are_asked_for_in_the_databases_own_dialect() -> None:
    assert select_sql(orders(), ["id", "price"]) == (
        "SELECT `id`, CAST(`price` AS CHAR) FROM `shop`.`orders`"
    )
    assert select_sql(orders("postgresql"), ["price", "note"]) == (
        """SELECT NULLIF("price"::numeric::text, 'NaN'), "note"::text FROM "public"."orders\""""
    )


@pytest.mark.parametrize(
    ("dialect", "source_type", "compared_as"),
    [
        ("mysql", "float", "FLOAT32"),
        ("mysql", "double", "FLOAT64"),
        ("mysql", "point", None),
        ("mysql", "bit(9)", None),
        ("mysql", "datetime(6)", "DATETIME"),
        ("postgresql", "real", "FLOAT32"),
        ("postgresql", "integer[]", "JSON"),
        ("postgresql", "numeric[]", None),
        ("postgresql", "interval", None),
        ("postgresql", "time(6) with time zone", None),
        ("postgresql", "timestamp(6) with time zone", "TIMESTAMP"),
    ],
)
def test_what_debezium_has_in_a_form_of_its_own_is_left_out(
    dialect: str, source_type: str, compared_as: str | None
) -> None:
    table = orders("postgresql" if dialect == "postgresql" else "mysql")
    columns = (*table.table.columns, SourceColumn("x", source_type))
    table = dataclasses.replace(table, table=dataclasses.replace(table.table, columns=columns))
    found = dict(live_shape(table, shape_of(table)).columns)
    assert found.get("x") == compared_as
    assert ("x" in live_columns(table)) == (compared_as is not None)


def test_fetched_rows_become_columns() -> None:
    wanted = list(live_columns(orders()).values())
    assert live_frame(wanted, [(1, "1.50", None)]).to_dicts() == [
        {"id": 1, "price": "1.50", "note": None}
    ]
    assert live_frame(wanted, []).is_empty()
