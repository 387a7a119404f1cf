"""Pulling while the emulator is away, and for longer than a message's deadline."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from google.pubsub_v1.services.publisher import PublisherClient

from pipeline_io.pubsub_puller import Puller
from tests.io.forwarder import Forwarder
from tests.io.pubsub_pulled import config_of, publish, taken
from tests.stack.servers import PubSub
from tests.stack.topics import PubSubTopic, publisher


@pytest.fixture
def client(pubsub: PubSub) -> Iterator[PublisherClient]:
    with publisher(pubsub) as opened:
        yield opened


def test_messages_that_are_worked_on_do_not_come_again_after_their_deadline(
    pubsub_topic: PubSubTopic, client: PublisherClient
) -> None:
    publish(client, pubsub_topic, 0, 10)
    puller = Puller(config_of(pubsub_topic), limited=True)
    ids, _ = taken(puller, 10)
    other = Puller(config_of(pubsub_topic), limited=True)
    # A second over the deadline, and what the emulator takes to see it.
    assert other.take(10, 12.0) is None
    other.close()
    puller.acknowledge(ids)
    puller.close()
    assert pubsub_topic.drain() == []


def test_an_emulator_that_goes_away_and_comes_back_loses_nothing(
    pubsub_topic: PubSubTopic, client: PublisherClient, caplog: pytest.LogCaptureFixture
) -> None:
    with Forwarder(pubsub_topic.address) as way:
        puller = Puller(config_of(pubsub_topic, way.address), limited=True)
        publish(client, pubsub_topic, 0, 100)
        ids, numbers = taken(puller, 100)
        way.cut()
        # Said while nobody hears it, and said again.
        puller.acknowledge(ids)
        publish(client, pubsub_topic, 100, 200)
        while "does not answer" not in caplog.text:
            threading.Event().wait(0.05)
        way.restore()
        # Those whose deadline was over when they were acknowledged come again.
        while set(numbers) != set(range(200)):
            more_ids, more = taken(puller, 100)
            assert more
            numbers += more
            puller.acknowledge(more_ids)
        puller.flush()
        puller.close()

    assert "answers again" in caplog.text
    assert pubsub_topic.drain() == []
