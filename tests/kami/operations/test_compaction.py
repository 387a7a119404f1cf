"""What a compaction does to the tables, what it refuses, and how it goes on after a crash."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pytest

from kami.compaction import CompactionResult, Compactor
from kami.errors import ConfigurationError, KamiError, RefusedError
from kami.warehouse import Warehouse
from tests.kami.operations.shop import START, Event, Shop, minutes, order_key

ONE = {"id": 1, "price": "1.00", "note": "a"}
TWO = {**ONE, "id": 2}
HOURS = datetime.timedelta(hours=1)
LOG = "`shop`.`orders_change_log`"


def compact(
    shop: Shop, cut: int | None = None, at: float = 0, accept_gaps: bool = False
) -> CompactionResult:
    text = None if cut is None else order_key(cut)
    now = START + minutes(at)
    return Compactor(shop.warehouse, shop.table, now, cut=text, accept_gaps=accept_gaps).run()


def filled(shop: Shop) -> None:
    shop.snapshot({2: TWO}, 5)
    shop.deliver(
        [Event(10, "c", 1, ONE), Event(20, "d", 2), Event(40, "u", 1, {**ONE, "note": "b"})]
    )


def test_the_log_up_to_the_cut_is_in_the_snapshot_and_the_archive(shop: Shop) -> None:
    filled(shop)
    result = compact(shop, 20)
    assert (result.state, result.archived_rows, result.snapshot_rows) == ("done", 2, 2)
    assert shop.count("orders_change_log") == 1
    assert shop.count("orders_archive") == 2
    assert shop.count("orders_snapshot", "`_deleted` AND `_key` = '[\"2\"]'") == 1
    assert shop.count("orders_snapshot", f"`_order_key` = '{order_key(10)}'") == 1
    assert shop.count("orders_snapshot_archive", "`note` = 'a' AND `id` = 2") == 1
    assert shop.count("_compactions", "`state` = 'done' AND `archived_rows` = 2") == 1
    assert not [name for name in shop.warehouse.tables("shop") if name.startswith("_compaction_")]


def test_of_what_was_written_twice_one_is_archived_and_none_is_left(shop: Shop) -> None:
    filled(shop)
    later = f"TIMESTAMP '{(START + HOURS).isoformat()}'"
    shop.warehouse.run(
        f"INSERT INTO {LOG} SELECT * REPLACE ({later} AS `_ingested_at`) FROM {LOG} "  # noqa: S608
        f"WHERE `_order_key` <= '{order_key(20)}'"
    )
    before = shop.rows()
    assert compact(shop, 20).archived_rows == 2
    assert shop.count("orders_archive") == 2
    assert shop.count("orders_archive", f"`_ingested_at` = {later}") == 0
    assert shop.count("orders_change_log") == 1
    assert shop.rows() == before


def test_rows_of_one_record_are_all_archived(shop: Shop) -> None:
    # As where a key changes: one record ends a row, and begins another.
    filled(shop)
    shop.warehouse.run(f"UPDATE {LOG} SET `_offset` = 1 WHERE `_offset` = 2")  # noqa: S608
    assert compact(shop, 20).archived_rows == 2
    assert shop.count("orders_archive") == 2


def test_the_default_cut_leaves_what_came_in_lately(shop: Shop) -> None:
    shop.deliver([Event(10, "c", 1, ONE)])
    shop.deliver([Event(20, "c", 2, TWO)], START + 30 * HOURS)
    assert compact(shop, at=31 * 60).cut == order_key(10)
    assert compact(shop, at=31 * 60).archived_rows == 0
    assert shop.rows() == {1: ONE, 2: TWO}


def test_nothing_is_done_while_all_rows_are_young(shop: Shop) -> None:
    shop.deliver([Event(10, "c", 1, ONE)])
    assert compact(shop, at=60).state == "nothing to do"


def test_a_truncate_still_holds_when_it_is_archived(shop: Shop) -> None:
    shop.deliver([Event(10, "c", 1, ONE), Event(20, "t", None), Event(30, "c", 2, TWO)])
    compact(shop, 30)
    assert shop.rows() == {2: TWO}
    shop.deliver([Event(10, "c", 1, ONE)], gap=True)
    assert shop.rows() == {2: TWO}
    compact(shop, 30, accept_gaps=True)
    shop.deliver([Event(10, "c", 1, ONE)])
    assert shop.rows() == {2: TWO}
    assert shop.count("orders_archive", "`op` = 't'") == 1


@pytest.mark.parametrize("place", [order_key(15), None])
def test_dead_letters_below_the_cut_are_refused(shop: Shop, place: str | None) -> None:
    filled(shop)
    shop.append(
        "_dead_letters", [{"table_name": "orders", "order_key": place, "error": "no schema 7"}]
    )
    with pytest.raises(
        RefusedError, match=r"1 dead letters below the cut .*'no schema 7'.* replay"
    ):
        compact(shop, 20)
    assert shop.count("orders_change_log") == 3


def test_dead_letters_above_the_cut_or_of_another_table_are_no_hindrance(shop: Shop) -> None:
    filled(shop)
    shop.append("_dead_letters", [{"table_name": "orders", "order_key": order_key(30)}])
    shop.append("_dead_letters", [{"table_name": "accounts", "order_key": order_key(1)}])
    assert compact(shop, 20).state == "done"


def test_missing_offsets_are_refused_unless_they_are_accepted(shop: Shop) -> None:
    shop.deliver([Event(10, "c", 1, ONE), Event(20, "d", 1)])
    shop.offset += 1  # The tombstone of the delete is not logged.
    shop.deliver([Event(30, "c", 1, ONE)])
    shop.offset += 2
    shop.deliver([Event(40, "u", 1, ONE)])
    message = r"partition 0: offsets 5 to 6; read them again .* --accept-gaps"
    with pytest.raises(RefusedError, match=message):
        compact(shop, 40)
    assert compact(shop, 30).archived_rows == 3
    with pytest.raises(RefusedError, match=message):
        compact(shop, 40)
    assert compact(shop, 40, accept_gaps=True).state == "done"


def test_a_snapshot_that_is_not_whole_is_refused(shop: Shop) -> None:
    filled(shop)
    shop.append("_snapshots", [{"table_name": "orders", "state": "reading", "taken_at": START}])
    with pytest.raises(RefusedError, match="is 'reading'; expected one that is done"):
        compact(shop, 20)


def test_a_cut_that_is_no_order_key_is_refused(shop: Shop) -> None:
    with pytest.raises(ConfigurationError, match="the cut is '20'; expected an order key"):
        Compactor(shop.warehouse, shop.table, START, cut="20").run()


def test_nothing_is_deleted_when_the_archive_has_another_row_in_its_place(shop: Shop) -> None:
    filled(shop)
    row = Event(10, "c", 1, {**ONE, "note": "forged"}).row(1, START)
    shop.append("orders_archive", [row])
    with pytest.raises(RefusedError, match=r"1 of 2 rows of shop\.orders .* nothing was deleted"):
        compact(shop, 20)
    assert shop.count("orders_change_log") == 3
    shop.warehouse.run("DELETE FROM `shop`.`orders_archive` WHERE TRUE")
    assert compact(shop).archived_rows == 2
    assert shop.count("orders_change_log") == 1


@pytest.mark.parametrize(
    ("column", "forged"),
    [
        ("_key", '["2"]'),
        ("key", '{"id": 2}'),
        ("before", "{}"),
        ("after", None),
        ("op", "u"),
        ("ts_ms", START),
        ("transaction", {"id": "1", "total_order": 1, "data_collection_order": 1}),
        ("database_name", "shop"),
        ("ddl", "ALTER"),
        ("source", {"pos": 7}),
        ("_old_key", '{"id": 2}'),
        ("_new_key", '{"id": 2}'),
        ("_missing_columns", ["note"]),
    ],
)
def test_nothing_is_deleted_when_one_column_of_the_archive_differs(
    shop: Shop, column: str, forged: object
) -> None:
    filled(shop)
    row = {**Event(10, "c", 1, ONE).row(1, START), column: forged}
    shop.append("orders_archive", [row])
    with pytest.raises(RefusedError, match=r"1 of 2 rows of shop\.orders .* nothing was deleted"):
        compact(shop, 20)
    assert shop.count("orders_change_log") == 3


@pytest.mark.parametrize("days", [-400, 0, 1], ids=["long before", "as the log", "later"])
def test_what_the_archive_holds_already_is_deleted_whenever_it_came_in(
    shop: Shop, days: int
) -> None:
    filled(shop)
    row = Event(10, "c", 1, ONE).row(1, START + datetime.timedelta(days=days))
    shop.append("orders_archive", [row])
    assert compact(shop, 20).archived_rows == 2
    assert shop.count("orders_archive") == 2
    assert shop.count("orders_change_log") == 1


def test_of_an_old_archive_only_what_came_in_with_the_moved_rows_is_compared(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(shop)
    asked: list[str] = []
    query, run = shop.warehouse.query, shop.warehouse.run

    def noted(sql: str) -> pa.Table:
        asked.append(sql)
        return query(sql)

    def noted_run(sql: str) -> None:
        asked.append(sql)
        run(sql)

    monkeypatch.setattr(shop.warehouse, "query", noted)
    monkeypatch.setattr(shop.warehouse, "run", noted_run)
    assert compact(shop, 20).archived_rows == 2
    (compared,) = (sql for sql in asked if "EXCEPT DISTINCT" in sql)
    assert "WHERE a.`_ingested_at` >= TIMESTAMP '" in compared
    (copied,) = (sql for sql in asked if "INSERT INTO `shop`.`orders_archive`" in sql)
    assert f"WHERE a.`_order_key` >= '{order_key(10)}'" in copied


def test_a_deleted_row_is_forgotten_only_where_the_view_keeps_late_rows_out(shop: Shop) -> None:
    filled(shop)
    compact(shop, 20)
    compact(shop, 20, at=60 * 24 * 40)
    assert shop.count("orders_snapshot", "`_deleted`") == 1


class Broken(Exception):
    """The process is gone."""


class Breaking:
    """A warehouse whose process ends after so many statements."""

    def __init__(self, warehouse: Warehouse, statements: int) -> None:
        self._warehouse = warehouse
        self._left = statements

    def run(self, bigquery_sql: str) -> None:
        if not self._left:
            raise Broken
        self._left -= 1
        self._warehouse.run(bigquery_sql)

    def __getattr__(self, name: str) -> object:
        return getattr(self._warehouse, name)


def test_a_compaction_that_broke_off_anywhere_is_gone_on_with(shop: Shop) -> None:
    for statements in range(40):
        shop.create()
        filled(shop)
        broken = Breaking(shop.warehouse, statements)
        compactor = Compactor(broken, shop.table, START, cut=order_key(20))  # type: ignore[arg-type]
        try:
            compactor.run()
        except Broken:
            shop.deliver([Event(15, "u", 1, {**ONE, "note": "late"})], gap=True)
            assert shop.rows() == {1: {**ONE, "note": "b"}}, statements
            compact(shop, 20, accept_gaps=True)
            assert shop.rows() == {1: {**ONE, "note": "b"}}, statements
            # The late row is in the archive only when the compaction had not chosen its rows.
            archived = shop.count("orders_archive")
            assert archived + shop.count("orders_change_log") == 4, statements
        else:
            break
    assert 8 < statements < 39


def test_another_cut_is_refused_until_the_broken_compaction_is_done(shop: Shop) -> None:
    filled(shop)
    broken = Breaking(shop.warehouse, 5)
    with pytest.raises(Broken):
        Compactor(broken, shop.table, START, cut=order_key(20)).run()  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match=r"was broken off .* run `kami compact` without"):
        compact(shop, 40)
    assert compact(shop).cut == order_key(20)


def test_a_broken_compaction_that_has_not_chosen_its_rows_looks_at_them_again(shop: Shop) -> None:
    filled(shop)
    broken = Breaking(shop.warehouse, 5)
    with pytest.raises(Broken):
        Compactor(broken, shop.table, START, cut=order_key(20)).run()  # type: ignore[arg-type]
    assert shop.count("_compactions", "`state` = 'started'") == 1
    shop.append("_dead_letters", [{"table_name": "orders", "order_key": order_key(15)}])
    with pytest.raises(RefusedError, match="1 dead letters below the cut"):
        compact(shop)
    shop.warehouse.run("DELETE FROM `shop`.`_dead_letters` WHERE TRUE")
    assert compact(shop).archived_rows == 2


def test_a_table_without_a_snapshot_table_is_refused(shop: Shop) -> None:
    shop.warehouse.run("DROP TABLE `shop`.`orders_snapshot`")
    with pytest.raises(KamiError, match=r"no table shop\.orders_snapshot; run `kami apply`"):
        compact(shop, 20)
