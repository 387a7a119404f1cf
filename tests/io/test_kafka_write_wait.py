import logging

import confluent_kafka
import pytest

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaAccessError, KafkaUnavailable
from pipeline_io.kafka_write_config import TopicSink
from pipeline_io.kafka_write_wait import Patience

SINK = TopicSink(KafkaCluster("127.0.0.1:9"), "items", delivery_seconds=100)
E = confluent_kafka.KafkaError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def patience(clock: Clock) -> Patience:
    return Patience(SINK, clock)


def away() -> confluent_kafka.KafkaError:
    return E(E._TRANSPORT, "connection refused")  # noqa: SLF001


def test_a_silence_is_told_of_every_ten_seconds(
    patience: Patience, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    patience.check(7)
    patience.on_error(away())
    for _ in range(25):
        clock.now += 1
        patience.check(7)
    assert [message.partition("check that")[0] for message in caplog.messages] == [
        f"the topic 'items' of Kafka at 127.0.0.1:9: 7 messages wait, none was confirmed for "
        f"{seconds} s: connection refused (_TRANSPORT); "
        for seconds in (10, 20)
    ]


def test_while_messages_are_confirmed_nothing_is_said(
    patience: Patience, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    patience.on_error(away())
    for left in range(1000, 0, -1):
        clock.now += 9
        patience.check(left)
    assert caplog.messages == []
    assert patience.cause() is None


def test_waiting_ends_after_the_delivery_time_and_a_grace(patience: Patience, clock: Clock) -> None:
    patience.check(1)
    patience.on_error(away())
    clock.now += 159
    patience.check(1)
    clock.now += 1
    with pytest.raises(KafkaUnavailable, match="no message was confirmed for 160 s: connection"):
        patience.check(1)


def test_a_refused_user_ends_the_waiting_when_brokers_had_time_to_load_users(
    patience: Patience, clock: Clock
) -> None:
    patience.check(1)
    patience.on_error(E(E._AUTHENTICATION, "wrong password"))  # noqa: SLF001
    patience.on_error(E(E._ALL_BROKERS_DOWN))  # noqa: SLF001
    clock.now += 9
    patience.check(1)
    clock.now += 1
    with pytest.raises(KafkaAccessError, match=r"wrong password .*check the user, the password"):
        patience.check(1)


def test_a_new_bundle_does_not_inherit_the_silence_between_bundles(
    patience: Patience, clock: Clock
) -> None:
    patience.check(1)
    clock.now += 1000
    patience.begin()
    patience.check(1)
    assert patience.cause() is None
