"""When a client shows Kafka another password: only when its own was refused and there is one."""

from __future__ import annotations

import logging
from pathlib import Path

import confluent_kafka
import pytest

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaAccessError
from pipeline_io.kafka_health import Health
from pipeline_io.kafka_relogin import EVERY_SECONDS, Relogin

_E = confluent_kafka.KafkaError
REFUSED = _E(_E._AUTHENTICATION, "Authentication failed")  # noqa: SLF001
DOWN = _E(_E._TRANSPORT, "Connection refused")  # noqa: SLF001


class Client:
    __slots__ = ("shown",)

    def __init__(self) -> None:
        self.shown: list[tuple[str, str]] = []

    def set_sasl_credentials(self, user: str, password: str) -> None:
        self.shown.append((user, password))


class Admin(Client):
    """May be let go, and then is gone."""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def relogin_of(file: Path, client: Client, clock: Clock) -> Relogin:
    file.write_text("old\n")
    config = {"sasl.username": "ann", "sasl.password": "old"}
    relogin = Relogin(config, f"file://{file}", clock)
    relogin.watch(client)
    return relogin


def test_another_password_is_shown_after_a_refusal_and_not_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client, clock, file = Client(), Clock(), tmp_path / "password"
    relogin = relogin_of(file, client, clock)
    assert not relogin.mends(DOWN)
    assert not relogin.mends(REFUSED)
    file.write_text("hunter2\n")
    # The secret was read a moment ago.
    assert not relogin.mends(REFUSED)
    clock.now += EVERY_SECONDS
    with caplog.at_level(logging.DEBUG):
        assert relogin.mends(REFUSED) and relogin.mends(REFUSED)
        assert client.shown == []
        relogin.show()
        relogin.show()
    assert client.shown == [("ann", "hunter2")]
    assert "the brokers refused the password of ann" in caplog.text
    assert "hunter2" not in caplog.text
    clock.now += EVERY_SECONDS
    assert not relogin.mends(REFUSED)


def test_a_secret_that_is_gone_mends_nothing_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client, clock, file = Client(), Clock(), tmp_path / "password"
    relogin = relogin_of(file, client, clock)
    file.unlink()
    assert not relogin.mends(REFUSED)
    assert "cannot be read again" in caplog.text
    assert client.shown == []


def test_a_client_that_is_gone_or_shows_no_password_is_left_alone(tmp_path: Path) -> None:
    clock, file = Clock(), tmp_path / "password"
    relogin = relogin_of(file, client := Client(), clock)
    file.write_text("new\n")
    assert relogin.mends(REFUSED)
    relogin.watch(admin := Admin())
    del admin
    relogin.show()
    assert client.shown == []
    by_token = Relogin({}, None)
    by_token.watch(Client())
    assert not by_token.mends(REFUSED)


def test_a_mended_refusal_is_no_reason_to_stop(tmp_path: Path) -> None:
    client, clock, file = Client(), Clock(), tmp_path / "password"
    health = Health("Kafka", "reading", 300)
    health.log_in_by(relogin_of(file, client, clock))
    health.on_error(REFUSED)
    with pytest.raises(KafkaAccessError):
        health.raise_refusal()
    file.write_text("new\n")
    clock.now += EVERY_SECONDS
    health.on_error(REFUSED)
    health.raise_refusal()
    assert client.shown == [("ann", "new")]


def test_a_cluster_says_which_secret_is_shown() -> None:
    properties = {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-256"}
    cluster = KafkaCluster("host:1", properties, "ann", "env://PASSWORD")
    assert cluster.password_reference == "env://PASSWORD"  # noqa: S105
    assert KafkaCluster("host:1").password_reference is None
