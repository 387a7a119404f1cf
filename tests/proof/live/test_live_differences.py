"""What somebody did behind the log's back is found by `kami reconcile`, and named."""

from __future__ import annotations

from tests.proof.live.conftest import SnapshotOnly
from tests.proof.live.same_rows import differing, rows_of
from tests.proof.live.shop_database import TABLES
from tests.proof.live.warehouse_run import Outcome, WarehouseRun

Found = dict[str, list[tuple[str, dict[str, object], list[str]]]]


def taken(opened: SnapshotOnly) -> WarehouseRun:
    """A warehouse that is equal to the database."""
    _, run = opened
    run.take_snapshot()
    run.done("apply")
    for table in TABLES:
        assert differing(rows_of(run.database, table), run.done("query", f"shop.{table}")) == []
    assert all(row["equal"] for row in run.done("reconcile", "--wait-seconds=0"))
    return run


def found(outcome: Outcome) -> Found:
    """By table: what is wrong with a row, its key, the columns that differ."""
    assert outcome.code == 1, outcome.told
    return {
        row["table"]: sorted(
            ((one["kind"], one["key"], sorted(one["columns"])) for one in row["differences"]),
            key=repr,
        )
        for row in outcome.rows
        if not row["equal"]
    }


def changed_in_the_warehouse(run: WarehouseRun) -> Found:
    run.run(
        "UPDATE `shop`.`accounts_snapshot` SET balance = balance + 0.01 WHERE id = 1",
        "DELETE FROM `shop`.`documents_snapshot` WHERE id = 6",
        "UPDATE `shop`.`documents_snapshot` SET seal = NULL, note = 'x' WHERE id = 3",
        "UPDATE `shop`.`holdings_snapshot` SET symbol = 'NEW', _key = '[\"2\",\"NEW\"]' "
        "WHERE account_id = 2",
    )
    return found(run.kami("reconcile", "--wait-seconds=0"))


def changed_in_the_database(run: WarehouseRun) -> Found:
    run.database.execute(
        "UPDATE accounts SET note = 'changed by hand' WHERE id = 1",
        "DELETE FROM accounts WHERE id = 4",
        "INSERT INTO accounts (id, owner) VALUES (1000, 'nobody knows')",
        "UPDATE documents SET body = CONCAT(body, ' ') WHERE id = 3",
    )
    return found(run.kami("reconcile", "--wait-seconds=0"))


def all_is_found(opened: SnapshotOnly) -> None:
    run = taken(opened)
    ((symbol,),) = run.database.query("SELECT symbol FROM holdings WHERE account_id = 2")
    run.database.execute("UPDATE documents SET note = 'y', seal = 'x' WHERE id = 3")
    run.take_snapshot()
    assert changed_in_the_warehouse(run) == {
        "shop.accounts": [("changed", {"id": "1"}, ["balance"])],
        "shop.documents": [
            ("changed", {"id": "3"}, ["note", "seal"]),
            ("missing", {"id": "6"}, []),
        ],
        "shop.holdings": [
            ("added", {"account_id": "2", "symbol": "NEW"}, []),
            ("missing", {"account_id": "2", "symbol": symbol}, []),
        ],
    }
    run.take_snapshot()
    assert changed_in_the_database(run) == {
        "shop.accounts": [
            ("added", {"id": "4"}, []),
            ("changed", {"id": "1"}, ["note"]),
            ("missing", {"id": "1000"}, []),
        ],
        "shop.documents": [("changed", {"id": "3"}, ["body"])],
    }


def test_reconcile_names_what_was_changed_behind_the_back_of_mysqls_log(
    mysql_without_log: SnapshotOnly,
) -> None:
    all_is_found(mysql_without_log)


def test_reconcile_names_what_was_changed_behind_the_back_of_postgresqls_log(
    postgres_without_log: SnapshotOnly,
) -> None:
    all_is_found(postgres_without_log)
