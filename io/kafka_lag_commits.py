"""Offsets committed for monitoring alone, where the runner keeps those that count.

KafkaIO's offsets are in the runner's checkpoints, which Kafka's tools do not see. What a worker has
handled is committed for a group that nobody reads by and nobody starts from: its lag is the job's.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import apache_beam as beam
import confluent_kafka
import pyarrow as pa
from apache_beam.metrics.metric import Metrics
from confluent_kafka import TopicPartition

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_commit_thread import CommitThread
from pipeline_io.kafka_positions import Partition
from pipeline_io.kafka_properties import CONSUMER

_LOGGER = logging.getLogger(__name__)

NAMESPACE = "kamiflow.lag_commits"
FAILURES = "failures"
EVERY_SECONDS = 3.0
"""Each worker commits at most so often."""
CLOSE_SECONDS = 5.0
"""How long a worker that ends waits for its last commit."""
WARN_EVERY_SECONDS = 60.0
_REQUEST_SECONDS = 10.0

Offsets = Mapping[Partition, int]
"""The first offset that is not handled, by partition."""


def offsets_behind(batch: pa.RecordBatch) -> dict[Partition, int]:
    """The offsets behind the last records of a batch (RECORD_SCHEMA)."""
    table = pa.Table.from_batches([batch.select(["topic", "partition", "offset"])])
    last = table.group_by(["topic", "partition"], use_threads=False)
    return {
        Partition(row["topic"], row["partition"]): row["offset_max"] + 1
        for row in last.aggregate([("offset", "max")]).to_pylist()
    }


class GroupCommits:
    """Commits offsets for a group without members. Raises nothing."""

    def __init__(self, cluster: KafkaCluster, group: str) -> None:
        self._cluster = cluster
        self._group = group
        self._consumer: confluent_kafka.Consumer | None = None

    def __call__(self, offsets: Offsets) -> str | None:
        """Why the offsets are not committed; None if they are."""
        try:
            asked = [TopicPartition(*key, offset) for key, offset in offsets.items()]
            for done in self._opened().commit(offsets=asked, asynchronous=False):
                if done.error is not None:
                    return str(done.error.str())
        except Exception as error:  # Whatever it is, what is watched goes on.
            self._close()
            return str(error)
        return None

    def _opened(self) -> confluent_kafka.Consumer:
        if self._consumer is None:
            config = self._cluster.client_config(CONSUMER)
            config |= {
                "group.id": self._group,
                "enable.auto.commit": False,
                "socket.timeout.ms": round(_REQUEST_SECONDS * 1000),
            }
            self._consumer = confluent_kafka.Consumer(config)
        # Serves the callbacks, by which a token is had.
        self._consumer.poll(0)
        return self._consumer

    def _close(self) -> None:
        # The next one reads the password anew.
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(Exception):
                consumer.close()


class LagCommits:
    """Commits what was handled. Raises nothing: a job that works is not stopped for its lag.

    Args:
        commit: says why offsets are not committed, or None.
        what: the cluster and the group, for the log.
    """

    def __init__(
        self,
        commit: Callable[[Offsets], str | None],
        what: str,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._commit = commit
        self._what = what
        self._commits: CommitThread[int] = CommitThread(
            self._try_commit, "lag-commits", every_seconds
        )
        self._lock = threading.Lock()
        self._failures = 0
        self._warned = -WARN_EVERY_SECONDS

    def handled(self, offsets: Offsets) -> int:
        """All before these offsets is handled. How many commits have failed since the last call."""
        self._commits.note(offsets)
        self._commits.wake()
        with self._lock:
            failures, self._failures = self._failures, 0
            return failures

    def settle(self, seconds: float = CLOSE_SECONDS) -> bool:
        """Waits until all is committed; whether it is."""
        return self._commits.settle(seconds)

    def _try_commit(self, offsets: Offsets) -> str | None:
        why = self._commit(offsets)
        if why is not None:
            with self._lock:
                self._failures += 1
            self._tell(why)
        return why

    def _tell(self, why: str) -> None:
        if time.monotonic() - self._warned < WARN_EVERY_SECONDS:
            return
        self._warned = time.monotonic()
        _LOGGER.warning(
            "%s: what was handled is not committed for its lag, and is tried again: %s. The job "
            "itself goes on",
            self._what,
            why,
        )


_COMMITS: dict[str, LagCommits] = {}
_LOCK = threading.Lock()


def lag_commits_of(cluster: KafkaCluster, group: str) -> LagCommits:
    """The one object of this process for a group: the threads of a worker share partitions."""
    key = f"{cluster!r} {group}"
    with _LOCK:
        if key not in _COMMITS:
            what = f"{cluster}, group {group!r}"
            _COMMITS[key] = LagCommits(GroupCommits(cluster, group), what)
        return _COMMITS[key]


class CommitLag(beam.DoFn):
    """Batches of records (RECORD_SCHEMA), whose offsets are committed when their bundle ends.

    Nothing comes out of it, so that a worker ends it after all steps of its bundle that have an
    outcome, the writers of sinks among them: what they could not write is not committed.
    """

    def __init__(self, cluster: KafkaCluster, group: str) -> None:
        self.cluster = cluster
        self.group = group
        self._failed: Any = Metrics.counter(NAMESPACE, f"{group}/{FAILURES}")

    def setup(self) -> None:
        self._commits = lag_commits_of(self.cluster, self.group)

    def start_bundle(self) -> None:
        self._offsets: dict[Partition, int] = {}

    def process(self, element: pa.RecordBatch) -> Iterable[None]:
        for key, offset in offsets_behind(element).items():
            self._offsets[key] = max(offset, self._offsets.get(key, offset))
        return ()

    def finish_bundle(self) -> None:
        if self._offsets and (failures := self._commits.handled(self._offsets)):
            self._failed.inc(failures)

    def teardown(self) -> None:
        self._commits.settle()
