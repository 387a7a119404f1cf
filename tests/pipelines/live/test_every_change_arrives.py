"""Rows changed in MySQL and PostgreSQL arrive at Pub/Sub: all that were committed, no others."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.pipelines.live.bank import Bank
from tests.pipelines.live.conftest import StartJob
from tests.pipelines.live.received import Received, check_dead_letters, percentiles
from tests.pipelines.live.runner_flags import runner_flags

RUNNERS = ("direct", "prism", pytest.param("flink", marks=pytest.mark.slow))


@pytest.mark.parametrize("lookups", ["postgresql", "mysql"])
def test_a_run_up_to_now_delivers_every_change_that_was_committed(
    bank: Bank, received: Received, start_aml: StartJob, tmp_path: Path, lookups: str
) -> None:
    mark = bank.everything()
    job = start_aml(mark, lookups=lookups)
    assert job.ended() == 0, job.said
    assert "the end of the topics is reached; --follow goes on with what comes" in job.said
    changes = bank.changes_since(mark)
    received.check(changes)
    check_dead_letters(tmp_path, changes)
    events = sum(each.event is not None for each in changes)
    assert received.messages == events
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    snapshot = 2 * 20
    records = bank.transfers.records + bank.cards.records
    assert (summary["records"], summary["filtered"]) == (records, snapshot)
    assert (summary["events"], summary["dead_letters"]) == (events, len(changes) - events)
    assert summary["tombstones"] == records - snapshot - len(changes)
    assert bank.committed(mark.group) == bank.ends()

    # What was delivered is not delivered again.
    again = start_aml(mark, lookups=lookups)
    assert again.ended() == 0, again.said
    received.drain()
    assert received.messages == events


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_job_that_follows_delivers_changes_as_they_are_committed(
    bank: Bank,
    received: Received,
    start_aml: StartJob,
    tmp_path: Path,
    runner: str,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    chosen = runner_flags(request, runner)
    mark = bank.from_now_on()
    bank.run(20)
    job = start_aml(mark, "--follow", runner=chosen)
    received.wait_for(lambda: bank.changes_since(mark), job)

    backlog = len(bank.changes_since(mark))
    for _ in range(40):
        bank.transfers.step()
        bank.cards.step()
        time.sleep(0.1)
    received.wait_for(lambda: bank.changes_since(mark), job)
    changes = bank.changes_since(mark)
    received.check(changes)
    check_dead_letters(tmp_path, changes)
    live = received.latencies([*bank.transfers.changes[-60:], *bank.cards.changes[-60:]])
    with capsys.disabled():
        told = f"{len(changes) - backlog} live changes"
        print(f"\n{runner}: from commit to Pub/Sub, {told}: {percentiles(live)}")  # noqa: T201
    assert job.stop() == 0, job.said
