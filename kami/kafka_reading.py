"""Reads of a cluster what a file of topics speaks of, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any, cast

import confluent_kafka
from confluent_kafka import ConsumerGroupTopicPartitions, TopicCollection, TopicPartition
from confluent_kafka.admin._acl import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
)
from confluent_kafka.admin._config import ConfigResource, ConfigSource
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from kami.errors import RefusedError
from kami.kafka_broker import Broker
from kami.kafka_errors import client_error, error_for
from kami.topics_state import (
    ClusterState,
    ConfigValue,
    GroupState,
    TopicState,
    is_never_deleted,
)
from kami.topics_wanted import EARLIEST, LATEST, Acl, Target, Wanted

CLUSTER_TYPE = ResourceType.BROKER
"""The protocol's number for the cluster; the client library calls it by its older name."""
_ON_CLUSTER = "DESCRIBE on the cluster"
_UNKNOWN_TOPIC = confluent_kafka.KafkaError.UNKNOWN_TOPIC_OR_PART
_EVERY_ACL = AclBindingFilter(
    ResourceType.ANY,
    None,  # type: ignore[arg-type]  # None means any name; the library says str
    ResourcePatternType.ANY,
    None,  # type: ignore[arg-type]
    None,  # type: ignore[arg-type]
    AclOperation.ANY,
    AclPermissionType.ANY,
)


def read_state(broker: Broker, wanted: Wanted) -> ClusterState:
    """What there is of what the file names and of what its `manage` covers.

    Raises:
        UnreachableError: the brokers do not answer.
        RefusedError: the user may not see it; the message names the rule that it needs.
    """
    topics = _topics(broker, _topic_names(broker, wanted))
    reads_acls = bool(wanted.acls or wanted.manage.acls)
    reads_users = bool(wanted.users or wanted.manage.users)
    if reads_acls or reads_users:
        _check_describe(broker, "ACLs" if reads_acls else "users")
    return ClusterState(
        topics=topics,
        acls=_acls(broker) if reads_acls else frozenset(),
        users=_users(broker) if reads_users else {},
        groups=_groups(broker, [group.name for group in wanted.groups]),
        edges=_edges(broker, wanted, topics),
        known_configs=frozenset(name for topic in topics.values() for name in topic.configs),
    )


def _topic_names(broker: Broker, wanted: Wanted) -> list[str]:
    names = {topic.name for topic in wanted.topics}
    names |= {one.topic for group in wanted.groups for one in group.offsets}
    if wanted.manage.topics:
        try:
            listed = broker.client.list_topics(timeout=broker.seconds).topics
        except confluent_kafka.KafkaException as error:
            what = "listing the topics"
            raise error_for(broker.brokers, what, _ON_CLUSTER, client_error(error)) from error
        names |= {
            name
            for name in listed
            if wanted.manage.covers_topic(name) and not is_never_deleted(name, is_internal=False)
        }
    return sorted(names)


def _topics(broker: Broker, names: Sequence[str]) -> dict[str, TopicState]:
    if not names:
        return {}
    right = "DESCRIBE on the topic"
    described = broker.ask(
        "describing topics",
        right,
        lambda: broker.client.describe_topics(TopicCollection(list(names))),
    )
    found: dict[str, Any] = {}
    for name, answer in described.items():
        if not isinstance(answer, confluent_kafka.KafkaException):
            found[name] = answer
            continue
        error = client_error(answer)
        if error.code() != _UNKNOWN_TOPIC:
            raise error_for(broker.brokers, f"describing topic {name!r}", right, error) from answer
    configs = _configs(broker, list(found))
    return {
        name: TopicState(
            partitions=len(topic.partitions),
            replication_factor=len(topic.partitions[0].replicas),
            configs=configs.get(name, {}),
            is_internal=bool(topic.is_internal),
        )
        for name, topic in found.items()
    }


def _configs(broker: Broker, names: Sequence[str]) -> dict[str, dict[str, ConfigValue]]:
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    answers = broker.all(
        "reading the configs of topic",
        "DESCRIBE_CONFIGS on the topic",
        lambda: broker.client.describe_configs(resources),
    )
    topic_config = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    return {
        resource.name: {
            name: ConfigValue(entry.value, entry.source == topic_config)
            for name, entry in entries.items()
        }
        for resource, entries in answers.items()
    }


