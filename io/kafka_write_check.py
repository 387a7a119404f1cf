"""Whether a topic can be written to, asked before a job starts."""

from __future__ import annotations

import dataclasses
import logging
import time

import confluent_kafka
from confluent_kafka import TopicCollection
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from pipeline_io.kafka_admin import START_SECONDS, KafkaAdmin
from pipeline_io.kafka_errors import UnknownTopicError, client_error, did_you_mean
from pipeline_io.kafka_write_config import TopicSink
from pipeline_io.kafka_write_errors import write_error

_LOGGER = logging.getLogger(__name__)

_REQUEST_SECONDS = 10.0
# Brokers hear of a new topic one after another.
_TRIES, _PAUSE_SECONDS = 3, 0.3
_E = confluent_kafka.KafkaError


@dataclasses.dataclass(frozen=True)
class FoundTopic:
    """What the cluster says of a topic to write to.

    partitions: None where the topic is made with its first message. max_message_bytes: None where
    the user may not read the topic's configuration.
    """

    sink: TopicSink
    partitions: int | None
    max_message_bytes: int | None

    def describe(self) -> str:
        made = "made with its first message"
        if self.partitions is not None:
            made = f"{self.partitions:,} partition{'s' * (self.partitions != 1)}"
        limit = self.max_message_bytes
        return f"{self.sink}, {made}" + (f", messages up to {limit:,} bytes" if limit else "")


def check_topic(sink: TopicSink, seconds: float = START_SECONDS) -> FoundTopic:
    """Asks the cluster; nothing is written, and no topic is made.

    Raises KafkaUnavailable after so many seconds without an answer, KafkaAccessError, and
    UnknownTopicError where the topic is not there and the brokers make none.
    """
    with KafkaAdmin(sink.cluster, seconds) as admin:
        return _found_by(admin, sink)


def _found_by(admin: KafkaAdmin, sink: TopicSink) -> FoundTopic:
    topics = admin.topics()
    if sink.topic not in topics and _is_there(admin, sink):
        topics = admin.topics()
    if sink.topic in topics:
        limit = _setting(admin, ConfigResource(ResourceType.TOPIC, sink.topic), "max.message.bytes")
        return FoundTopic(sink, len(topics[sink.topic].partitions), _number(limit))
    broker = ConfigResource(ResourceType.BROKER, str(_a_broker(admin)))
    makes = _setting(admin, broker, "auto.create.topics.enable")
    if makes == "false":
        message = (
            f"{sink} is not there, and the brokers make none (auto.create.topics.enable=false); "
            f"create it, or check the name: {did_you_mean(sink.topic, topics)}"
        )
        raise UnknownTopicError(message)
    _LOGGER.warning(
        "%s is not there; %s",
        sink,
        "the brokers make it with the first message, with their own number of partitions"
        if makes == "true"
        else "whether the brokers make it is not known: the user may not read their configuration",
        extra={"topic": sink.topic},
    )
    return FoundTopic(sink, None, _number(_setting(admin, broker, "message.max.bytes")))


def _is_there(admin: KafkaAdmin, sink: TopicSink) -> bool:
    """Whether a topic that is not in the list has been made just now.

    Raises KafkaAccessError where it is left out because the user may not see it.
    """
    for _ in range(_TRIES):
        asked = admin.client.describe_topics(
            TopicCollection([sink.topic]), request_timeout=_REQUEST_SECONDS
        )
        try:
            asked[sink.topic].result()
        except confluent_kafka.KafkaException as error:
            inner = client_error(error)
            if inner.code() != _E.UNKNOWN_TOPIC_OR_PART:
                raise write_error(sink, "asking for the topic", inner) from error
            time.sleep(_PAUSE_SECONDS)
        else:
            return True
    return False


def _a_broker(admin: KafkaAdmin) -> int:
    return min(admin.client.list_topics(timeout=_REQUEST_SECONDS).brokers)


def _setting(admin: KafkaAdmin, resource: ConfigResource, name: str) -> str | None:
    """A setting of the cluster; None where the user may not read it."""
    asked = admin.client.describe_configs([resource], request_timeout=_REQUEST_SECONDS)
    try:
        found = asked[resource].result().get(name)
    except confluent_kafka.KafkaException as error:
        _LOGGER.info("%s: %s is not known: %s", admin.cluster, name, client_error(error).str())
        return None
    return found.value if found is not None else None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None else None
