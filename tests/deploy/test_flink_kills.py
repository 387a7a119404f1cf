"""Each process of a cluster is killed under load: the job comes back by itself and loses nothing.

One cluster, started once, on which the tests follow each other.
"""

from __future__ import annotations

import time

import pytest

from tests.deploy.deployment import Deployment
from tests.deploy.steady_load import SteadyLoad
from tests.stack.flink_cluster import JAVA_POOL, JOB_MANAGER, PYTHON_POOL, TASK_MANAGER


@pytest.mark.parametrize("process", [TASK_MANAGER, PYTHON_POOL, JAVA_POOL, JOB_MANAGER])
def test_no_record_is_missing_after_the_kill_of_a_process_under_load(
    deployment: Deployment, process: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with SteadyLoad(deployment.bank):
        deployment.wait_for_changes_after(time.time())
        recovery = deployment.kill(process)
    deployment.settle()
    deployment.wait_until_handled()

    assert recovery.while_dead > 0, "nothing was committed while the process was dead"
    before, after = recovery.attempt
    assert min(after) > max(before), "tasks of before the kill still run"
    newest, restored = recovery.checkpoint
    assert restored >= newest > 0, "the job did not go on from its newest checkpoint"
    with capsys.disabled():
        told = f"{recovery.seconds:.1f} s, {recovery.repeats} events once more"
        print(f"\nkill -9 of the {process}: back after {told}")  # noqa: T201
