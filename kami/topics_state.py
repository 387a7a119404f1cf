"""What a cluster has, of what a file of topics speaks of."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Mapping

from kami.topics_wanted import Acl, Target

NEVER_DELETED = ("__*", "_schemas*", "_confluent*", "connect-*")
"""Topics that Kafka, a schema registry or Kafka Connect keep their own state in."""


@dataclasses.dataclass(frozen=True)
class ConfigValue:
    """
    Args:
        is_set: whether somebody set it on this topic; else it is what the broker gives it.
    """

    value: str | None
    is_set: bool


@dataclasses.dataclass(frozen=True)
class TopicState:
    partitions: int
    replication_factor: int
    configs: Mapping[str, ConfigValue] = dataclasses.field(default_factory=dict)
    is_internal: bool = False


@dataclasses.dataclass(frozen=True)
class GroupState:
    """
    Args:
        members: consumers that are in it now.
        committed: (topic, partition) -> offset.
    """

    members: int = 0
    committed: Mapping[tuple[str, int], int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class ClusterState:
    """
    Args:
        users: (name, mechanism) -> iterations.
        edges: (topic, partition, target) -> offset; of a time after the last record -1.
        known_configs: the names that this broker has for topics; empty: there was none to ask of.
    """

    topics: Mapping[str, TopicState] = dataclasses.field(default_factory=dict)
    acls: frozenset[Acl] = frozenset()
    users: Mapping[tuple[str, str], int] = dataclasses.field(default_factory=dict)
    groups: Mapping[str, GroupState] = dataclasses.field(default_factory=dict)
    edges: Mapping[tuple[str, int, Target], int] = dataclasses.field(default_factory=dict)
    known_configs: frozenset[str] = frozenset()


def is_never_deleted(name: str, *, is_internal: bool) -> bool:
    return is_internal or any(fnmatch.fnmatchcase(name, pattern) for pattern in NEVER_DELETED)
