from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from pipeline_io import pubsub_publisher
from pipeline_io.pubsub_channel import open_channel, publish_call
from pipeline_io.pubsub_errors import PubsubAccessError, PubsubError, PubsubUnavailable
from pipeline_io.pubsub_publisher import Publisher
from pipeline_io.pubsub_requests import requests_of
from tests.io.pubsub_rows import change_attributes, sink_rows
from tests.io.pubsub_stand_in import LOST, StandIn

Open = Callable[..., Publisher]
Code = grpc.StatusCode


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pubsub_publisher, "_FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(pubsub_publisher, "_LONGEST_WAIT_SECONDS", 0.05)


@pytest.fixture
def service() -> Iterator[StandIn]:
    with StandIn() as service:
        yield service


@pytest.fixture
def open_publisher(service: StandIn) -> Iterator[Open]:
    opened: list[Any] = []

    def make(**options: Any) -> Publisher:
        config = service.config(**options)
        channel = open_channel(config)
        publisher = Publisher(publish_call(channel, config), config)
        opened.extend((publisher, channel))
        return publisher

    yield make
    for thing in opened:
        thing.close()


def send(
    publisher: Publisher, payloads: list[bytes], keys: list[bytes | None] | None = None
) -> None:
    attributes = [change_attributes(number) for number in range(len(payloads))]
    rows = sink_rows(payloads, keys, attributes)
    for request in requests_of(rows, publisher.config).requests:
        publisher.send(request)


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def test_every_message_arrives_with_its_attributes(service: StandIn, open_publisher: Open) -> None:
    publisher = open_publisher(content_type="application/json")

    send(publisher, numbered(2_500))
    assert publisher.flush() == []

    assert sorted(service.payloads()) == sorted(numbered(2_500))
    assert sorted(len(request.messages) for request in service.requests) == [500, 1_000, 1_000]
    message = service.received[7]
    number = int(message.data)
    expected = {**change_attributes(number), "content_type": "application/json"}
    assert dict(message.attributes) == expected
    assert service.metadata[0]["x-goog-request-params"] == (
        "topic=projects%2Fshop-1%2Ftopics%2Fitems"
    )
    counts = publisher.take_counts()
    assert (counts["messages"], counts["requests"]) == (2_500, 3)
    assert not publisher.take_counts()


@pytest.mark.parametrize(
    "code",
    [
        Code.UNAVAILABLE,
        Code.DEADLINE_EXCEEDED,
        Code.RESOURCE_EXHAUSTED,
        Code.INTERNAL,
        Code.ABORTED,
        Code.CANCELLED,
        Code.UNKNOWN,
    ],
)
def test_what_may_pass_is_tried_again(
    service: StandIn, open_publisher: Open, code: grpc.StatusCode
) -> None:
    service.script = [code, code]
    publisher = open_publisher()

    send(publisher, [b"a", b"b"])
    publisher.flush()

    assert service.payloads() == [b"a", b"b"]
    assert publisher.take_counts()["retries"] == 2


def test_a_lost_answer_gives_the_messages_twice_and_loses_none(
    service: StandIn, open_publisher: Open
) -> None:
    service.script = [(Code.UNAVAILABLE, LOST)]
    publisher = open_publisher()

    send(publisher, [b"a", b"b"])
    publisher.flush()

    assert service.payloads() == [b"a", b"b", b"a", b"b"]


def test_a_message_that_pubsub_refuses_is_refused_alone(
    service: StandIn, open_publisher: Open
) -> None:
    bad = {b"3", b"4", b"77"}
    service.judge = lambda payload: Code.INVALID_ARGUMENT if payload in bad else None
    publisher = open_publisher()

    send(publisher, numbered(100))
    refused = publisher.flush()

    assert sorted(service.payloads()) == sorted(set(numbered(100)) - bad)
    found = [request.rows.column("payload")[one.row].as_py() for request, one in refused]
    assert found == [b"3", b"4", b"77"]
    assert {one.error_class for _, one in refused} == {"RefusedByPubsub"}
    assert refused[0].refused.message == (
        "Pub/Sub refuses the message: INVALID_ARGUMENT: judged b'3'"
    )
    assert publisher.flush() == []


