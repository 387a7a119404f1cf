"""One reading of a cluster: the lag of all groups that were asked for."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping

from kami.errors import KamiError, UnreachableError
from kami.kafka_broker import Broker
from kami.lag import Edges, Lag, Partition, Position, gone, lag_of, not_read
from kami.lag_cluster import LagCluster
from kami.lag_oldest import Asked, OldestRecords
from kami.lag_question import Group, Question


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a cluster answered.

    Args:
        lags: by group, topic and partition.
        edges: of each partition that a group of these reads.
        failures: what could not be read; the rest is right without it.
        incomplete: groups of which something could not be read: their sums are unknown.
    """

    groups: tuple[Group, ...] = ()
    lags: tuple[Lag, ...] = ()
    edges: Mapping[Partition, Edges] = dataclasses.field(default_factory=dict)
    failures: tuple[KamiError, ...] = ()
    incomplete: frozenset[str] = frozenset()


def now_in_milliseconds() -> int:
    return time.time_ns() // 1_000_000


def read_lag(
    broker: Broker,
    oldest: OldestRecords,
    question: Question,
    seconds: float,
    now_ms: Callable[[], int] = now_in_milliseconds,
) -> Reading:
    """The lag of the groups now.

    Args:
        seconds: how long all of it may ask brokers that are busy or away.

    Raises:
        UnreachableError: no broker answers.
    """
    cluster = LagCluster(broker, seconds)
    counts = cluster.topics()
    names = cluster.group_names(question)
    # Commits before ends: no end that a group has reached meanwhile is before its commit.
    groups = tuple(cluster.groups(names))
    positions = [
        position
        for group in groups
        for position in group.positions(counts)
        if question.wants_topic(position.partition.topic)
    ]
    there = [one for one in positions if one.partition.number < counts.get(one.partition.topic, 0)]
    edges = cluster.edges({one.partition for one in there}, question.isolation)
    asked = _asked(there, edges, question)
    seen = oldest.look(asked.values(), edges, cluster.left)
    now = now_ms()
    lags: list[Lag] = []
    for position in positions:
        topic, number = position.partition
        place = asked.get(position)
        if number >= counts.get(topic, 0):
            lags.append(gone(position, topic_exists=topic in counts))
        elif position.partition not in edges or (place and place not in seen):
            lags.append(not_read(position, edges.get(position.partition)))
        else:
            ahead = seen[place] if place else None
            lags.append(lag_of(position, edges[position.partition], ahead, now))
    silent = {one.partition for one in asked.values() if one not in seen}
    missing = set(names).difference(group.name for group in groups)
    return Reading(
        groups,
        tuple(lags),
        edges,
        (*cluster.failures, *map(_silence, sorted(silent))),
        frozenset(missing.union(lag.group for lag in lags if lag.is_unread)),
    )


def _asked(
    positions: list[Position], edges: Mapping[Partition, Edges], question: Question
) -> dict[Position, Asked]:
    """Where to look for the oldest record; nowhere for a group that may begin anywhere."""
    asked = {}
    for position in positions:
        if position.partition in edges:
            begin = position.next_offset(edges[position.partition], question.reset)
            if begin is not None:
                stands = begin if position.committed is None else position.committed
                asked[position] = Asked(position.partition, begin, stands)
    return asked


def _silence(partition: Partition) -> KamiError:
    message = (
        f"partition {partition.number} of {partition.topic!r} gives no record; check that its "
        "leader is up, and that the user has READ on the topic"
    )
    return UnreachableError(message)
