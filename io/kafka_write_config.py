"""What a writer to a topic is told, and the configuration of the client library that follows."""

from __future__ import annotations

import dataclasses

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaConfigError, did_you_mean
from pipeline_io.kafka_properties import PRODUCER
from pipeline_io.record_schema import ATTRIBUTES

COMPRESSIONS = ("lz4", "zstd", "snappy", "gzip", "none")

DELIVERY_SECONDS = 300.0
"""A broker that restarts is back within a minute or two; after five somebody has to look."""
LINGER_MS = 5
"""Fills requests while a batch is handed over, which takes some 3 ms for 5,000 messages; the end of
a bundle does not wait for it."""
REQUEST_BYTES = 1_000_000
"""The client library's limit of a request's size for one partition, and of a message."""
REQUEST_MESSAGES = 10_000
QUEUE_MESSAGES = 200_000
QUEUE_KILOBYTES = 128 * 1024

_ALWAYS: dict[str, object] = {
    # No message is lost, repeated by a retry of the library or overtaken by the next.
    "enable.idempotence": True,
    "acks": "all",
    # Only what failed is told of: a call of Python for every message would double the work.
    "delivery.report.only.error": True,
}


@dataclasses.dataclass(frozen=True)
class TopicSink:
    """A topic to write to.

    Args:
        headers: the names of the attributes that become headers of the messages, each where it is
            not NULL. Each costs as much as a sixth of sending the message.
        compression: one of COMPRESSIONS, for what the cluster's properties do not say.
        delivery_seconds: how long a message may wait for a broker that is away.

    Raises KafkaConfigError.
    """

    cluster: KafkaCluster
    topic: str
    headers: tuple[str, ...] = ATTRIBUTES
    compression: str = "lz4"
    delivery_seconds: float = DELIVERY_SECONDS

    def __post_init__(self) -> None:
        if not self.topic:
            message = "the topic to write to is ''; expected its name"
            raise KafkaConfigError(message)
        for name in self.headers:
            if name not in ATTRIBUTES:
                message = f"no attribute is called {name!r}; {did_you_mean(name, ATTRIBUTES)}"
                raise KafkaConfigError(message)
        if self.compression not in COMPRESSIONS:
            message = (
                f"compression is {self.compression!r}; "
                f"{did_you_mean(self.compression, COMPRESSIONS)}"
            )
            raise KafkaConfigError(message)
        if self.delivery_seconds <= 0:
            message = f"delivery_seconds is {self.delivery_seconds!r}; expected seconds above 0"
            raise KafkaConfigError(message)
        properties = self.cluster.properties
        if properties.get("acks", "all") not in ("all", "-1"):
            message = (
                f"the Kafka property 'acks' is {properties['acks']!r}; expected 'all': a message "
                "counts as written when every replica in sync has it"
            )
            raise KafkaConfigError(message)
        if properties.get("enable.idempotence", "true") != "true":
            message = (
                "the Kafka property 'enable.idempotence' is "
                f"{properties['enable.idempotence']!r}; expected 'true': without it a retry "
                "repeats messages and changes their order"
            )
            raise KafkaConfigError(message)

    def producer_config(self, max_message_bytes: int | None) -> dict[str, object]:
        """For confluent_kafka's Producer; secrets are read now. The cluster's properties come
        before the defaults here.

        Args:
            max_message_bytes: the topic's max.message.bytes, None where it is not known.

        Raises KafkaConfigError, SecretError.
        """
        limit = max_message_bytes or REQUEST_BYTES
        defaults: dict[str, object] = {
            "compression.type": self.compression,
            "linger.ms": LINGER_MS,
            # A broker refuses a request over the topic's limit as a whole, with all messages in it.
            "batch.size": min(limit, REQUEST_BYTES),
            # The library takes 1,000 at least.
            "message.max.bytes": max(limit, 1000),
            "batch.num.messages": REQUEST_MESSAGES,
            "queue.buffering.max.messages": QUEUE_MESSAGES,
            "queue.buffering.max.kbytes": max(QUEUE_KILOBYTES, 2 * limit // 1024),
            "delivery.timeout.ms": int(self.delivery_seconds * 1000),
            # Java's default: a key stands in the same partition whoever writes it.
            "partitioner": "murmur2_random",
        }
        return {**defaults, **self.cluster.client_config(PRODUCER), **_ALWAYS}

    def __str__(self) -> str:
        return f"the topic {self.topic!r} of {self.cluster}"
