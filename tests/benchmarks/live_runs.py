"""One measured run of the job: a backlog to its end, or a stream followed for a while."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.live_jobs import JobFailed, Runner, RunningJob, started
from tests.benchmarks.live_load import Load
from tests.benchmarks.live_processes import Usage, usage_of
from tests.benchmarks.live_script import LiveScript
from tests.benchmarks.live_sinks import LiveSink, kafka_sink, pubsub_sink, settled
from tests.stack.databases import fresh_name
from tests.stack.servers import Kafka, PubSub, Registry
from tests.stack.session import Session
from tests.stack.topics import Topics

START_SECONDS = 180.0
"""A runner in Java takes 45 s to start on a busy machine."""
SLOWEST_PER_SECOND = 1_000
WARM_SECONDS = 3.0
"""The first seconds of a stream are a runner's start."""


@dataclasses.dataclass(frozen=True)
class Backlog:
    """What a run over a topic's records took.

    seconds: from the start of the process to the end. span_seconds: from the arrival of the first
    message at the sink to that of the last one. usage: by process. broker: of Kafka and Pub/Sub.
    digest: of the payloads, sorted; empty where they were not kept.
    """

    records: int
    seconds: float
    span_seconds: float
    usage: dict[str, Usage]
    broker: dict[str, Usage]
    digest: str = ""

    @property
    def cpu_seconds(self) -> float:
        return sum(one.cpu_seconds for one in self.usage.values())


@dataclasses.dataclass(frozen=True)
class Bench:
    """The servers, and where scripts and outputs go."""

    stack: Session
    load: Load
    topics: Topics
    folder: Path

    @property
    def kafka(self) -> Kafka:
        return self.stack.server("kafka", Kafka)

    def filled(self, records: int) -> str:
        """A new topic of one partition with so many records."""
        topic = self.topics(name="items")
        self.load.fill(topic, records)
        return topic

    @contextlib.contextmanager
    def sink(self, name: str, *, keep: bool) -> Iterator[LiveSink]:
        if name == "kafka":
            with kafka_sink(self.kafka, self.topics) as sink:
                yield sink
        else:
            with pubsub_sink(self.stack.server("pubsub", PubSub), keep=keep) as sink:
                yield sink

    def script(self, topic: str, sink: str, to: LiveSink, *, with_times: bool = False) -> Path:
        pubsub = self.stack.server("pubsub", PubSub) if sink == "pubsub" else None
        return LiveScript(
            brokers=self.kafka.brokers,
            registry=self.stack.server("registry", Registry).url,
            topic=topic,
            sink=sink,
            sink_topic=to.topic,
            group=fresh_name("bench"),
            pubsub=pubsub.address if pubsub else "",
            project=pubsub.project if pubsub else "",
            with_times=with_times,
        ).write(self.folder)

    def started(
        self, runner: Runner, script: Path
    ) -> contextlib.AbstractContextManager[RunningJob]:
        """The job of a script on a runner, under way within the block."""
        return started(runner, script)

    def digest(self, sink: LiveSink) -> str:
        """The same for sinks that have the same messages."""
        return digest_of(sink)

    def backlog(
        self, runner: Runner, sink: str, topic: str, records: int, *, keep: bool = False
    ) -> Backlog:
        """Runs the job over a topic. Raises JobFailed."""
        servers = {"kafka": self.kafka.pids()["kafka"]}
        if sink == "pubsub":
            servers["pubsub"] = self.stack.server("pubsub", PubSub).pids()["pubsub"]
        before = {name: usage_of(pid) for name, pid in servers.items()}
        with self.sink(sink, keep=keep) as to:
            script = self.script(topic, sink, to)
            began = time.perf_counter()
            with self.started(runner, script) as job:
                patience = START_SECONDS + records / SLOWEST_PER_SECOND
                if not runner.ends:
                    job.until(lambda: to.count() >= records, patience)
                usage = job.end(by_itself=runner.ends, patience_seconds=patience)
            seconds = time.perf_counter() - began
            found = settled(to, records)
            # What is delivered twice is no fault, what is missing is one.
            if found < records or (runner.ends and found > records):
                message = f"{runner.name} to {sink}: {found:,} messages of {records:,} records"
                raise JobFailed(message)
            span = to.span_seconds()
            digest = self.digest(to) if keep else ""
        used = {name: usage_of(pid).since(before[name]) for name, pid in servers.items()}
        return Backlog(records, seconds, span, usage, used, digest)

    def latencies(self, runner: Runner, sink: str, per_second: int, seconds: float) -> list[float]:
        """Seconds from each record's timestamp to its message's arrival, in their order, of a job
        that follows the topic. Raises JobFailed."""
        topic = self.topics(name="live")
        follow = dataclasses.replace(
            runner, flags=tuple(dict.fromkeys((*runner.flags, "--follow"))), ends=False
        )
        with self.sink(sink, keep=True) as to:
            script = self.script(topic, sink, to, with_times=True)
            with self.started(follow, script) as job:
                # The stream begins when the job is there.
                self.load.fill(topic, 1)
                job.until(lambda: to.count() >= 1, START_SECONDS)
                time.sleep(WARM_SECONDS)
                sent = 1 + self.load.pace(topic, per_second, seconds + WARM_SECONDS, job.has_ended)
                job.until(lambda: to.count() >= sent, START_SECONDS)
                job.end(by_itself=False)
            found = sorted(map(latency_of, to.messages()))
        first = found[1][0] if len(found) > 1 else 0.0
        return [late for at, late in found if at >= first + WARM_SECONDS]


def latency_of(message: tuple[bytes, float]) -> tuple[float, float]:
    """When a message's record was sent, in seconds, and how many it took to arrive."""
    payload, at_millis = message
    text = json.loads(payload)["event"]["sent_at"]
    sent = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc)
    return sent.timestamp(), at_millis / 1000 - sent.timestamp()


def digest_of(sink: LiveSink) -> str:
    """A hash of all payloads, the same in whatever order they came."""
    digest = hashlib.sha256()
    for payload in sorted(message.payload for message in sink.messages()):
        digest.update(len(payload).to_bytes(4, "big") + payload)
    return digest.hexdigest()


def percentile(values: list[float], percent: int) -> float:
    """The value that so many per cent do not exceed; of at least two values."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
