"""Live: `kami reconcile` ends, and finds both sides equal, while somebody writes all the time."""

from __future__ import annotations

import time

import pytest

from tests.proof.live.conftest import Opened
from tests.proof.live.shop_database import TABLES
from tests.proof.live.test_live_compaction import followed, is_in_the_log, wait_until

WAIT_SECONDS = 120
"""For what the read saw to come through the connector, on a machine that is busy with much else."""

ROUNDS = 3


def is_equal_while_it_changes(opened: Opened) -> None:
    shop, run = opened
    with followed(run) as job:
        with shop.busy():
            shop.mark("under way")
            wait_until(lambda: all(is_in_the_log(run, name, "under way") for name in TABLES), job)
            run.take_snapshot()
            run.done("apply")
            for _ in range(ROUNDS):
                rows = run.done("reconcile", f"--wait-seconds={WAIT_SECONDS}")
                assert [row["table"] for row in rows if row["equal"]] == sorted(
                    f"shop.{table}" for table in TABLES
                )
        shop.mark("the end")
        wait_until(lambda: all(is_in_the_log(run, name, "the end") for name in TABLES), job)
    with shop.busy():
        # Nobody reads the log now: what is written stays a difference, and the reason is told.
        time.sleep(1)
        started = time.monotonic()
        outcome = run.kami("reconcile", "--wait-seconds=1")
        assert outcome.code == 1, outcome.told
        assert time.monotonic() - started < WAIT_SECONDS
        notes = [row["note"] for row in outcome.rows if not row["equal"]]
        assert notes
        assert all("wait longer with --wait-seconds" in note for note in notes), notes


@pytest.mark.slow
def test_mysql_is_equal_to_its_god_views_while_it_changes(mysql_shop: Opened) -> None:
    is_equal_while_it_changes(mysql_shop)


@pytest.mark.slow
def test_postgresql_is_equal_to_its_god_views_while_it_changes(postgres_shop: Opened) -> None:
    is_equal_while_it_changes(postgres_shop)
