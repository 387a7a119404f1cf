"""Topics of their own for tests: of Kafka and of Pub/Sub."""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence

import grpc
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic
from google.api_core.exceptions import Cancelled, DeadlineExceeded, NotFound
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PubsubMessage, PullRequest, Subscription, Topic

from tests.stack.databases import fresh_name
from tests.stack.servers import Kafka, PubSub


class Topics:
    """Makes topics of Kafka whose names are new, and deletes them at `close`."""

    def __init__(self, kafka: Kafka) -> None:
        self._exit = contextlib.ExitStack()
        client = AdminClient({"bootstrap.servers": kafka.brokers})
        self._admin: AdminClient = self._exit.enter_context(client)
        self._made: list[str] = []

    def __call__(
        self, partitions: int = 1, name: str = "topic", config: Mapping[str, str] | None = None
    ) -> str:
        """The name of a new topic that is ready for use.

        Args:
            name: how its name begins.
            config: settings of the topic, such as `{"cleanup.policy": "compact"}`.
        """
        full_name = fresh_name(name)
        new = NewTopic(full_name, partitions, replication_factor=1, config=dict(config or {}))
        self._admin.create_topics([new])[full_name].result(timeout=30)
        self._made.append(full_name)
        return full_name

    def add_partitions(self, topic: str, total: int) -> None:
        """Lets the topic have so many partitions in all."""
        self._admin.create_partitions([NewPartitions(topic, total)])[topic].result(timeout=30)

    def close(self) -> None:
        """Deletes the topics."""
        if self._made:
            futures = self._admin.delete_topics(self._made)
            concurrent.futures.wait(futures.values(), timeout=30)
        self._exit.close()


class PubSubTopic:
    """A topic of the emulator and a subscription to it that saw every message.

    Args:
        topic: its full name, `projects/PROJECT/topics/TOPIC`.
        subscription: its full name.
    """

    def __init__(
        self, pubsub: PubSub, topic: str, subscription: str, subscriber: SubscriberClient
    ) -> None:
        self.address = pubsub.address
        self.project = pubsub.project
        self.topic = topic
        self.subscription = subscription
        self._subscriber = subscriber

    @property
    def name(self) -> str:
        """The topic's name within its project."""
        return self.topic.rpartition("/")[2]

    def pull(self, count: int, timeout_seconds: float = 30) -> list[PubsubMessage]:
        """Messages not pulled before, in any order: `count` of them, or fewer when time is up."""
        messages: list[PubsubMessage] = []
        deadline = time.monotonic() + timeout_seconds
        while len(messages) < count and (left := deadline - time.monotonic()) > 0:
            messages += self._pull_once(count - len(messages), left)
        return messages

    def drain(self, quiet_seconds: float = 1) -> list[PubsubMessage]:
        """All messages not pulled before, until none comes for a while."""
        messages: list[PubsubMessage] = []
        while more := self._pull_once(1000, quiet_seconds):
            messages += more
        return messages

    def _pull_once(self, count: int, timeout_seconds: float) -> Sequence[PubsubMessage]:
        try:
            # Of more than 1,000 at a time the service says nothing.
            answer = self._subscriber.pull(
                PullRequest(subscription=self.subscription, max_messages=min(count, 1000)),
                timeout=timeout_seconds,
                retry=None,
            )
        except (DeadlineExceeded, Cancelled):
            # The emulator itself ends a request whose time is up, now and then.
            return []
        if not answer.received_messages:
            return []
        ids = [received.ack_id for received in answer.received_messages]
        self._subscriber.acknowledge(subscription=self.subscription, ack_ids=ids)
        return [received.message for received in answer.received_messages]


@contextlib.contextmanager
def publisher(pubsub: PubSub) -> Iterator[PublisherClient]:
    """A client of the emulator, whatever the environment names; closed after the block."""
    with grpc.insecure_channel(pubsub.address) as channel:
        yield PublisherClient(transport=PublisherGrpcTransport(channel=channel))


@contextlib.contextmanager
def subscriber(pubsub: PubSub) -> Iterator[SubscriberClient]:
    """A client of the emulator, whatever the environment names; closed after the block."""
    with grpc.insecure_channel(pubsub.address) as channel:
        yield SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))


@contextlib.contextmanager
def fresh_pubsub_topic(pubsub: PubSub, *, ordered: bool = False) -> Iterator[PubSubTopic]:
    """A new topic with a subscription, both deleted at the end of the block.

    Args:
        ordered: whether the subscription gives messages of an ordering key in their order.
    """
    name = fresh_name("topic")
    topic = f"projects/{pubsub.project}/topics/{name}"
    subscription = f"projects/{pubsub.project}/subscriptions/{name}"
    with publisher(pubsub) as topics, subscriber(pubsub) as subscriptions:
        topics.create_topic(Topic(name=topic))
        subscriptions.create_subscription(
            Subscription(name=subscription, topic=topic, enable_message_ordering=ordered)
        )
        yield PubSubTopic(pubsub, topic, subscription, subscriptions)
        # The emulator keeps all in memory: it has nothing to delete after it was stopped.
        with contextlib.suppress(NotFound):
            subscriptions.delete_subscription(subscription=subscription)
            topics.delete_topic(topic=topic)
