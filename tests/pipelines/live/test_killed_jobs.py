"""A job that is killed in mid-backlog and started again loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipelines.live.bank import Bank
from tests.pipelines.live.conftest import StartJob
from tests.pipelines.live.received import Received
from tests.pipelines.live.runner_flags import runner_flags
from tests.stack.flink import newest_checkpoint, restore_from
from tests.stack.servers import BeamJava, Flink

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


def test_a_flink_job_restored_from_its_checkpoint_loses_nothing(
    bank: Bank,
    received: Received,
    start_aml: StartJob,
    request: pytest.FixtureRequest,
    fresh_flink: Flink,
    beam_java: BeamJava,
) -> None:
    chosen = runner_flags(request, "flink")
    mark = bank.from_now_on()
    bank.run(20)
    job = start_aml(mark, "--follow", runner=chosen)
    received.wait_for(lambda: bank.changes_since(mark), job)
    early = set(received.events)
    # A checkpoint that began after these events: they are behind it.
    checkpoints = Path(fresh_flink.text("checkpoints"))
    seen = newest_checkpoint(checkpoints)
    for _ in range(2):
        job.wait_until(lambda: newest_checkpoint(checkpoints) != seen)  # noqa: B023
        seen = newest_checkpoint(checkpoints)

    bank.transfers.run_bulk(BACKLOG)
    bank.cards.run_bulk(BACKLOG // 4)
    job.wait_until(lambda: received.pull(0.3) > 0)
    # The Python worker, the Java worker and the job server with its Flink, all at once.
    job.kill()
    beam_java.kill()
    fresh_flink.kill()
    received.drain()
    assert len(received.events) < BACKLOG, "it was killed too late"
    bank.run(10)
    bank.wait_for_kafka()

    checkpoint = newest_checkpoint(checkpoints)
    assert checkpoint is not None
    restore_from(Path(fresh_flink.text("configuration")), checkpoint)
    fresh_flink.start()
    beam_java.start()
    received.repeats.clear()
    job = start_aml(mark, "--follow", runner=chosen)
    received.wait_for(lambda: bank.changes_since(mark), job)
    received.check(bank.changes_since(mark))
    # Had it begun anew, what was behind the checkpoint would have come once more.
    assert not early & received.repeats
