"""A checkpoint that comes while a Flink's first bundle is open does not keep the job standing."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest

from tests.pipelines.live.item_job import ItemTopic, item_flags, item_script
from tests.pipelines.live.job_process import JobProcess
from tests.pipelines.live.runner_flags import runner_flags
from tests.pipelines.recorded import event, item
from tests.stack.flink_cancel import end_jobs
from tests.stack.servers import Flink, Kafka, Registry
from tests.stack.topics import PubSubTopic, Topics

RECORDS = 50
STARTS = 6
"""Without --finish_bundle_before_checkpointing 3 of 10 starts stood still."""


@pytest.mark.slow
def test_a_checkpoint_within_the_first_bundle_holds_nothing_back(
    request: pytest.FixtureRequest,
    kafka: Kafka,
    registry: Registry,
    topic: Topics,
    pubsub_topic: PubSubTopic,
    tmp_path: Path,
) -> None:
    name = topic(name="items")
    items = ItemTopic(kafka, registry, name)
    items.send(*(items.value(event("c", item(number))) for number in range(RECORDS)))
    # Flink takes the first checkpoint at a chance moment of the first interval, and the first
    # bundle is about as old by then.
    soon = "--checkpointing_interval=1000"
    chosen = [*runner_flags(request, "flink").flags, "--parallelism=1", soon]
    flink: Flink = request.getfixturevalue("fresh_flink")
    for start in range(STARTS):
        folder = tmp_path / str(start)
        folder.mkdir()
        group = f"{name}-{start}"
        script = item_script(folder, name)
        flags = item_flags(folder, script, kafka.brokers, registry.url, pubsub_topic, group)
        job = JobProcess(
            ["pipelines.sql_job", *flags, "--follow", *chosen],
            folder,
            {"PUBSUB_EMULATOR_HOST": pubsub_topic.address},
        )
        received: set[int] = set()
        try:
            job.wait_until(functools.partial(_all_came, pubsub_topic, received))
        finally:
            job.kill()
        end_jobs(flink.pids()["flink"])
        # What has come twice must not count for the next start.
        pubsub_topic.pull(100, 1)


def _all_came(topic: PubSubTopic, received: set[int]) -> bool:
    received.update(json.loads(message.data)["id"] for message in topic.pull(100, 0.5))
    return received == set(range(RECORDS))
