"""A job that is killed in mid-backlog and started again loses nothing."""

from __future__ import annotations

import pytest

from tests.pipelines.live.bank import Bank
from tests.pipelines.live.conftest import StartJob
from tests.pipelines.live.received import Received
from tests.pipelines.live.runner_flags import runner_flags

BACKLOG = 6_000


@pytest.mark.parametrize("runner", ["direct", "prism"])
def test_a_job_killed_in_mid_backlog_and_started_again_loses_nothing(
    bank: Bank,
    received: Received,
    start_aml: StartJob,
    runner: str,
    request: pytest.FixtureRequest,
) -> None:
    chosen = runner_flags(request, runner)
    mark = bank.from_now_on()
    bank.transfers.run_bulk(BACKLOG)
    bank.cards.run_bulk(BACKLOG // 4)
    bank.wait_for_kafka()
    flags = ("--follow", "--batch_size=200")
    job = start_aml(mark, *flags, runner=chosen)
    job.wait_until(lambda: received.pull(0.3) > 0)
    job.kill()
    received.drain()
    assert len(received.events) < BACKLOG, "it was killed too late"

    # What comes while nobody reads is not lost either.
    bank.run(10)
    job = start_aml(mark, *flags, runner=chosen)
    received.wait_for(lambda: bank.changes_since(mark), job)
    received.check(bank.changes_since(mark))
    assert job.stop() == 0, job.said
