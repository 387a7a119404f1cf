"""Pulling a subscription of Google's emulator: what is held, acknowledged, given back."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest
from google.pubsub_v1.services.publisher import PublisherClient

from pipeline_io import pubsub_puller
from pipeline_io.pubsub_errors import PubsubAccessError, PubsubError, PubsubUnavailable
from pipeline_io.pubsub_puller import Puller
from pipeline_io.pubsub_subscription import SubscriptionConfig
from tests.io.forwarder import Forwarder
from tests.io.pubsub_pulled import config_of, publish, taken
from tests.stack.servers import PubSub
from tests.stack.topics import PubSubTopic, publisher


@pytest.fixture
def client(pubsub: PubSub) -> Iterator[PublisherClient]:
    with publisher(pubsub) as opened:
        yield opened


def test_every_message_is_taken_once_and_not_again_when_it_was_acknowledged(
    pubsub_topic: PubSubTopic, client: PublisherClient
) -> None:
    publish(client, pubsub_topic, 0, 900)
    puller = Puller(config_of(pubsub_topic), limited=True)
    ids, numbers = taken(puller, 900, most=250)
    puller.acknowledge(ids)
    puller.flush()
    assert puller.take(10, 0) is None
    puller.close()

    assert sorted(numbers) == list(range(900))
    assert pubsub_topic.drain() == []


def test_what_is_not_acknowledged_comes_again_at_once_when_a_reader_ends(
    pubsub_topic: PubSubTopic, client: PublisherClient
) -> None:
    publish(client, pubsub_topic, 0, 300)
    first = Puller(config_of(pubsub_topic), limited=True)
    ids, numbers = taken(first, 300)
    first.acknowledge(ids[:100])
    first.close()

    second = Puller(config_of(pubsub_topic), limited=True)
    _, again = taken(second, 200)
    second.close()
    assert sorted(again) == sorted(numbers[100:])


def test_what_is_given_back_comes_again(pubsub_topic: PubSubTopic, client: PublisherClient) -> None:
    publish(client, pubsub_topic, 0, 10)
    puller = Puller(config_of(pubsub_topic), limited=True)
    ids, numbers = taken(puller, 10)
    puller.give_back(ids)
    again_ids, again = taken(puller, 10)
    puller.acknowledge(again_ids)
    puller.close()
    assert sorted(again) == sorted(numbers)


def test_no_more_is_read_than_may_be_outstanding(
    pubsub_topic: PubSubTopic, client: PublisherClient
) -> None:
    publish(client, pubsub_topic, 0, 1_000)
    puller = Puller(config_of(pubsub_topic, outstanding_messages=200, streams=1), limited=True)
    ids, _ = taken(puller, 200)
    # The emulator fills a response whatever the limit.
    assert len(ids) < 400
    assert puller.take(1_000, 0.3) is None
    puller.acknowledge(ids)
    more, _ = taken(puller, 1)
    assert more
    puller.close()


def test_a_subscription_that_is_not_there_is_an_error_for_who_takes(
    pubsub_topic: PubSubTopic,
) -> None:
    config = SubscriptionConfig(
        pubsub_topic.project, "nowhere", endpoint=f"http://{pubsub_topic.address}"
    )
    puller = Puller(config, limited=True)
    with pytest.raises(PubsubAccessError, match="does not exist"):
        puller.take(10, 20.0)
    with pytest.raises(PubsubAccessError):
        puller.waiting()
    puller.close()


def test_an_emulator_that_stays_away_is_an_error_with_the_next_step(
    pubsub_topic: PubSubTopic, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    with Forwarder(pubsub_topic.address) as way:
        way.cut()
        puller = Puller(config_of(pubsub_topic, way.address, stall_seconds=0.2), limited=True)
        started = time.monotonic()
        with pytest.raises(PubsubUnavailable, match=r"emulator at .* did not answer.*start it"):
            puller.take(10, 30.0)
        assert time.monotonic() - started < 30
        puller.close()


def test_what_a_response_cannot_become_is_an_error_for_who_takes(
    pubsub_topic: PubSubTopic, client: PublisherClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        message = "no such column"
        raise TypeError(message)

    monkeypatch.setattr(pubsub_puller, "message_batch", fails)
    puller = Puller(config_of(pubsub_topic), limited=True)
    publish(client, pubsub_topic, 0, 1)
    with pytest.raises(PubsubError, match="reading has stopped: TypeError: no such column"):
        puller.take(10, 30.0)
    puller.close()