def _check_describe(broker: Broker, what: str) -> None:
    """Raises RefusedError unless the user has DESCRIBE on the cluster.

    Of a refusal the client library (2.16) makes an empty list of ACLs, and the end of the process
    where it is of users: neither may be asked for without the right.
    """
    answers = broker.all(
        "describing the cluster",
        _ON_CLUSTER,
        lambda: {"": broker.client.describe_cluster(include_authorized_operations=True)},
    )
    if AclOperation.DESCRIBE not in (answers[""].authorized_operations or ()):
        message = (
            f"reading the {what}: not allowed (CLUSTER_AUTHORIZATION_FAILED); the user of the "
            f"file's `client` needs {_ON_CLUSTER}"
        )
        raise RefusedError(message)


def _acls(broker: Broker) -> frozenset[Acl]:
    answers = broker.all(
        "reading the ACLs", _ON_CLUSTER, lambda: {"": broker.client.describe_acls(_EVERY_ACL)}
    )
    return frozenset(acl for one in answers[""] if (acl := _acl(one)) is not None)


def _acl(binding: AclBinding) -> Acl | None:
    """None for a rule of a kind that the client library cannot name, and so not delete."""
    parts: list[Any] = [binding.restype, binding.resource_pattern_type]
    parts += [binding.operation, binding.permission_type]
    if any(part.name == "UNKNOWN" for part in parts):
        return None
    kind, pattern, operation, permission = parts
    return Acl(
        principal=binding.principal,
        host=binding.host,
        operation=operation.name,
        permission=permission.name,
        resource_type="cluster" if kind is CLUSTER_TYPE else kind.name.lower(),
        name=binding.name,
        pattern=pattern.name,
    )


def _users(broker: Broker) -> dict[tuple[str, str], int]:
    answers = broker.all(
        "reading the users",
        _ON_CLUSTER,
        lambda: {"": cast("Future[Any]", broker.client.describe_user_scram_credentials())},
    )
    return {
        (name, credential.mechanism.name.replace("_", "-")): credential.iterations
        for name, user in answers[""].items()
        for credential in user.scram_credential_infos
    }


def _groups(broker: Broker, names: Sequence[str]) -> dict[str, GroupState]:
    if not names:
        return {}
    described = broker.all(
        "describing group",
        "DESCRIBE on the group",
        lambda: broker.client.describe_consumer_groups(list(names)),
    )
    return {
        name: GroupState(len(described[name].members), _committed(broker, name)) for name in names
    }


def _committed(broker: Broker, name: str) -> dict[tuple[str, int], int]:
    # Brokers take one group a request.
    asked = [ConsumerGroupTopicPartitions(name)]
    answers = broker.all(
        "reading the offsets of group",
        "DESCRIBE on the group",
        lambda: broker.client.list_consumer_group_offsets(asked),
    )
    return {
        (one.topic, one.partition): one.offset
        for one in answers[name].topic_partitions or ()
        if one.offset >= 0
    }


def _edges(
    broker: Broker, wanted: Wanted, topics: dict[str, TopicState]
) -> dict[tuple[str, int, Target], int]:
    asked: dict[Target, set[tuple[str, int]]] = {}
    for one in (one for group in wanted.groups for one in group.offsets):
        there = topics.get(one.topic)
        count = there.partitions if there else 0
        numbers = range(count) if one.partition is None else range(count)[one.partition :][:1]
        for target in {one.target, EARLIEST, LATEST} if numbers else ():
            if target.kind != "offset":
                asked.setdefault(target, set()).update((one.topic, number) for number in numbers)
    return {
        (topic, partition, target): offset
        for target, places in asked.items()
        for (topic, partition), offset in _offsets(broker, target, sorted(places))
    }


def _offsets(
    broker: Broker, target: Target, places: Iterable[tuple[str, int]]
) -> Iterable[tuple[tuple[str, int], int]]:
    spec: OffsetSpec
    if target.kind == "time":
        spec = OffsetSpec.for_timestamp(target.value)
    elif target == EARLIEST:
        spec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
    else:
        spec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = {TopicPartition(topic, partition): spec for topic, partition in places}
    answers = broker.all(
        "reading the offsets of topic",
        "DESCRIBE on the topic",
        lambda: broker.client.list_offsets(asked),
    )
    return [((key.topic, key.partition), int(found.offset)) for key, found in answers.items()]
