"""Live: a MySQL replica takes over: file and position go back, the order of changes does not."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.proof.live.conftest import Opened
from tests.proof.live.mysql_replica import Replica, opened_replica
from tests.proof.live.same_rows import differing, rows_of
from tests.proof.live.shop_database import TABLES
from tests.proof.live.warehouse_run import LiveRun
from tests.stack.databases import Database
from tests.stack.servers import Connect, MySql

OLD_FILES = 3
"""Binary logs that the old server has begun: the new one's numbers start below."""


def point_to(replica: Replica, connect: Connect, run: LiveRun) -> None:
    """The connector goes on with the other server, from the transactions that it has read."""
    url = f"{connect.url}/connectors/{run.connector.name}/config"
    config = httpx.get(url, timeout=30, trust_env=False).json()
    config |= {"database.hostname": replica.host, "database.port": str(replica.port)}
    httpx.put(url, json=config, timeout=60, trust_env=False).raise_for_status()


def servers_of(run: LiveRun) -> list[tuple[int, str]]:
    """For each server's changes in the order of the log: how many, its newest file."""
    rows = run.query(
        "SELECT SUBSTR(_order_key, 1, 4) AS server, COUNT(*) AS n, MAX(source.file) AS file "
        "FROM `shop`.`accounts_change_log` GROUP BY 1 ORDER BY 1"
    )
    return [(row["n"], row["file"]) for row in rows]


@pytest.mark.slow
def test_mysql_is_in_the_god_view_after_a_replica_took_over(
    mysql_shop: Opened, mysql: MySql, connect: Connect, tmp_path: Path
) -> None:
    shop, run = mysql_shop
    shop.alter(*["FLUSH BINARY LOGS"] * OLD_FILES)
    folder = tmp_path / "replica"
    folder.mkdir()
    with opened_replica(mysql, folder) as replica:
        with shop.busy():
            shop.mark("under way")
            run.wait_for("under way", list(TABLES))
            run.take_snapshot()
        shop.mark("the old server's last")
        run.wait_for("the old server's last", list(TABLES))
        replica.promote()
        promoted = Database(replica, run.database.name)
        shop.move_to(promoted)
        run.move_to(promoted)
        point_to(replica, connect, run)
        shop.steps(60)
        shop.truncate("holdings")
        shop.steps(20)
        shop.mark("the new server's last")
        run.wait_for("the new server's last", list(TABLES))
        # One run meets both servers.
        run.read_log()
        run.done("apply")
        for table in TABLES:
            assert differing(rows_of(promoted, table), run.done("query", f"shop.{table}")) == []
        assert all(row["equal"] for row in run.done("reconcile", "--wait-seconds=0"))
        (before, old_file), (after, new_file) = servers_of(run)
        assert before > 0
        assert after > 0
        assert new_file < old_file
        assert run.number("COUNT(*)", "_incarnations") == 2
        assert run.number("COUNT(*)", "_dead_letters") == 0
