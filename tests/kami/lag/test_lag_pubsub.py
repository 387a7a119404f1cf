"""The backlog of subscriptions, from a server that speaks as Cloud Monitoring does."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Iterator

import grpc
import pytest
from click.testing import CliRunner
from google.auth.exceptions import DefaultCredentialsError

from kami.cli import main
from kami.errors import ConfigurationError, RefusedError, UnreachableError
from kami.lag_exporter import Source
from kami.lag_metrics import pubsub_answer
from kami.lag_pubsub import AGE, MESSAGES, Backlog, PubSubLag, Subscription, subscription
from tests.kami.lag.live_lag import exporter_of
from tests.kami.lag.monitoring_server import MonitoringServer, monitoring_server

NOW = 1_800_000_000
ONE, TWO = Subscription("shop", "one"), Subscription("shop", "two")


@pytest.fixture
def server() -> Iterator[MonitoringServer]:
    with monitoring_server() as served:
        yield served


def lag_of(server: MonitoringServer, *subscriptions: Subscription) -> PubSubLag:
    return PubSubLag(subscriptions, 10, server.connect, lambda: NOW)


def test_the_newest_point_of_each_subscription_counts(server: MonitoringServer) -> None:
    for name, messages, age in (("one", 12, 340), ("two", 0, 0)):
        server.measured("shop", MESSAGES, name, NOW - 300, 999)
        server.measured("shop", MESSAGES, name, NOW - 120, messages)
        server.measured("shop", AGE, name, NOW - 180, age)
    lag = lag_of(server, TWO, ONE, ONE)
    reading = lag.read()
    lag.close()
    assert reading.backlogs == (
        Backlog(ONE, 12, 340.0, NOW - 180),
        Backlog(TWO, 0, 0.0, NOW - 180),
    )
    assert reading.failures == ()


def test_a_subscription_without_a_point_is_unknown_and_not_empty(server: MonitoringServer) -> None:
    server.measured("shop", MESSAGES, "one", NOW - 3600, 12)
    server.measured("shop", MESSAGES, "other", NOW - 60, 12)
    lag = lag_of(server, ONE)
    assert lag.read().backlogs == (Backlog(ONE),)
    with exporter_of([Source("pubsub", lambda: pubsub_answer(lag.read()))], lambda: 0.0) as served:
        found = served.scrape()
    lag.close()
    assert found.value("kamiflow_lag_up", source="pubsub") == 1
    assert "kamiflow_pubsub" not in found.text


@pytest.mark.parametrize(
    ("code", "error", "told"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, RefusedError, "roles/monitoring.viewer"),
        (grpc.StatusCode.UNAVAILABLE, UnreachableError, "Cloud Monitoring does not answer"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, UnreachableError, "Cloud Monitoring does not answer"),
        (grpc.StatusCode.NOT_FOUND, RefusedError, "refused"),
    ],
)
def test_what_monitoring_refuses_is_told(
    server: MonitoringServer, code: grpc.StatusCode, error: type[Exception], told: str
) -> None:
    server.refusals["shop"] = code
    lag = lag_of(server, ONE)
    with pytest.raises(error, match=f"of the project 'shop': .*{told}"):
        lag.read()
    lag.close()


def test_a_project_that_refuses_leaves_the_others(server: MonitoringServer) -> None:
    server.refusals["closed"] = grpc.StatusCode.PERMISSION_DENIED
    server.measured("shop", MESSAGES, "one", NOW - 60, 7)
    server.measured("shop", AGE, "one", NOW - 60, 70)
    lag = lag_of(server, ONE, Subscription("closed", "one"))
    with exporter_of([Source("pubsub", lambda: pubsub_answer(lag.read()))], lambda: 0.0) as served:
        found = served.scrape()
    lag.close()
    labels = {"project": "shop", "subscription": "one"}
    assert found.value("kamiflow_pubsub_backlog_messages", **labels) == 7
    assert found.value("kamiflow_pubsub_oldest_unacked_message_age_seconds", **labels) == 70
    assert found.value("kamiflow_pubsub_backlog_timestamp_seconds", **labels) == NOW - 60
    assert found.value("kamiflow_lag_up", source="pubsub") == 1
    assert found.value("kamiflow_lag_errors_total", source="pubsub") == 1


def test_missing_credentials_are_told() -> None:
    def connect() -> None:
        raise DefaultCredentialsError("none")  # type: ignore[no-untyped-call]  # noqa: EM101

    lag = PubSubLag([ONE], 1, connect)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="no credentials of Google Cloud"):
        lag.read()


def test_the_command_prints_backlogs_and_holds_them_to_limits(
    server: MonitoringServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kami.lag_pubsub._client", server.connect)
    at = int(time.time()) - 60
    server.measured("shop", MESSAGES, "one", at, 7)
    server.measured("shop", AGE, "one", at, 70)

    def run(*options: str) -> tuple[int, str, str]:
        name = "projects/shop/subscriptions/one"
        result = CliRunner().invoke(main, ["lag", "--subscription", name, *options])
        return result.exit_code, result.stdout, result.stderr

    code, out, _ = run("--output", "json", "--max-records", "7", "--max-seconds", "70")
    assert code == 0
    assert json.loads(out) == {
        "project": "shop",
        "subscription": "one",
        "messages": 7,
        "seconds": 70.0,
        "measured": datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat(),
    }
    code, _, told = run("--max-records", "6")
    assert code == 1
    assert "subscription 'one': 7 messages, at most 6 are allowed" in told
    server.points.clear()
    code, _, told = run("--max-seconds", "100")
    assert code == 1
    assert "Cloud Monitoring has no point of its last ten minutes" in told


@pytest.mark.parametrize(
    "name", ["one", "projects/shop/topics/one", "projects/shop/subscriptions/", 'p/"x"']
)
def test_a_subscription_has_its_full_name(name: str) -> None:
    with pytest.raises(ConfigurationError, match="expected projects/PROJECT/subscriptions/NAME"):
        subscription(name)
