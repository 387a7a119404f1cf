"""How old an event is when Splunk has it: from Pub/Sub's publish to the 200 of the collector.

python -m tests.benchmarks.splunk_age [--per_second 1000] [--seconds 30] [--runners direct,prism]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from google.pubsub_v1.types import PubsubMessage

from tests.benchmarks.live_runs import percentile
from tests.pipelines.live.job_process import JobProcess
from tests.splunk.process import TOKEN_VARIABLE, Hec
from tests.stack.servers import Prism, PubSub
from tests.stack.session import Session, session
from tests.stack.topics import PubSubTopic, fresh_pubsub_topic, publisher

RUNNERS = ("direct", "prism")
_REQUEST_SECONDS = 0.02
_WARM_SECONDS = 3.0
_START_SECONDS = 120.0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def flags_of(runner: str, stack: Session) -> list[str]:
    if runner == "direct":
        return []
    return ["--runner=PrismRunner", f"--prism_location={stack.server('prism', Prism).binary}"]


def publish(pubsub: PubSub, topic: PubSubTopic, per_second: int, seconds: float) -> int:
    """Publishes evenly; each payload has the time at which it was sent. How many."""
    sent, began = 0, time.time()
    with publisher(pubsub) as client:
        while (now := time.time()) < began + seconds:
            due = int((now - began) * per_second) - sent
            if due > 0:
                data = b'{"sent_at": %.6f, "text": "%s"}' % (now, b"x" * 200)
                client.publish(topic=topic.topic, messages=[PubsubMessage(data=data)] * due)
                sent += due
            time.sleep(_REQUEST_SECONDS)
    return sent


def ages(hec: Hec, since: float) -> list[float]:
    """Seconds from the publish of each event until it was taken, of those sent after a time."""
    found = ((event["event"]["sent_at"], taken) for event, taken in hec.taken())
    return [taken - sent for sent, taken in found if sent >= since]


def measure(
    runner: str, stack: Session, pubsub: PubSub, given: argparse.Namespace, folder: Path
) -> str:
    with Hec() as hec, fresh_pubsub_topic(pubsub) as topic:
        hec.set_up(keep=10_000_000)
        arguments = [
            "pipelines.splunk",
            f"--subscription={topic.subscription}",
            f"--splunk_url={hec.url}",
            f"--splunk_token=env://{TOKEN_VARIABLE}",
            f"--output_dir={folder / runner}",
            "--follow",
            *flags_of(runner, stack),
        ]
        job = JobProcess(arguments, folder, {"PUBSUB_EMULATOR_HOST": pubsub.address})
        try:
            publish(pubsub, topic, 10, 1)
            job.wait_until(lambda: hec.report()["events"] > 0, _START_SECONDS)
            since = time.time() + _WARM_SECONDS
            sent: list[int] = []
            thread = threading.Thread(
                target=lambda: sent.append(
                    publish(pubsub, topic, given.per_second, given.seconds + _WARM_SECONDS)
                )
            )
            thread.start()
            thread.join()
            before = hec.report()["events"]
            job.wait_until(lambda: hec.report()["events"] >= sent[0], _START_SECONDS)
            found = ages(hec, since)
            p50, p99 = percentile(found, 50), percentile(found, 99)
            return (
                f"{runner:8}{p50:8.2f}{p99:8.2f}{max(found):8.2f}{len(found):10,}"
                f"  {sent[0] - before:,} were under way when the last was published"
            )
        finally:
            job.kill()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.splunk_age")
    parser.add_argument("--per_second", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--runners", default=",".join(RUNNERS))
    given = parser.parse_args(arguments)
    runners = given.runners.split(",")
    with session(say) as stack, tempfile.TemporaryDirectory() as folder:
        stack.begin(["pubsub", *({"prism"} & set(runners))])
        pubsub = stack.server("pubsub", PubSub)
        os.environ["PUBSUB_EMULATOR_HOST"] = pubsub.address
        lines = [measure(runner, stack, pubsub, given, Path(folder)) for runner in runners]
    say(f"{given.per_second:,} events a second for {given.seconds:.0f} s; seconds from publish on")
    say(f"{'runner':8}{'p50':>8}{'p99':>8}{'most':>8}{'events':>10}")
    for line in lines:
        say(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
