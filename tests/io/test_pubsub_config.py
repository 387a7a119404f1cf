from __future__ import annotations

import pickle

import pytest

from pipeline_io.pubsub_config import PubsubConfig

OPTIONS: dict[str, object] = {
    "project-name": "shop-1",
    "topic": "items",
    "format": "json",
    "sink.attributes": True,
    "sink.ordering-key": True,
    "sink.batch.max-messages": 500,
    "sink.batch.max-bytes": 1_000_000,
    "sink.retry-timeout": 300.0,
}


@pytest.fixture(autouse=True)
def no_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)


def test_options_of_a_table_become_a_config() -> None:
    found = PubsubConfig.from_options(OPTIONS)

    assert found == PubsubConfig(
        "shop-1",
        "items",
        content_type="application/json",
        ordering_key=True,
        max_messages=500,
        max_bytes=1_000_000,
        retry_seconds=300.0,
    )
    assert found.requests_in_flight == 32
    assert str(found) == "the Pub/Sub topic projects/shop-1/topics/items"


@pytest.mark.parametrize(
    ("endpoint", "address", "emulator"),
    [
        ("", "pubsub.googleapis.com:443", ""),
        ("europe-west1-pubsub.googleapis.com", "europe-west1-pubsub.googleapis.com:443", ""),
        ("https://pubsub.example/", "pubsub.example:443", ""),
        ("pubsub.example:8443", "pubsub.example:8443", ""),
        ("http://127.0.0.1:8085", "127.0.0.1:8085", "127.0.0.1:8085"),
    ],
)
def test_an_endpoint_says_where_and_how_to_connect(
    endpoint: str, address: str, emulator: str
) -> None:
    found = PubsubConfig("shop-1", "items", endpoint=endpoint)

    assert (found.address, found.emulator) == (address, emulator)


def test_the_emulators_variable_goes_with_the_config_to_the_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:8085")
    pickled = pickle.dumps(PubsubConfig("shop-1", "items"))
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST")

    assert pickle.loads(pickled).emulator == "127.0.0.1:8085"  # noqa: S301  # of this very test


def test_an_endpoint_that_is_given_counts_more_than_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:8085")

    assert not PubsubConfig("shop-1", "items", endpoint="pubsub.example").emulator


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"project": ""}, "the project is ''; expected its id"),
        ({"project": "a/b"}, "the project is 'a/b'"),
        ({"topic": "it"}, "the topic is 'it'; expected its id alone: 3 to 255"),
        ({"topic": "projects/p/topics/items"}, "expected its id alone"),
        ({"topic": "google-items"}, "not 'goog' at the beginning"),
        ({"max_messages": 1_001}, "max_messages is 1001; Pub/Sub takes 1 to 1000 a request"),
        ({"max_bytes": 0}, "max_bytes is 0; Pub/Sub takes 1 to 10000000 a request"),
        ({"outstanding_bytes": 0}, "outstanding_bytes is 0; expected 1 or more"),
        ({"requests_in_flight": -1}, "requests_in_flight is -1; expected 1 or more"),
    ],
)
def test_values_that_cannot_be_are_refused(changed: dict[str, object], expected: str) -> None:
    with pytest.raises(ValueError, match=r"expected|takes") as caught:
        PubsubConfig(**{"project": "shop-1", "topic": "items", **changed})  # type: ignore[arg-type]  # the point

    assert expected in str(caught.value)
