from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import google.auth
import google.auth.exceptions
import pytest

from pipeline_io.pubsub_check import check
from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_errors import PubsubAccessError, PubsubUnavailable
from tests.io.pubsub_stand_in import StandIn


@pytest.fixture
def service() -> Iterator[StandIn]:
    with StandIn() as service:
        yield service


def test_a_topic_that_may_be_published_to_is_fine(service: StandIn) -> None:
    check(service.config())


def test_an_emulator_without_permissions_is_fine(service: StandIn) -> None:
    service.permissions = None

    check(service.config())


@pytest.mark.parametrize("permissions", [None, [], ["pubsub.topics.publish"]])
def test_a_topic_that_does_not_exist_is_told_with_the_command_that_makes_it(
    service: StandIn, permissions: list[str] | None
) -> None:
    service.topics.clear()
    service.permissions = permissions

    with pytest.raises(PubsubAccessError, match="does not exist") as caught:
        check(service.config())

    expected = f"curl -X PUT http://127.0.0.1:{service.port}/v1/projects/shop-1/topics/items"
    assert str(caught.value).endswith(expected)


def test_a_topic_that_may_not_be_published_to_is_told_with_the_role(service: StandIn) -> None:
    service.permissions = []

    with pytest.raises(PubsubAccessError, match="may not be published to") as caught:
        check(service.config())

    assert "add-iam-policy-binding items --project=shop-1" in str(caught.value)


def test_a_service_that_is_down_is_told_after_the_patience_given(
    service: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    service.stop()

    with pytest.raises(PubsubUnavailable, match="took no messages for 1 s"):
        check(service.config(), patience_seconds=1)

    assert "is asked again, for 1 s" in caplog.text


def test_a_service_that_comes_up_late_is_waited_for(
    service: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    service.stop()

    def start_late() -> None:
        while not caplog.records:
            threading.Event().wait(0.02)
        service.start()

    late = threading.Thread(target=start_late)
    late.start()
    check(service.config(), patience_seconds=30)
    late.join()


def test_missing_credentials_are_told_with_the_command_that_gives_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    errors: Any = google.auth.exceptions
    missing = errors.DefaultCredentialsError("not found")

    def no_credentials(**_: object) -> None:
        raise missing

    monkeypatch.setattr(google.auth, "default", no_credentials)

    with pytest.raises(PubsubAccessError, match="gcloud auth application-default login"):
        check(PubsubConfig("shop-1", "items", endpoint="pubsub.example.invalid"))
