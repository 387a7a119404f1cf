"""The broker's ways in: who comes by which, and who is kept out."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from tests.stack import servers
from tests.stack.topics import Topics


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("tls", [False, True])
def test_kafka_lets_users_in_by_password(kafka: servers.Kafka, mechanism: str, tls: bool) -> None:
    assert _brokers_seen(kafka, mechanism, tls, kafka.password) == 1


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_kafka_keeps_out_who_has_another_password(kafka: servers.Kafka, mechanism: str) -> None:
    with pytest.raises(KafkaException):
        _brokers_seen(kafka, mechanism, False, "another")


def test_kafka_shows_a_certificate_of_its_authority(kafka: servers.Kafka) -> None:
    def brokers_seen(ca: str, timeout_seconds: float) -> int:
        config: dict[str, Any] = {
            "bootstrap.servers": kafka.tls_brokers,
            "security.protocol": "SSL",
            "ssl.ca.location": ca,
            "log_level": 0,
        }
        with AdminClient(config) as client:
            return len(client.list_topics(timeout=timeout_seconds).brokers)

    assert brokers_seen(kafka.ca, 20) == 1
    with pytest.raises(KafkaException):
        brokers_seen(kafka.text("stranger_ca"), 2)


def test_kafka_lets_in_by_an_unsigned_token(kafka: servers.Kafka) -> None:
    config: dict[str, Any] = {
        "bootstrap.servers": kafka.sasl_brokers,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "enable.sasl.oauthbearer.unsecure.jwt": True,
        "sasl.oauthbearer.config": f"principal={kafka.username}",
    }
    with AdminClient(config) as client:
        assert len(client.list_topics(timeout=20).brokers) == 1


def test_kafka_refuses_a_topic_to_who_has_no_right_to_it(
    kafka: servers.Kafka, topic: Topics
) -> None:
    name = topic()
    errors: list[KafkaError | None] = []
    producer = Producer(
        {
            "bootstrap.servers": kafka.sasl_brokers,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": kafka.text("stranger_username"),
            "sasl.password": kafka.text("stranger_password"),
            "log_level": 0,
        }
    )
    producer.produce(name, b"payload", on_delivery=lambda error, _: errors.append(error))
    producer.flush(30)
    (error,) = errors
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def _brokers_seen(kafka: servers.Kafka, mechanism: str, tls: bool, password: str) -> int:
    config: dict[str, Any] = {
        "bootstrap.servers": kafka.sasl_tls_brokers if tls else kafka.sasl_brokers,
        "security.protocol": "SASL_SSL" if tls else "SASL_PLAINTEXT",
        "ssl.ca.location": kafka.ca,
        "sasl.mechanism": mechanism,
        "sasl.username": kafka.username,
        "sasl.password": password,
        "log_level": 0,
    }
    with AdminClient(config) as client:
        return len(client.list_topics(timeout=20 if password == kafka.password else 2).brokers)
