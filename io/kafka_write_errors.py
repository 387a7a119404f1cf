"""What can be done about a message that did not arrive."""

from __future__ import annotations

from typing import NamedTuple

import confluent_kafka

from pipeline_io.kafka_errors import (
    ACCESS_CODES,
    KafkaAccessError,
    KafkaError,
    KafkaUnavailable,
    UnknownTopicError,
    next_step,
)
from pipeline_io.kafka_write_config import TopicSink

_E = confluent_kafka.KafkaError


class KafkaWriteError(KafkaError):
    """The cluster refuses to be written to, and would refuse the next message as well."""


class Failed(NamedTuple):
    """A message that was not confirmed: its number within the bundle, and the library's error.

    alone: the error is about this message; else it may be about another of the same request.
    """

    number: int
    error: confluent_kafka.KafkaError
    alone: bool


TOO_LARGE = frozenset({_E.MSG_SIZE_TOO_LARGE, _E.RECORD_LIST_TOO_LARGE})
REFUSED = TOO_LARGE | {
    _E.INVALID_RECORD,
    _E.INVALID_TIMESTAMP,
    _E.INVALID_MSG,
    # The library's word for the messages beside an invalid one.
    _E._INVALID_DIFFERENT_RECORD,  # noqa: SLF001  (the client's public names begin like this)
}
"""About the message, or about one that was sent in the same request."""

_UNKNOWN_TOPIC = frozenset(
    {
        _E.UNKNOWN_TOPIC_OR_PART,
        _E.TOPIC_EXCEPTION,
        _E._UNKNOWN_TOPIC,  # noqa: SLF001
        _E._UNKNOWN_PARTITION,  # noqa: SLF001
    }
)
_STOP = frozenset(
    {
        _E.UNSUPPORTED_COMPRESSION_TYPE,
        _E.UNSUPPORTED_FOR_MESSAGE_FORMAT,
        _E.UNSUPPORTED_VERSION,
        _E.POLICY_VIOLATION,
        _E.INVALID_CONFIG,
    }
)


def stops(error: confluent_kafka.KafkaError) -> bool:
    """Whether trying again is of no use until somebody has done something."""
    return error.code() in ACCESS_CODES | _UNKNOWN_TOPIC | _STOP


def write_error(sink: TopicSink, what: str, error: confluent_kafka.KafkaError) -> KafkaError:
    """The exception for what went wrong with a sink; `what` says it in the message."""
    told = f"{sink}: {what}: {error.str()} ({error.name()})"
    code = error.code()
    if code in _UNKNOWN_TOPIC:
        return UnknownTopicError(f"{told}; create the topic, or check its name")
    if code in (_E.TOPIC_AUTHORIZATION_FAILED, _E.CLUSTER_AUTHORIZATION_FAILED):
        return KafkaAccessError(f"{told}; grant the user WRITE and DESCRIBE on the topic")
    if code in ACCESS_CODES:
        return KafkaAccessError(f"{told}; {next_step(code)}")
    if code in _STOP:
        return KafkaWriteError(f"{told}; check the topic's settings and the sink's properties")
    return KafkaUnavailable(f"{told}; {next_step(code)}")


class Refusal(NamedTuple):
    """Why the sink refuses a message for good."""

    error_class: str
    message: str


def refusal(
    sink: TopicSink,
    error: confluent_kafka.KafkaError,
    size: int,
    max_message_bytes: int | None,
) -> Refusal:
    """Why a message of so many bytes (key and payload) was refused."""
    if error.code() in TOO_LARGE:
        limit = f" takes {max_message_bytes:,} at most" if max_message_bytes else " takes fewer"
        return Refusal(
            "MessageTooLarge",
            f"the message has {size:,} bytes with its key, and {sink}{limit} (max.message.bytes, "
            "and max.request.size of the sink's properties); raise the topic's max.message.bytes, "
            "or write fewer or shorter columns",
        )
    hint = (
        "; a topic with cleanup.policy=compact takes no message without a key: set 'key.fields'"
        if error.code() == _E.INVALID_RECORD
        else ""
    )
    return Refusal(
        "MessageRefused", f"{sink} refuses the message: {error.str()} ({error.name()}){hint}"
    )
