"""Takes the steps of a plan at a cluster, or only asks whether it would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import confluent_kafka
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin._acl import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
)
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from confluent_kafka.cimpl import NewPartitions, NewTopic

from kami.errors import RefusedError, UnreachableError
from kami.kafka_broker import Broker
from kami.kafka_errors import FORBIDDEN, client_error, error_for
from kami.kafka_reading import CLUSTER_TYPE, read_state
from kami.topics_configs import KNOWN, did_you_mean
from kami.topics_state import ClusterState
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
from kami.topics_wanted import Acl, Wanted, WantedTopic

_E = confluent_kafka.KafkaError
_DONE_ALREADY = {
    # An answer was lost, and the request asked again.
    CreateTopic: _E.TOPIC_ALREADY_EXISTS,
    DeleteTopic: _E.UNKNOWN_TOPIC_OR_PART,
    DeleteUser: _E.RESOURCE_NOT_FOUND,
}
_UNKNOWN_CONFIG = "Unknown topic config name"
_BROKER_DECIDES = -1

Request = Callable[[], "dict[Any, Future[Any]]"]


class Cluster:
    """A cluster as `topics_apply` works on it."""

    def __init__(self, broker: Broker, wanted: Wanted) -> None:
        self._broker = broker
        self._wanted = wanted

    def state(self) -> ClusterState:
        """What there is now. Raises KamiError."""
        return read_state(self._broker, self._wanted)

    def objections(self, steps: Sequence[Step]) -> tuple[list[str], list[str]]:
        """What the broker would refuse of the steps, and what it may not be asked.

        Topics, partitions and configs alone: Kafka has no such question for the rest. Raises
        UnreachableError.
        """
        refusals, unknown = [], []
        for step in steps:
            request = self._request(step, only_ask=True)
            if request is None:
                continue
            try:
                self._take(step, request)
            except UnreachableError:
                raise
            except _Forbidden as error:
                unknown.append(str(error))
            except RefusedError as error:
                refusals.append(f"{step.place}: {error}" if step.place else str(error))
        return refusals, unknown

    def take(self, step: Step) -> None:
        """Raises RefusedError, UnreachableError, ConfigurationError for a password."""
        request = self._request(step, only_ask=False)
        assert request is not None  # noqa: S101
        self._take(step, request)

    def _take(self, step: Step, request: Request) -> None:
        what = str(step)
        sent = 0

        def send() -> dict[Any, Future[Any]]:
            nonlocal sent
            sent += 1
            return request()

        for answer in self._broker.ask(what, _right(step), send).values():
            error = _error_in(answer)
            if error is None or (sent > 1 and error.code() == _DONE_ALREADY.get(type(step))):
                continue
            raised = error_for(self._broker.brokers, what, _right(step), error)
            if error.code() in FORBIDDEN:
                raise _Forbidden(str(raised))
            if _UNKNOWN_CONFIG in error.str():
                hint = did_you_mean(error.str().rpartition(" ")[2], KNOWN)
                message = f"{raised}{hint}"
                raise RefusedError(message)
            raise raised

    def _request(self, step: Step, *, only_ask: bool) -> Request | None:
        client = self._broker.client
        match step:
            case CreateTopic(topic=topic):
                return lambda: client.create_topics([_new_topic(topic)], validate_only=only_ask)
            case AddPartitions(topic=name, total=total):
                grown = [NewPartitions(name, total)]
                return lambda: client.create_partitions(grown, validate_only=only_ask)
            case SetConfigs():
                resource = _resource(step)
                return lambda: client.incremental_alter_configs([resource], validate_only=only_ask)
        return None if only_ask else self._certain(step)

    def _certain(self, step: Step) -> Request:
        client = self._broker.client
        match step:
            case SetUser():
                upsertion = _upsertion(step)
                return lambda: client.alter_user_scram_credentials([upsertion])
            case CreateAcl(acl=acl):
                return lambda: client.create_acls([AclBinding(*_acl_parts(acl))])
            case DeleteAcl(acl=acl):
                return lambda: client.delete_acls([AclBindingFilter(*_acl_parts(acl))])
            case DeleteUser(user=user, mechanism=name):
                deletion = UserScramCredentialDeletion(user, _mechanism(name))
                return lambda: client.alter_user_scram_credentials([deletion])
            case DeleteTopic(topic=topic):
                return lambda: client.delete_topics([topic])
            case SetOffsets(group=group, offsets=offsets):
                places = [TopicPartition(*offset) for offset in offsets]
                asked = [ConsumerGroupTopicPartitions(group, places)]
                return lambda: client.alter_consumer_group_offsets(asked)
        message = f"{step!r} is no step that a cluster takes"
        raise TypeError(message)


class _Forbidden(RefusedError):
    """The user has no right to the step."""


def _error_in(answer: object) -> confluent_kafka.KafkaError | None:
    if isinstance(answer, confluent_kafka.KafkaException):
        return client_error(answer)
    for partition in getattr(answer, "topic_partitions", None) or ():
        if partition.error is not None:
            error: confluent_kafka.KafkaError = partition.error
            return error
    return None


def _new_topic(topic: WantedTopic) -> NewTopic:
    configs = {name: value for name, value in topic.configs if value is not None}
    factor = topic.replication_factor or _BROKER_DECIDES
    return NewTopic(topic.name, topic.partitions, factor, config=configs)


def _resource(step: SetConfigs) -> ConfigResource:
    kinds = AlterConfigOpType
    entries = [
        ConfigEntry(name, value, incremental_operation=kinds.DELETE if value is None else kinds.SET)
        for name, value in step.values
    ]
    return ConfigResource(ResourceType.TOPIC, step.topic, incremental_configs=entries)


def _upsertion(step: SetUser) -> UserScramCredentialUpsertion:
    user = step.user
    password = user.password.read() if user.password else ""
    credential = ScramCredentialInfo(_mechanism(user.mechanism), user.iterations)
    return UserScramCredentialUpsertion(user.name, credential, password.encode())


def _mechanism(name: str) -> ScramMechanism:
    return ScramMechanism[name.replace("-", "_")]


def _acl_parts(
    acl: Acl,
) -> tuple[ResourceType, str, ResourcePatternType, str, str, AclOperation, AclPermissionType]:
    cluster = acl.resource_type == "cluster"
    return (
        CLUSTER_TYPE if cluster else ResourceType[acl.resource_type.upper()],
        acl.name,
        ResourcePatternType[acl.pattern],
        acl.principal,
        acl.host,
        AclOperation[acl.operation],
        AclPermissionType[acl.permission],
    )


def _right(step: Step) -> str:
    """The rules that the step needs."""
    match step:
        case CreateTopic(topic=topic):
            return f"CREATE on the topic {topic.name!r} or on the cluster"
        case AddPartitions(topic=name):
            return f"ALTER on the topic {name!r}"
        case SetConfigs(topic=name):
            return f"ALTER_CONFIGS on the topic {name!r}"
        case DeleteTopic(topic=name):
            return f"DELETE on the topic {name!r}"
        case SetOffsets(group=name, offsets=offsets):
            topics = ", ".join(sorted({repr(topic) for topic, _, _ in offsets}))
            return f"READ on the group {name!r} and on the topics {topics}"
    return "ALTER on the cluster"
