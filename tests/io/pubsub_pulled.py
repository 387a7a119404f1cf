"""Messages published to Google's emulator, and taken from a puller."""

from __future__ import annotations

from typing import Any

from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.types import PubsubMessage

from pipeline_io.pubsub_puller import Puller
from pipeline_io.pubsub_subscription import SubscriptionConfig
from tests.stack.topics import PubSubTopic


def config_of(topic: PubSubTopic, address: str = "", **options: object) -> SubscriptionConfig:
    # What the emulator has put into a stream that is gone comes again after the deadline.
    given = {"deadline_seconds": 10, **options}
    return SubscriptionConfig(
        topic.project,
        topic.subscription.rpartition("/")[2],
        endpoint=f"http://{address or topic.address}",
        **given,  # type: ignore[arg-type]  # as given
    )


def publish(client: PublisherClient, topic: PubSubTopic, start: int, end: int) -> None:
    messages = [PubsubMessage(data=b"%d" % number) for number in range(start, end)]
    client.publish(topic=topic.topic, messages=messages)


def taken(puller: Puller, count: int, most: int = 1_000) -> tuple[list[str], list[int]]:
    """Ids and numbers of messages, until so many were taken or none comes."""
    ids: list[str] = []
    numbers: list[int] = []
    while len(ids) < count and (pulled := puller.take(most, 30.0)) is not None:
        assert len(pulled.ids) == pulled.batch.num_rows <= most
        ids += pulled.ids
        values: list[Any] = pulled.batch.column("value").to_pylist()
        numbers += map(int, values)
    return ids, numbers