@pytest.mark.parametrize(
    ("code", "details", "step"),
    [
        (Code.NOT_FOUND, "no topic", "curl -X PUT http://127.0.0.1:"),
        (Code.PERMISSION_DENIED, "denied", "--role=roles/pubsub.publisher"),
        (Code.UNAUTHENTICATED, "expired", "gcloud auth application-default login"),
        (Code.UNAVAILABLE, "Getting metadata from plugin failed: invalid_grant", "gcloud auth"),
    ],
)
def test_what_no_waiting_mends_stops_at_once_with_the_next_step(
    service: StandIn, open_publisher: Open, code: grpc.StatusCode, details: str, step: str
) -> None:
    service.script = [(code, details)]
    publisher = open_publisher()

    send(publisher, [b"a"])
    with pytest.raises(PubsubAccessError) as caught:
        publisher.flush()

    assert "projects/shop-1/topics/items" in str(caught.value)
    assert details in str(caught.value)
    assert step in str(caught.value)
    assert len(service.requests) == 1
    assert not publisher.is_idle


def test_a_service_that_stays_away_stops_after_the_time_allowed(
    service: StandIn, open_publisher: Open, caplog: pytest.LogCaptureFixture
) -> None:
    service.stop()
    publisher = open_publisher(retry_seconds=0.5)

    with caplog.at_level(logging.WARNING):
        send(publisher, [b"a"])
        with pytest.raises(PubsubUnavailable) as caught:
            publisher.flush()

    assert f"the emulator at 127.0.0.1:{service.port} took no messages for" in str(caught.value)
    assert "gcloud beta emulators pubsub start" in str(caught.value)
    (warning,) = [record.getMessage() for record in caplog.records]
    assert "UNAVAILABLE" in warning
    assert str(service.port) in warning


def test_a_service_that_comes_back_gets_everything_and_the_log_says_so(
    service: StandIn, open_publisher: Open, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = open_publisher(max_messages=10)
    send(publisher, numbered(20))
    publisher.flush()
    service.stop()

    with caplog.at_level(logging.WARNING):
        send(publisher, numbered(70)[20:])
        while not caplog.records:
            threading.Event().wait(0.02)
        service.start()
        publisher.flush()

    assert sorted(set(service.payloads())) == sorted(numbered(70))
    assert "takes messages again" in caplog.records[-1].getMessage()


def test_an_answer_that_confirms_less_is_no_confirmation(
    service: StandIn, open_publisher: Open
) -> None:
    service.ids_left_out = 1
    publisher = open_publisher()

    send(publisher, [b"a", b"b"])

    with pytest.raises(PubsubError, match="2 messages were sent in a request and 1 confirmed"):
        publisher.flush()


@pytest.mark.parametrize(
    "limit", [{"outstanding_messages": 20}, {"outstanding_bytes": 2_000}, {"requests_in_flight": 2}]
)
def test_no_more_is_under_way_than_the_limits_say(
    service: StandIn, open_publisher: Open, limit: dict[str, int]
) -> None:
    two_wait = threading.Barrier(2)

    def meet(request: Any) -> None:
        two_wait.wait(10)

    service.before_answer = meet
    publisher = open_publisher(max_messages=10, attributes=False, **limit)

    # 10 messages of 90 bytes with their headers are 940 bytes.
    send(publisher, [b"%090d" % number for number in range(80)])
    publisher.flush()

    assert len(service.received) == 80
    assert service.at_once[""] == 2


def test_a_request_over_the_limits_goes_alone(service: StandIn, open_publisher: Open) -> None:
    publisher = open_publisher(outstanding_messages=5, outstanding_bytes=10)

    send(publisher, numbered(30))
    publisher.flush()

    assert len(service.received) == 30


def test_nothing_is_sent_behind_an_error(service: StandIn, open_publisher: Open) -> None:
    service.script = [None, Code.NOT_FOUND]
    publisher = open_publisher(max_messages=1, requests_in_flight=1)

    with pytest.raises(PubsubAccessError):
        send(publisher, numbered(100))
        publisher.flush()

    with pytest.raises(PubsubAccessError):
        send(publisher, [b"later"])
    publisher.close()
    for thread in threading.enumerate():
        if thread.name.startswith("publish-"):
            # Its queue ends with what close() put there, behind what was sent.
            thread.join(30)
    assert service.payloads() == [b"0"]
