"""What a Kafka cluster answers instead of what was asked for, by what can be done about it."""

from __future__ import annotations

import confluent_kafka

from kami.errors import ConfigurationError, KamiError, RefusedError, UnreachableError

_E = confluent_kafka.KafkaError

BUSY = frozenset(
    {
        _E.LEADER_NOT_AVAILABLE,
        _E.NOT_LEADER_FOR_PARTITION,
        _E.COORDINATOR_LOAD_IN_PROGRESS,
        _E.COORDINATOR_NOT_AVAILABLE,
        _E.NOT_COORDINATOR,
        _E.NOT_CONTROLLER,
        _E.REQUEST_TIMED_OUT,
        _E.NETWORK_EXCEPTION,
        _E._TIMED_OUT,  # noqa: SLF001  (the client's public names begin like this)
        _E._TRANSPORT,  # noqa: SLF001
        _E._ALL_BROKERS_DOWN,  # noqa: SLF001
        _E._WAIT_COORD,  # noqa: SLF001
        _E._NOENT,  # noqa: SLF001  (a partition without a leader yet)
    }
)
"""What passes by itself: elections, coordinators that load, brokers that start."""

LOGIN = {
    _E._AUTHENTICATION: "check the user, the password and sasl.mechanism",  # noqa: SLF001
    _E.SASL_AUTHENTICATION_FAILED: "check the user, the password and sasl.mechanism",
    _E.UNSUPPORTED_SASL_MECHANISM: "check sasl.mechanism: the broker offers others",
    _E._SSL: "check security.protocol, and ssl.ca.location for the broker's authority",  # noqa: SLF001
}
FORBIDDEN = frozenset(
    {
        _E.TOPIC_AUTHORIZATION_FAILED,
        _E.GROUP_AUTHORIZATION_FAILED,
        _E.CLUSTER_AUTHORIZATION_FAILED,
    }
)
_NEXT_STEPS = {
    _E.SECURITY_DISABLED: (
        "the brokers have no authorizer (authorizer.class.name); configure one, or leave the "
        "file's `acls` and `manage.acls` out"
    ),
    _E.UNSUPPORTED_VERSION: "the brokers are too old for this request",
    _E.POLICY_VIOLATION: "the cluster's own policy forbids it; ask whoever runs it",
    _E.UNKNOWN_MEMBER_ID: "consumers have joined the group; stop them first",
    _E.GROUP_SUBSCRIBED_TO_TOPIC: "consumers have joined the group; stop them first",
    _E.TOPIC_DELETION_DISABLED: "the brokers have delete.topic.enable=false",
}
AWAY = "check that the brokers are up and can be reached from here (address, port, firewall)"


def client_error(error: confluent_kafka.KafkaException) -> confluent_kafka.KafkaError:
    """The error inside an exception of the client library."""
    inner = error.args[0] if error.args else None
    if isinstance(inner, confluent_kafka.KafkaError):
        return inner
    return confluent_kafka.KafkaError(_E._FAIL, str(error))  # noqa: SLF001


def error_for(brokers: str, what: str, right: str, error: confluent_kafka.KafkaError) -> KamiError:
    """The exception for an answer.

    Args:
        what: was asked, such as `creating topic x`.
        right: the rules that the user needs for it, such as `CREATE on the topic 'x'`.
    """
    said = f"{what}: {error.str()} ({error.name()})"
    code = error.code()
    if code in FORBIDDEN:
        # Brokers put a page about their own request into the text of some.
        said = f"{what}: not allowed ({error.name()})"
        return RefusedError(f"{said}; the user of the file's `client` needs {right}")
    if code in LOGIN:
        return ConfigurationError(f"Kafka at {brokers}: {said}; {LOGIN[code]}")
    if code in BUSY or (code < 0 and error.retriable()):
        return UnreachableError(f"Kafka at {brokers}: {said}; {AWAY}")
    step = _NEXT_STEPS.get(code)
    return RefusedError(f"{said}; {step}" if step else said)
