"""A job that reads a subscription loses no message, whatever kills it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipelines.live.runner_flags import RunnerFlags
from tests.pipelines.live.subscription_job import SubscriptionJob, publish
from tests.stack.servers import Flink, Prism, PubSub
from tests.stack.topics import PubSubTopic, publisher


def flags_of(request: pytest.FixtureRequest, name: str) -> RunnerFlags:
    """The flags of a runner for a job without Java; starts what it needs."""
    if name == "direct":
        return RunnerFlags(name)
    if name == "prism":
        prism: Prism = request.getfixturevalue("prism")
        return RunnerFlags(name, ("--runner=PrismRunner", f"--prism_location={prism.binary}"))
    flink: Flink = request.getfixturevalue("fresh_flink")
    flags = ("--runner=PortableRunner", f"--job_endpoint={flink.job_endpoint}", "--parallelism=1")
    return RunnerFlags(name, flags)


@pytest.mark.parametrize("runner", ["direct", "prism", "flink"])
def test_every_message_is_there_after_a_kill(
    request: pytest.FixtureRequest,
    pubsub: PubSub,
    pubsub_topic: PubSubTopic,
    tmp_path: Path,
    runner: str,
) -> None:
    flags = flags_of(request, runner).flags
    job = SubscriptionJob(pubsub_topic, tmp_path)
    with publisher(pubsub) as client:
        publish(client, pubsub_topic, range(20_000))
        first = job.start("--follow", "--batch_size=500", *flags)
        first.wait_until(lambda: len(job.ids()) > 6_000)
        first.kill()
        before = set(job.ids())
        publish(client, pubsub_topic, range(20_000, 21_000))

    second = job.start("--follow", "--batch_size=500", *flags)
    second.wait_until(lambda: set(job.ids()) == set(range(21_000)))
    second.stop()

    assert len(before) < 20_000, "the first job was killed too late to show anything"
    # What was acknowledged before the kill did not come again.
    again = len(job.ids()) - 21_000
    assert again < len(before), f"{again} came again of {len(before)}"
    assert job.letters() == []
