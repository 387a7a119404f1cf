"""A cluster in memory: what Kafka does with the steps of a plan."""

from __future__ import annotations

import dataclasses

from kami.topics_state import ClusterState, ConfigValue, GroupState, TopicState
from kami.topics_steps import (
    AddPartitions,
    CreateAcl,
    CreateTopic,
    DeleteAcl,
    DeleteTopic,
    DeleteUser,
    SetConfigs,
    SetOffsets,
    SetUser,
    Step,
)

DEFAULTS = {
    "cleanup.policy": "delete",
    "retention.ms": "604800000",
    "retention.bytes": "-1",
    "min.insync.replicas": "1",
    "preallocate": "false",
}
"""All configs that topics of this cluster have."""


def topic_state(
    partitions: int = 1, replication_factor: int = 1, *, is_internal: bool = False, **configs: str
) -> TopicState:
    """A topic; configs that are set on it are named with _ for the dots."""
    values = {name: ConfigValue(value, False) for name, value in DEFAULTS.items()}
    values |= {name.replace("_", "."): ConfigValue(value, True) for name, value in configs.items()}
    return TopicState(partitions, replication_factor, values, is_internal)


class ModelCluster:
    """Takes steps as Kafka does; what Kafka refuses fails the test."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state

    def state(self) -> ClusterState:
        return self._state

    def take(self, step: Step) -> None:
        state = self._state
        topics, users, groups = dict(state.topics), dict(state.users), dict(state.groups)
        acls = state.acls
        match step:
            case CreateTopic(topic=topic):
                assert topic.name not in topics
                made = topic_state(topic.partitions, topic.replication_factor or 1)
                topics[topic.name] = _configured(made, topic.configs)
            case AddPartitions(topic=name, total=total):
                assert total > topics[name].partitions
                topics[name] = dataclasses.replace(topics[name], partitions=total)
            case SetConfigs(topic=name, values=values):
                topics[name] = _configured(topics[name], values)
            case DeleteTopic(topic=name):
                del topics[name]
            case CreateAcl(acl=acl):
                acls |= {acl}
            case DeleteAcl(acl=acl):
                assert acl in acls
                acls -= {acl}
            case SetUser(user=user):
                users[user.name, user.mechanism] = user.iterations
            case DeleteUser(user=name, mechanism=mechanism):
                del users[name, mechanism]
            case SetOffsets(group=name, offsets=offsets):
                there = groups.get(name, GroupState())
                assert not there.members
                for of, partition, _ in offsets:
                    assert partition < topics[of].partitions
                new = {(of, partition): offset for of, partition, offset in offsets}
                groups[name] = GroupState(0, {**there.committed, **new})
            case _:
                message = f"{step!r} is unknown here"
                raise AssertionError(message)
        self._state = dataclasses.replace(
            state, topics=topics, users=users, groups=groups, acls=acls
        )


def _configured(topic: TopicState, values: tuple[tuple[str, str | None], ...]) -> TopicState:
    configs = dict(topic.configs)
    for name, value in values:
        is_set = value is not None
        configs[name] = ConfigValue(value if is_set else DEFAULTS.get(name), is_set)
    return dataclasses.replace(topic, configs=configs)
