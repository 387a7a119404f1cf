"""Live: a log that is followed for ever, compacted while it grows, with a table that is new."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest

from tests.pipelines.live.job_process import PATIENCE_SECONDS, JobProcess
from tests.proof.live.conftest import Opened
from tests.proof.live.same_rows import differing, rows_of
from tests.proof.live.shop_database import TABLES
from tests.proof.live.warehouse_run import LiveRun
from tests.stack.servers import Connect

NEW_TABLE = "CREATE TABLE refunds (id BIGINT PRIMARY KEY, amount DECIMAL(10,2), note VARCHAR(80))"
ALL_TABLES = (*TABLES, "refunds")


@contextlib.contextmanager
def followed(run: LiveRun) -> Iterator[JobProcess]:
    """The log of changes goes on in a process of its own during the block."""
    flags = ["--follow", "--discovery_seconds=1"]
    job = JobProcess(["pipelines.change_log", *run.log_flags, *flags], run.folder, {})
    try:
        yield job
    finally:
        job.kill()


def wait_until(true: Callable[[], bool], job: JobProcess) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert job.is_running, job.said[-4000:]
        assert time.monotonic() < deadline, job.said[-4000:]
        time.sleep(0.5)


def is_in_the_log(run: LiveRun, table: str, mark: str) -> bool:
    with_mark = f"COUNTIF(JSON_VALUE(after, '$.note') = '{mark}')"
    if f"{table}_change_log" not in run.tables():
        return False
    return run.number(with_mark, f"{table}_change_log") > 0


def compacted(run: LiveRun) -> int:
    """How many rows went to the archive."""
    rows = run.done("compact", "--keep-hours=0", *(f"shop.{table}" for table in TABLES))
    return sum(int(row["archived_rows"]) for row in rows)


def is_equal_after_compactions(opened: Opened, connect: Connect) -> None:
    shop, run = opened
    with followed(run) as job:
        with shop.busy():
            shop.mark("under way")
            wait_until(lambda: all(is_in_the_log(run, name, "under way") for name in TABLES), job)
            run.take_snapshot()
            run.done("apply")
            assert compacted(run) > 0
            # What the worker sends again is older than the cut.
            connect.kill()
            connect.start()
            shop.alter(NEW_TABLE)
            shop.alter("INSERT INTO refunds VALUES (1, 12.50, 'new'), (2, NULL, NULL)")
        run.alter_accounts(shop)
        shop.truncate("holdings")
        shop.move_documents(8)
        shop.alter(
            "UPDATE refunds SET amount = -0.01, note = 'the end' WHERE id = 2",
        )
        shop.mark("the end")
        wait_until(lambda: all(is_in_the_log(run, name, "the end") for name in ALL_TABLES), job)
        run.done("apply")
        assert compacted(run) > 0
        for table in ALL_TABLES:
            assert differing(rows_of(run.database, table), run.done("query", f"shop.{table}")) == []
        rows = run.done("reconcile", "--wait-seconds=0")
        assert [row["table"] for row in rows if row["equal"]] == sorted(
            f"shop.{table}" for table in ALL_TABLES
        )
        assert job.is_running, job.said[-4000:]


@pytest.mark.slow
def test_mysql_is_in_the_god_view_after_compactions_in_mid_stream(
    mysql_shop: Opened, connect: Connect
) -> None:
    is_equal_after_compactions(mysql_shop, connect)


@pytest.mark.slow
def test_postgresql_is_in_the_god_view_after_compactions_in_mid_stream(
    postgres_shop: Opened, connect: Connect
) -> None:
    is_equal_after_compactions(postgres_shop, connect)
