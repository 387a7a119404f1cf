"""Silence of the brokers is told, and ends a job when it lasts."""

from __future__ import annotations

import confluent_kafka
import orjson
import pytest

from pipeline_io.kafka_errors import KafkaAccessError, KafkaUnavailable
from pipeline_io.kafka_health import Health

E = confluent_kafka.KafkaError
DOWN = E(E._TRANSPORT, "127.0.0.1:1: Connect failed")  # noqa: SLF001
ALL_DOWN = E(E._ALL_BROKERS_DOWN, "1/1 brokers are down")  # noqa: SLF001
REFUSED = E(E._AUTHENTICATION, "Authentication failed")  # noqa: SLF001


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health("Kafka at a:1", "reading topic t", 300.0, clock)


def statistics(received: int) -> str:
    return orjson.dumps({"brokers": {"b": {"rxbytes": received}}}).decode()


def test_a_silence_is_told_with_its_cause_twice_a_minute(
    health: Health, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    health.on_error(DOWN)
    health.on_error(ALL_DOWN)
    for _ in range(59):
        clock.now += 1
        health.check(waiting=True, at="t/0")
    (line,) = caplog.messages
    assert "no record for 30 s at t/0: 127.0.0.1:1: Connect failed" in line
    assert "check that the brokers are up" in line
    clock.now += 1
    health.check(waiting=True, at="t/0")
    assert len(caplog.messages) == 2


def test_a_silence_that_lasts_ends_the_job(health: Health, clock: Clock) -> None:
    health.on_error(DOWN)
    clock.now += 300
    with pytest.raises(KafkaUnavailable, match=r"no answer for 300 s: 127.0.0.1:1: Connect failed"):
        health.check(waiting=False)


def test_a_refusal_ends_the_job_as_soon_as_it_is_quiet(health: Health, clock: Clock) -> None:
    health.on_error(REFUSED)
    clock.now += 30
    with pytest.raises(KafkaAccessError, match="check the user, the password"):
        health.check(waiting=True)


def test_a_quiet_topic_is_no_silence_while_brokers_answer(
    health: Health, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    health.on_statistics(statistics(0))
    for received in range(1, 200):
        clock.now += 10
        health.on_statistics(statistics(received))
        health.check(waiting=False)
    assert caplog.messages == []


def test_answers_without_records_where_some_are_known_are_a_silence(
    health: Health, clock: Clock
) -> None:
    for received in range(31):
        clock.now += 10
        health.on_statistics(statistics(received))
    with pytest.raises(KafkaUnavailable, match="the partition has no leader"):
        health.check(waiting=True)


def test_records_after_a_long_quiet_time_are_given_time_to_come(
    health: Health, clock: Clock
) -> None:
    health.on_statistics(statistics(0))
    for received in range(1, 100):
        clock.now += 10
        health.on_statistics(statistics(received))
        health.check(waiting=False)
    health.check(waiting=True)


def test_time_in_which_nobody_listened_does_not_count(health: Health, clock: Clock) -> None:
    clock.now += 1_000
    health.skip(1_000)
    health.check(waiting=True)


def test_an_answer_ends_the_silence(
    health: Health, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    health.on_error(DOWN)
    clock.now += 299
    health.on_progress()
    clock.now += 20
    health.check(waiting=True)
    assert health.cause() is None
    assert caplog.messages == []
