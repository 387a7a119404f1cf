"""A subscription's names and address, and what is found wrong with it before it is read."""

from __future__ import annotations

import grpc
import pytest
from google.pubsub_v1.types import BigQueryConfig, PushConfig, Subscription

from pipeline_io.pubsub_errors import PubsubAccessError, PubsubError, PubsubUnavailable
from pipeline_io.pubsub_reader_dataflow import dataflow_reader
from pipeline_io.pubsub_subscription import SubscriptionConfig
from pipeline_io.pubsub_subscription_check import check_delivery, check_subscription
from pipeline_io.pubsub_subscription_errors import ReadOutage, stop_error
from tests.stack.topics import PubSubTopic

TOPIC = "projects/shop-1/topics/items"


@pytest.fixture(autouse=True)
def no_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"project": "a b"}, "the project is 'a b'; expected its id"),
        ({"subscription": "projects/p/subscriptions/s"}, "expected its id alone"),
        ({"subscription": "google-1"}, "not 'goog' at the beginning"),
        ({"deadline_seconds": 9}, "deadline_seconds is 9; Pub/Sub takes 10 to 600"),
        ({"outstanding_bytes": 0}, "outstanding_bytes is 0; expected 1 or more"),
        ({"streams": 0}, "streams is 0; expected 1 or more"),
    ],
)
def test_what_no_subscription_can_be_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SubscriptionConfig(**{"project": "shop-1", "subscription": "items", **options})  # type: ignore[arg-type]  # as given


def test_the_emulator_is_known_where_the_config_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SubscriptionConfig("shop-1", "items").address == "pubsub.googleapis.com:443"
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:8085")
    config = SubscriptionConfig("shop-1", "items")
    assert (config.emulator, config.path) == (
        "127.0.0.1:8085",
        "projects/shop-1/subscriptions/items",
    )
    with pytest.raises(ValueError, match="Dataflow's own Pub/Sub reader has its own address"):
        dataflow_reader(config, 5_000)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Subscription(topic="_deleted-topic_"), "has lost its topic"),
        (Subscription(topic=TOPIC, detached=True), "is detached from its topic"),
        (
            Subscription(topic=TOPIC, push_config=PushConfig(push_endpoint="https://x")),
            r"delivers by itself \(push\)",
        ),
        (
            Subscription(topic=TOPIC, bigquery_config=BigQueryConfig(table="p.d.t")),
            r"delivers by itself \(BigQuery\)",
        ),
    ],
)
def test_a_subscription_that_gives_nothing_to_who_pulls_is_refused(
    found: Subscription, said: str
) -> None:
    config = SubscriptionConfig("shop-1", "items")
    with pytest.raises(PubsubError, match=said):
        check_delivery(config, found)
    check_delivery(config, Subscription(topic=TOPIC))


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (grpc.StatusCode.NOT_FOUND, PubsubAccessError, "gcloud pubsub subscriptions create items"),
        (grpc.StatusCode.PERMISSION_DENIED, PubsubAccessError, "roles/pubsub.subscriber"),
        (grpc.StatusCode.UNAUTHENTICATED, PubsubAccessError, "does not accept the credentials"),
        (grpc.StatusCode.FAILED_PRECONDITION, PubsubError, "cannot be pulled"),
        (grpc.StatusCode.DATA_LOSS, PubsubError, "waiting will not mend it: DATA_LOSS"),
    ],
)
def test_an_answer_that_no_waiting_mends_says_the_next_step(
    code: grpc.StatusCode, kind: type[PubsubError], said: str
) -> None:
    error = stop_error(SubscriptionConfig("shop-1", "items"), code, "said")
    assert type(error) is kind
    assert said in str(error)


def test_an_outage_is_told_after_a_while_and_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    outage = ReadOutage(SubscriptionConfig("shop-1", "items"), lambda: now[0])
    for seconds in (0.0, 4.0):
        now[0] = seconds
        outage.goes_on("UNAVAILABLE")
    outage.ended()
    assert caplog.text == ""
    for seconds in (10.0, 16.0, 17.0, 47.0):
        now[0] = seconds
        outage.goes_on("UNAVAILABLE")
    assert outage.seconds == 37.0
    outage.ended()
    assert [record.getMessage().count("does not answer") for record in caplog.records] == [1, 1, 0]
    assert "answers again after 37 s" in caplog.text
    assert outage.seconds == 0


def test_the_emulators_subscription_passes(pubsub_topic: PubSubTopic) -> None:
    name = pubsub_topic.subscription.rpartition("/")[2]
    endpoint = f"http://{pubsub_topic.address}"
    check_subscription(SubscriptionConfig(pubsub_topic.project, name, endpoint=endpoint))
    with pytest.raises(PubsubAccessError, match="curl -X PUT"):
        check_subscription(SubscriptionConfig(pubsub_topic.project, "nowhere", endpoint=endpoint))


def test_nobody_at_the_address_is_told_with_the_next_step() -> None:
    config = SubscriptionConfig("shop-1", "items", endpoint="http://127.0.0.1:9")
    with pytest.raises(PubsubUnavailable, match="start it: gcloud beta emulators pubsub start"):
        check_subscription(config, patience_seconds=0.5)
