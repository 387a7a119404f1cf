"""Topics, their partitions and offsets: what a reader will read, planned before it starts."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import IsolationLevel, TopicCollection, TopicPartition
from confluent_kafka.admin._listoffsets import OffsetSpec

from pipeline_io.kafka_admin import KafkaAdmin, admin_of
from pipeline_io.kafka_errors import (
    KafkaConfigError,
    RecordsGoneError,
    UnknownTopicError,
    did_you_mean,
)
from pipeline_io.kafka_groups import (
    Committed,
    check_group,
    commit_positions,
    committed_offsets,
)
from pipeline_io.kafka_positions import Partition, PartitionRange, Positions, remaining
from pipeline_io.kafka_source import KafkaSource, StartMode, Uncommitted

INTERNAL_TOPICS = ("__consumer_offsets", "__transaction_state", "__share_group_state")
REQUEST_SECONDS = 10.0

_SPEC: Any = OffsetSpec  # Its methods have no types.
_EARLIEST: OffsetSpec = _SPEC.earliest()
_LATEST: OffsetSpec = _SPEC.latest()

ACCEPT_LOSS = (
    "to accept the loss choose the start 'earliest' (--kafka_start=earliest, or "
    "'scan.startup.mode' = 'earliest-offset')"
)


@dataclasses.dataclass(frozen=True)
class ReadPlan:
    """What a run reads: offsets by partition."""

    source: KafkaSource
    positions: Positions

    @property
    def offsets(self) -> int:
        """Offsets to be read by a run that ends; a bound for the number of records."""
        return remaining(self.positions)

    def describe(self) -> str:
        topics = len({found.topic for found in self.positions})
        where = (
            f"{len(self.positions):,} partition{'s' * (len(self.positions) != 1)} of {topics:,} "
            f"topic{'s' * (topics != 1)} of {self.source.cluster}"
        )
        if not self.source.bounded:
            return f"{where}, for ever"
        return f"{where}, records up to now: {self.offsets:,} at most"


def plan_read(source: KafkaSource) -> ReadPlan:
    """Where reading starts in each partition, and where it ends if it does.

    Asks the cluster, in the process that launches the pipeline. Raises KafkaError: brokers that do
    not answer within some seconds, refused access, unknown topics, a group that others use,
    committed offsets whose records are gone.
    """
    with admin_of(source.cluster) as admin:
        return _plan_by(admin, source)


def _plan_by(admin: KafkaAdmin, source: KafkaSource) -> ReadPlan:
    found = find_partitions(admin, source)
    committed: Mapping[Partition, Committed] = {}
    if source.group is not None:
        check_group(admin, source.group)
    if source.start.mode is StartMode.COMMITTED and source.group is not None:
        committed = committed_offsets(admin, source.group, found)
    first = _offsets(admin, found, _EARLIEST, source)
    end = _offsets(admin, found, _LATEST, source)
    timed: Mapping[Partition, int] = {}
    if source.start.timestamp_millis is not None:
        millis = source.start.timestamp_millis
        timed = _offsets(admin, found, OffsetSpec.for_timestamp(millis), source)
    positions = []
    for key, topic_id in sorted(found.items()):
        bounds = Bounds(first[key], end[key], topic_id)
        start = _start(source, key, bounds, committed.get(key), timed.get(key, -1))
        stop = max(start, end[key]) if source.bounded else None
        positions.append(PartitionRange(*key, start, stop, topic_id))
    return ReadPlan(source, tuple(positions))


def commit(source: KafkaSource, plan: ReadPlan) -> None:
    """Commits the ends of a plan for the group, when all of it is with the sinks.

    A source without a group commits nothing. Raises KafkaError.
    """
    if source.group is not None:
        ends = tuple(each._replace(start=each.end or each.start) for each in plan.positions)
        commit_positions(source.cluster, source.group, ends)


def check_topics(source: KafkaSource) -> None:
    """Asks whether the topics are there and the user may see them, for a reader that plans itself.

    Raises KafkaError.
    """
    with admin_of(source.cluster) as admin:
        find_partitions(admin, source)


def find_partitions(admin: KafkaAdmin, source: KafkaSource) -> dict[Partition, str]:
    """The partitions of a source, each with the id of its topic. Raises UnknownTopicError."""
    topics = admin.topics()
    if source.pattern is not None:
        names = [
            name
            for name in topics
            if re.fullmatch(source.pattern, name) and name not in INTERNAL_TOPICS
        ]
        if not names and source.bounded:
            message = (
                f"{source.cluster} has no topic like {source.pattern!r}; "
                f"{did_you_mean(source.pattern, topics)}"
            )
            raise UnknownTopicError(message)
    else:
        names = list(source.topics)
        for name in names:
            if name not in topics:
                message = (
                    f"{source.cluster} has no topic {name!r}, or shows it to other users only; "
                    f"{did_you_mean(name, topics)}"
                )
                raise UnknownTopicError(message)
    if not names:
        return {}
    described = admin.ask(
        "the topic",
        lambda: admin.client.describe_topics(
            TopicCollection(names), request_timeout=REQUEST_SECONDS
        ),
    )
    return {
        Partition(name, partition): str(described[name].topic_id)
        for name in names
        for partition in sorted(topics[name].partitions)
    }


def new_partitions(source: KafkaSource, known: Positions) -> Positions:
    """Partitions that are there now and were not; each is read from its first record.

    Raises UnknownTopicError for a topic that is gone, RecordsGoneError for one that was deleted
    and made anew.
    """
    with admin_of(source.cluster) as admin:
        return _new_by(admin, source, known)


def _new_by(admin: KafkaAdmin, source: KafkaSource, known: Positions) -> Positions:
    found = find_partitions(admin, source)
    for old in known:
        now = found.get(old.key)
        if now is not None and old.topic_id and now != old.topic_id:
            raise RecordsGoneError(recreated(old.key))
    new = dict(found)
    for old in known:
        new.pop(old.key, None)
    if not new:
        return ()
    first = _offsets(admin, new, _EARLIEST, source)
    return tuple(PartitionRange(*key, first[key], None, new[key]) for key in sorted(new))


def _offsets(
    admin: KafkaAdmin,
    partitions: Iterable[Partition],
    spec: OffsetSpec,
    source: KafkaSource,
) -> dict[Partition, int]:
    asked = {TopicPartition(*key): spec for key in partitions}
    if not asked:
        return {}
    isolation = (
        IsolationLevel.READ_UNCOMMITTED
        if source.isolation == "read_uncommitted"
        else IsolationLevel.READ_COMMITTED
    )
    answers = admin.ask(
        "the offsets of",
        lambda: admin.client.list_offsets(
            asked, isolation_level=isolation, request_timeout=REQUEST_SECONDS
        ),
    )
    return {Partition(key.topic, key.partition): found.offset for key, found in answers.items()}


@dataclasses.dataclass(frozen=True)
class Bounds:
    """The offsets that a partition has: from `first` up to and without `end`."""

    first: int
    end: int
    topic_id: str = ""


def _start(
    source: KafkaSource, key: Partition, bounds: Bounds, committed: Committed | None, timed: int
) -> int:
    match source.start.mode:
        case StartMode.EARLIEST:
            return bounds.first
        case StartMode.LATEST:
            return bounds.end
        case StartMode.TIMESTAMP:
            return timed if timed >= 0 else bounds.end
        case StartMode.OFFSETS:
            start = source.start.offsets.get(key.number, bounds.first)
            if not bounds.first <= start <= bounds.end:
                message = (
                    f"the start offset {start} of {key} is outside of what it has: "
                    f"{bounds.first} to {bounds.end}"
                )
                raise KafkaConfigError(message)
            return start
        case StartMode.COMMITTED:
            if committed is None:
                return _uncommitted(source, key, bounds)
            return committed_start(source, key, bounds, committed)


def _uncommitted(source: KafkaSource, key: Partition, bounds: Bounds) -> int:
    if source.start.uncommitted is Uncommitted.NONE:
        message = (
            f"the group {source.group!r} has committed no offset for {key}; choose where to start: "
            "'properties.auto.offset.reset' = 'earliest' or 'latest'"
        )
        raise KafkaConfigError(message)
    earliest = source.start.uncommitted is Uncommitted.EARLIEST
    return bounds.first if earliest else bounds.end


def committed_start(
    source: KafkaSource, key: Partition, bounds: Bounds, committed: Committed
) -> int:
    """The committed offset, if its records are still there. Raises RecordsGoneError."""
    if committed.topic_id and bounds.topic_id and committed.topic_id != bounds.topic_id:
        raise RecordsGoneError(recreated(key))
    if committed.offset < bounds.first:
        raise RecordsGoneError(gone(key, committed.offset, bounds.first))
    if committed.offset > bounds.end:
        message = (
            f"{key} ends at offset {bounds.end}, but the group {source.group!r} has committed "
            f"{committed.offset}: the topic was made anew or lost records; {ACCEPT_LOSS}"
        )
        raise RecordsGoneError(message)
    return committed.offset


def gone(key: Partition, first: int, end: int) -> str:
    return (
        f"{key}: the records from {first} to {end - 1} are gone by retention or deletion, before "
        f"they were read; {ACCEPT_LOSS}"
    )


def recreated(key: Partition) -> str:
    return (
        f"{key}: the topic was deleted and made anew, so its offsets are others; {ACCEPT_LOSS}, or "
        "choose another group"
    )
