"""The AML job on a Flink cluster of processes, from a bank's Kafka topics to Pub/Sub."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.pipelines.live.bank import Bank, Mark
from tests.pipelines.live.expected import Change
from tests.pipelines.live.received import Received
from tests.stack.beam_java import PART as BEAM_JAVA
from tests.stack.flink_cluster import FlinkCluster
from tests.stack.flink_configuration import slots
from tests.stack.installing import install
from tests.stack.servers import FlinkHome, Kafka, Registry
from tests.stack.stack import silent
from tests.stack.topics import PubSubTopic

RECOVERY_SECONDS = 240
"""After a kill, on a machine that is busy with other tests; a quiet one takes about 20."""
CHECKPOINTING_MILLIS = 2_000
MOST_TASK_MANAGERS = 2


@dataclasses.dataclass(frozen=True)
class Recovery:
    """What a kill did, and what came of it.

    seconds: from the kill to the first new event of the job's next start.
    attempt: the times at which the tasks started before the kill, and after.
    checkpoint: the newest complete one before the kill, and the one that was gone on from.
    while_dead: changes that were committed while the process was dead.
    repeats: events that came once more.
    """

    name: str
    seconds: float
    attempt: tuple[tuple[int, ...], tuple[int, ...]]
    checkpoint: tuple[int, int]
    while_dead: int
    repeats: int


class Deployment:
    """A job that runs on a cluster, and what has come of a bank's changes since a mark."""

    def __init__(self, cluster: FlinkCluster, servers: Servers, mark: Mark) -> None:
        self.cluster = cluster
        self.servers = servers
        self.bank = servers.bank
        self.mark = mark
        self.received = Received(servers.topic)

    def changes(self) -> list[Change]:
        """What was committed, and has to come."""
        return self.bank.changes_since(self.mark)

    def wait_for_changes_after(self, moment: float, seconds: float = RECOVERY_SECONDS) -> None:
        """Returns when an event has come of a change that was committed later.

        moment: seconds of the epoch. StackError with the cluster's logs if none comes.
        """

        def came() -> bool:
            self.received.pull(0.3)
            later = {each.event for each in self.changes() if each.committed_at > moment}
            return not later.isdisjoint(self.received.texts.values())

        self.cluster.wait_until(came, seconds, "no later change has arrived")

    def settle(self, seconds: float = RECOVERY_SECONDS) -> None:
        """Returns when everything that was committed has come, once nothing changes any more.

        AssertionError tells what was lost, and what came that was never committed.
        """
        self.bank.wait_for_kafka()
        changes = self.changes()
        wanted = sum(each.event is not None for each in changes)
        deadline = time.monotonic() + seconds
        while len(self.received.events) < wanted and time.monotonic() < deadline:
            self.received.pull(0.5)
        self.received.check(changes)

    def wait_until_handled(self) -> None:
        """Returns when the group of the lag has all that is in the topics; StackError if never."""
        group = lag_group(self.mark)
        self.cluster.wait_until(
            lambda: self.bank.committed(group) == self.bank.ends(),
            RECOVERY_SECONDS,
            f"the lag of {group} does not go away",
        )

    def wait_for_new_checkpoint(self) -> None:
        """Returns when a checkpoint is complete that began after the job's latest start."""
        rest = self.cluster.rest
        before = max(rest.restored(), rest.completed())
        self.cluster.wait_until(
            lambda: rest.completed() > before, RECOVERY_SECONDS, "no new checkpoint is complete"
        )

    def kill(self, name: str) -> Recovery:
        """Kills a process while rows change, and returns when the job has come back."""
        self.wait_for_new_checkpoint()
        rest, processes = self.cluster.rest, self.cluster.processes
        attempt, checkpoint, starts = rest.attempt(), rest.completed(), processes.starts(name)
        repeats = len(self.received.repeats)
        killed = processes.kill(name)
        self.cluster.wait_until(
            lambda: processes.starts(name) > starts, RECOVERY_SECONDS, f"{name} was not restarted"
        )
        restarted = time.time()
        self.cluster.wait_until(
            lambda: rest.works() and rest.attempt() != attempt,
            RECOVERY_SECONDS,
            f"the job was not restarted after the end of {name}",
        )
        working, after = time.time(), rest.attempt()
        self.wait_for_changes_after(working)
        return Recovery(
            name,
            seconds=self._first_after(killed, max(after) / 1000) - killed,
            attempt=(attempt, after),
            checkpoint=(checkpoint, rest.restored()),
            while_dead=sum(killed < each.committed_at < restarted for each in self.changes()),
            repeats=len(self.received.repeats) - repeats,
        )

    def _first_after(self, killed: float, started: float) -> float:
        """When the first event came of a change that the job before the kill did not have."""
        events = {each.event: each for each in self.changes() if each.committed_at > killed}
        return min(
            self.received.published[event_id]
            for event_id, text in self.received.texts.items()
            if text in events and self.received.published[event_id] > started
        )


