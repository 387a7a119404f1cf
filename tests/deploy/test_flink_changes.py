"""A job is changed and rescaled while rows change, and loses nothing."""

from __future__ import annotations

import time
from pathlib import Path

from pipelines.aml import SCRIPT
from tests.deploy.deployment import Deployment
from tests.deploy.steady_load import SteadyLoad
from tests.stack.flink_cluster import JOB_MANAGER
from tests.stack.flink_configuration import slots

SECOND = "task-manager-2"
RESCALE_SECONDS = 240
RESTART_SECONDS = 5
OLD_INDEX, NEW_INDEX = "\n  'aml',\n", "\n  'aml_changed',\n"


def test_a_second_task_manager_that_joins_and_leaves_rescales_the_job_and_loses_nothing(
    deployment: Deployment,
) -> None:
    cluster, rest = deployment.cluster, deployment.cluster.rest
    assert rest.parallelism() == slots()
    received = deployment.received
    with SteadyLoad(deployment.bank):
        deployment.wait_for_changes_after(time.time())
        early = set(received.events)
        deployment.wait_for_new_checkpoint()
        cluster.add_task_manager(SECOND)
        for task_managers, leaves in ((2, False), (1, True)):
            if leaves:
                cluster.processes.remove(SECOND)
            cluster.wait_until(
                lambda: rest.works() and rest.parallelism() == task_managers * slots(),  # noqa: B023
                RESCALE_SECONDS,
                f"the job was not rescaled to {task_managers} task managers",
            )
            assert rest.restored() > 0
            deployment.wait_for_changes_after(time.time())
            deployment.wait_for_new_checkpoint()
    deployment.settle()
    # A second reader of the topics would begin where the first had begun.
    assert not early & received.repeats


def test_a_changed_job_goes_on_from_the_savepoint_with_which_the_old_one_stopped(
    deployment: Deployment, tmp_path: Path
) -> None:
    cluster, received = deployment.cluster, deployment.received
    script = tmp_path / "aml.sql"
    text = SCRIPT.read_text(encoding="utf-8")
    assert text.count(OLD_INDEX) == 1
    script.write_text(text.replace(OLD_INDEX, NEW_INDEX), encoding="utf-8")
    servers = deployment.servers
    arguments = servers.arguments(deployment.mark, cluster.folder, script)
    changed = cluster.make_jar(arguments, servers.environment)

    with SteadyLoad(deployment.bank):
        deployment.wait_for_changes_after(time.time())
        savepoint = cluster.rest.savepoint(stop=True)
        cluster.wait_until(
            lambda: (cluster.rest.job() or {})["state"] == "FINISHED", 60, "the job does not end"
        )
        stopped = time.time()
        received.drain()
        early = set(received.events)
        received.repeats.clear()
        # A job manager that ended with its job would be started again, and one that is killed now
        # must not begin the old job anew.
        time.sleep(RESTART_SECONDS)
        assert cluster.processes.starts(JOB_MANAGER) == 1
        cluster.processes.kill(JOB_MANAGER)
        cluster.wait_until(lambda: bool(cluster.rest.ask("/overview")), 120, "no job manager")
        time.sleep(RESTART_SECONDS)
        assert (cluster.rest.job() or {"state": "none"})["state"] in ("FINISHED", "none")
        cluster.replace_job(changed, savepoint)
        cluster.wait_until_it_works()
        deployment.wait_for_changes_after(stopped)
    deployment.settle()

    indexes = {event_id: event["index"] for event_id, event in received.events.items()}
    assert {indexes[event_id] for event_id in early} == {"aml"}
    assert "aml_changed" in indexes.values()
    # Had it begun anew, what was behind the savepoint would have come once more.
    assert not early & received.repeats
