"""Live: databases that change under snapshot, connector and log; the god view is what they are."""

from __future__ import annotations

from tests.proof.live.conftest import Opened
from tests.proof.live.same_rows import differing, rows_of
from tests.proof.live.shop_database import TABLES, Shop
from tests.proof.live.warehouse_run import LiveRun
from tests.stack.servers import Connect


def arrived(shop: Shop, run: LiveRun, mark: str) -> None:
    """Returns when all that was changed so far is in the log."""
    shop.mark(mark)
    run.wait_for(mark, list(TABLES))
    run.read_log()


def proven_equal(run: LiveRun) -> None:
    """`kami reconcile` says equal, and so does a comparison that shares no code with it."""
    run.done("apply")
    for table in TABLES:
        assert differing(rows_of(run.database, table), run.done("query", f"shop.{table}")) == []
    rows = run.done("reconcile", "--wait-seconds=0")
    assert {row["table"]: (row["equal"], row["not_compared"]) for row in rows} == {
        f"shop.{table}": (True, []) for table in TABLES
    }


def everything_happens(shop: Shop, run: LiveRun, connect: Connect) -> None:
    """A snapshot in mid-workload, a worker that is killed, tables that change their shape."""
    with shop.busy():
        shop_has_moved(shop, run)
        run.take_snapshot()
        connect.kill()
        connect.start()
    run.alter_accounts(shop)
    shop.truncate("holdings")
    shop.move_documents(8)
    shop.steps(40)
    arrived(shop, run, "the end of it all")


def shop_has_moved(shop: Shop, run: LiveRun) -> None:
    """Returns when the workload of the other thread is in the topics."""
    shop.mark("the workload is under way")
    run.wait_for("the workload is under way", list(TABLES))


def what_happened(run: LiveRun) -> dict[str, int]:
    """How often the log has what the proof is about."""
    keys = "COUNTIF(_old_key IS NOT NULL)"
    return {
        "repeated": sum(
            run.number("COUNT(*) - COUNT(DISTINCT _event_id)", f"{table}_change_log")
            for table in TABLES
        ),
        "truncates": run.number("COUNTIF(op = 't')", "holdings_change_log"),
        "changed keys": run.number(keys, "documents_change_log"),
        "unsent values": run.number(
            "COUNTIF(ARRAY_LENGTH(_missing_columns) > 0)", "documents_change_log"
        ),
        "of the snapshot": run.number("COUNT(*)", "documents_snapshot"),
        "dead letters": run.number("COUNT(*)", "_dead_letters"),
    }


def test_mysql_is_in_the_god_view_after_all_that_can_happen_to_it(
    mysql_shop: Opened, connect: Connect
) -> None:
    shop, run = mysql_shop
    everything_happens(shop, run, connect)
    proven_equal(run)
    found = what_happened(run)
    assert found.pop("dead letters") == 0
    assert found.pop("unsent values") == 0
    assert min(found.values()) > 0, found


def test_postgresql_is_in_the_god_view_after_all_that_can_happen_to_it(
    postgres_shop: Opened, connect: Connect
) -> None:
    shop, run = postgres_shop
    everything_happens(shop, run, connect)
    proven_equal(run)
    found = what_happened(run)
    assert found.pop("dead letters") == 0
    assert min(found.values()) > 0, found
