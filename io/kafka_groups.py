"""Consumer groups: who uses one, and the offsets that it has committed."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import confluent_kafka
import tenacity
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from pipeline_io.kafka_admin import BUSY_CODES, KafkaAdmin
from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_commit_thread import CommitThread
from pipeline_io.kafka_errors import GroupInUseError, KafkaError, client_error, error_for
from pipeline_io.kafka_positions import Partition, Positions, by_partition
from pipeline_io.kafka_properties import CONSUMER
from pipeline_io.kafka_relogin import Relogin

_LOGGER = logging.getLogger(__name__)
_E = confluent_kafka.KafkaError

_TOPIC_ID = "topic-id="
REQUEST_SECONDS = 10.0
COMMIT_SECONDS = 120.0
"""A coordinator moves to another broker within this; the data are with the sinks already."""
WARN_SECONDS = 30.0
"""A coordinator that is being chosen is no news before."""
COMMIT_EVERY_SECONDS = 1.0
"""What a killed job reads twice is the records of about this long; more often costs brokers."""

_OTHERS_CODES = (_E.UNKNOWN_MEMBER_ID, _E.ILLEGAL_GENERATION, _E.REBALANCE_IN_PROGRESS)


class Committed(NamedTuple):
    """A committed offset: the next to be read, and the id of its topic; "" if unknown."""

    offset: int
    topic_id: str


def check_group(admin: KafkaAdmin, group: str) -> None:
    """GroupInUseError if the group has members: their commits and ours would undo each other.

    Readers that assign partitions to themselves, as this project's do, are no members.
    """
    try:
        described = admin.ask(
            "the group",
            lambda: admin.client.describe_consumer_groups([group], request_timeout=REQUEST_SECONDS),
        )[group]
    except KafkaError as error:
        if isinstance(error.__cause__, confluent_kafka.KafkaException):
            code = client_error(error.__cause__).code()
            if code in (_E.GROUP_ID_NOT_FOUND, _E.INVALID_GROUP_ID):
                return
        raise
    if described.members:
        raise GroupInUseError(_in_use(admin.cluster, group, described.members))


def _in_use(cluster: KafkaCluster, group: str, members: Iterable[object]) -> str:
    names = sorted(
        f"{getattr(member, 'client_id', '?')} at {getattr(member, 'host', '?')}"
        for member in members
    )
    return (
        f"{cluster}: the group {group!r} is in use by {', '.join(names[:5])}"
        f"{', ...' if len(names) > 5 else ''}; stop that job, or give this one a group of its own "
        "(--kafka_group, or 'properties.group.id')"
    )


def committed_offsets(
    admin: KafkaAdmin, group: str, partitions: Iterable[Partition]
) -> dict[Partition, Committed]:
    """What the group has committed for these partitions; those without are left out."""
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(*key) for key in partitions])
    answer = admin.ask(
        "the offsets of the group",
        lambda: admin.client.list_consumer_group_offsets([asked], request_timeout=REQUEST_SECONDS),
    )[group]
    found = {}
    for each in answer.topic_partitions:
        if each.error is not None:
            raise error_for(admin.cluster, f"the offsets of the group {group!r}", each.error)
        if each.offset >= 0:
            _, _, topic_id = (each.metadata or "").partition(_TOPIC_ID)
            found[Partition(each.topic, each.partition)] = Committed(each.offset, topic_id)
    return found


class OffsetCommits:
    """Commits offsets for a group, never backwards, beside the bundles that confirm them.

    Args:
        every_seconds: what is confirmed is committed at most so often.
    """

    def __init__(
        self, cluster: KafkaCluster, group: str, every_seconds: float = COMMIT_EVERY_SECONDS
    ) -> None:
        self._cluster = cluster
        self._group = group
        self._commits: CommitThread[tuple[int, str]] = CommitThread(
            self._try_commit, "kafka-commits", every_seconds
        )
        self._failing_since: float | None = None
        self._reason = ""
        config = cluster.client_config(CONSUMER)
        self._relogin = relogin = Relogin(config, cluster.password_reference)
        config.update({"group.id": group, "enable.auto.commit": False, "error_cb": relogin.mends})
        self._consumer = confluent_kafka.Consumer(config)
        relogin.watch(self._consumer)

    def note(self, positions: Positions) -> None:
        """All before these positions is with the sinks: to be committed."""
        self._commits.note(
            {key: (each.start, each.topic_id) for key, each in by_partition(positions).items()}
        )

    def confirm(self, positions: Positions) -> None:
        """Notes positions, and has them committed, if not at once then a moment later."""
        self.note(positions)
        self._commits.wake()

    def _try_commit(self, offsets: Mapping[Partition, tuple[int, str]]) -> str | None:
        try:
            self._commit(offsets)
        except confluent_kafka.KafkaException as error:
            # Serves the callback, by which a password that was rotated is read again.
            self._consumer.poll(0)
            self._relogin.show()
            inner = client_error(error)
            self._failing_since = self._failing_since or time.monotonic()
            self._reason = f"{inner.str()} ({inner.name()})"
            failing = time.monotonic() - self._failing_since
            if inner.code() not in BUSY_CODES or failing >= WARN_SECONDS:
                _LOGGER.warning(
                    "%s: offsets of the group %r are not committed: %s; tried again soon. A job "
                    "that starts now reads some records twice",
                    self._cluster,
                    self._group,
                    self._reason,
                )
            return self._reason
        self._failing_since = None
        return None

    def check(self, seconds: float) -> None:
        """KafkaError if no offset could be committed for this long."""
        if self._commits.broken is not None:
            raise self._commits.broken
        since = self._failing_since
        if since is not None and time.monotonic() - since > seconds:
            message = (
                f"{self._cluster}: offsets of the group {self._group!r} could not be committed for "
                f"{seconds:.0f} s: {self._reason}; is the group in use elsewhere, and may the user "
                "READ it?"
            )
            raise KafkaError(message)

    def _commit(self, offsets: Mapping[Partition, tuple[int, str]]) -> None:
        asked = [_to_commit(key, *value) for key, value in offsets.items()]
        for done in self._consumer.commit(offsets=asked, asynchronous=False):
            if done.error is not None:
                raise confluent_kafka.KafkaException(done.error)

    def commit_all(self) -> None:
        """Commits what is confirmed, waiting for a cluster that is busy. Raises KafkaError."""
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_delay(COMMIT_SECONDS),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=10),
            retry=tenacity.retry_if_exception(_passes),
            reraise=True,
        )
        try:
            retrying(self._commits.commit_now, self._commit)
        except confluent_kafka.KafkaException as error:
            inner = client_error(error)
            what = f"committing offsets of the group {self._group!r}"
            if inner.code() in _OTHERS_CODES:
                message = f"{self._cluster}: {what}: {inner.str()}; another job has joined it"
                raise GroupInUseError(message) from error
            raise error_for(self._cluster, what, inner) from error

    def close(self) -> None:
        self._commits.close()
        self._consumer.close()


def _to_commit(key: Partition, offset: int, topic_id: str) -> TopicPartition:
    if not topic_id:
        # The client library takes no None for metadata.
        return TopicPartition(*key, offset)
    return TopicPartition(*key, offset, metadata=f"{_TOPIC_ID}{topic_id}")


def _passes(error: BaseException) -> bool:
    if not isinstance(error, confluent_kafka.KafkaException):
        return False
    return client_error(error).code() in BUSY_CODES


def commit_positions(cluster: KafkaCluster, group: str, positions: Positions) -> None:
    """Commits positions at once, waiting for a cluster that is busy. Raises KafkaError."""
    with contextlib.closing(OffsetCommits(cluster, group)) as commits:
        commits.note(positions)
        commits.commit_all()


_RUNS: dict[str, OffsetCommits] = {}
_RUNS_LOCK = threading.Lock()


def commits_of_run(run: str, cluster: KafkaCluster, group: str) -> OffsetCommits:
    """The one object of this process that commits for a run: bundles end in any order."""
    with _RUNS_LOCK:
        if run not in _RUNS:
            _RUNS[run] = OffsetCommits(cluster, group)
        return _RUNS[run]


def finish_run(run: str) -> None:
    """Commits the last of what a run of this process has read, and is done with it.

    Raises KafkaError.
    """
    with _RUNS_LOCK:
        commits = _RUNS.pop(run, None)
    if commits is not None:
        with contextlib.closing(commits):
            commits.commit_all()