def lag_group(mark: Mark) -> str:
    """For whom a job tells Kafka what it has handled."""
    return f"{mark.group}-handled"


@dataclasses.dataclass(frozen=True)
class Servers:
    """What the job reads, asks and writes."""

    kafka: Kafka
    registry: Registry
    bank: Bank
    topic: PubSubTopic

    @property
    def environment(self) -> dict[str, str]:
        """Of who makes the jar and of the Python workers: the jar has no password."""
        password = self.bank.lookups["postgresql"].password
        return {"PUBSUB_EMULATOR_HOST": self.topic.address, "LOOKUP_PASSWORD": password}

    def arguments(self, mark: Mark, folder: Path, script: Path | None = None) -> list[str]:
        """The command line of the AML job, or of a changed script of it."""
        lookup = self.bank.lookups["postgresql"]
        url = f"postgresql+psycopg://{lookup.host}:{lookup.port}/{lookup.name}"
        if script is None:
            login = (f"--lookup_user={lookup.user}", "--lookup_password=env://LOOKUP_PASSWORD")
            job = ["pipelines.aml", f"--lookup_url={url}", *login]
        else:
            options = f", 'username' = '{lookup.user}', 'password' = 'env://LOOKUP_PASSWORD'"
            values = (f"LOOKUP_URL={url}", f"LOOKUP_LOGIN={options}")
            job = ["pipelines.sql_job", f"--job={script}", *(f"--variable={v}" for v in values)]
        return [
            *job,
            f"--kafka_brokers={self.kafka.brokers}",
            f"--schema_registry={self.registry.url}",
            f"--kafka_group={mark.group}",
            f"--pubsub_project={self.topic.project}",
            f"--pubsub_topic={self.topic.name}",
            f"--dead_letters={folder / 'dead_letters.jsonl'}",
            f"--checkpointing_interval={CHECKPOINTING_MILLIS}",
            f"--lag_group={lag_group(mark)}",
            f"--parallelism={MOST_TASK_MANAGERS * slots()}",
        ]


@contextlib.contextmanager
def new_cluster(
    home: FlinkHome, environment: Mapping[str, str], folder: Path, mark: Path
) -> Iterator[FlinkCluster]:
    """A cluster without a job, its processes on their way; all gone after the block.

    environment: of the Python workers. mark: see tests/stack/processes.py.
    """
    cluster = FlinkCluster(home.folder, install(BEAM_JAVA, silent), folder, mark, environment)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


def deploy(cluster: FlinkCluster, servers: Servers, mark: Mark) -> Deployment:
    """Makes the job's jar, starts it, and returns when all of its tasks run."""
    jar = cluster.make_jar(servers.arguments(mark, cluster.folder), servers.environment)
    cluster.start_job(jar)
    cluster.wait_until_it_works()
    return Deployment(cluster, servers, mark)
