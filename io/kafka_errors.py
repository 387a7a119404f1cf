"""What went wrong with Kafka, sorted by what can be done about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import confluent_kafka

_CODE = confluent_kafka.KafkaError


class KafkaError(Exception):
    """Kafka cannot be used as asked: the pipeline stops. No message holds a secret."""


class KafkaUnavailable(KafkaError):
    """No broker answered for as long as was allowed."""


class KafkaAccessError(KafkaError):
    """The cluster refuses the user, the user's rights, or the encryption."""


class KafkaConfigError(KafkaError, ValueError):
    """An option that does not fit, found before anything is read."""


class UnknownTopicError(KafkaError):
    """A topic that the cluster does not have, or shows to others only."""


class RecordsGoneError(KafkaError):
    """The records that come next have been removed from the topic."""


class GroupInUseError(KafkaError):
    """Another job commits offsets for the same group."""


ACCESS_CODES = frozenset(
    {
        _CODE._AUTHENTICATION,  # noqa: SLF001  (the client's public names begin like this)
        _CODE.SASL_AUTHENTICATION_FAILED,
        _CODE._SSL,  # noqa: SLF001
        _CODE.TOPIC_AUTHORIZATION_FAILED,
        _CODE.GROUP_AUTHORIZATION_FAILED,
        _CODE.CLUSTER_AUTHORIZATION_FAILED,
        _CODE.UNSUPPORTED_SASL_MECHANISM,
    }
)

_NEXT_STEPS = {
    _CODE._AUTHENTICATION: "check the user, the password and sasl.mechanism",  # noqa: SLF001
    _CODE.SASL_AUTHENTICATION_FAILED: "check the user, the password and sasl.mechanism",
    _CODE.UNSUPPORTED_SASL_MECHANISM: "check sasl.mechanism: the broker offers others",
    _CODE._SSL: (  # noqa: SLF001
        "check that the port speaks TLS and that ssl.truststore.location has the broker's authority"
    ),
    _CODE.TOPIC_AUTHORIZATION_FAILED: "grant the user READ and DESCRIBE on the topic",
    _CODE.GROUP_AUTHORIZATION_FAILED: "grant the user READ on the group",
    _CODE.CLUSTER_AUTHORIZATION_FAILED: "grant the user DESCRIBE on the cluster",
    _CODE._RESOLVE: "check the broker's name",  # noqa: SLF001
    _CODE.LEADER_NOT_AVAILABLE: "the partition has no leader: check that all brokers are up",
}


def next_step(code: int) -> str:
    """What to try for an error of the client library."""
    return _NEXT_STEPS.get(
        code,
        "check that the brokers are up and can be reached from here (address, port, firewall, "
        "security.protocol)",
    )


def error_for(cluster: object, what: str, error: confluent_kafka.KafkaError) -> KafkaError:
    """The exception for an error of the client library; `what` was asked of `cluster`."""
    message = f"{cluster}: {what}: {error.str()} ({error.name()}); {next_step(error.code())}"
    if error.code() in ACCESS_CODES:
        return KafkaAccessError(message)
    if error.retriable() or error.code() < 0:
        return KafkaUnavailable(message)
    return KafkaError(message)


def client_error(error: confluent_kafka.KafkaException) -> confluent_kafka.KafkaError:
    """The error inside an exception of the client library."""
    inner = error.args[0] if error.args else None
    if isinstance(inner, confluent_kafka.KafkaError):
        return inner
    return confluent_kafka.KafkaError(_CODE._FAIL, str(error))  # noqa: SLF001


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence's end that offers the nearest names, or lists some of them."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(repr(other) for other in near)}?"
    if not names:
        return "there is none"
    return f"there is: {', '.join(names[:20])}{', ...' if len(names) > 20 else ''}"
