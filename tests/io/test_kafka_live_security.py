"""Logging in to a real broker, each way that it has."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaAccessError, KafkaError
from pipeline_io.kafka_source import KafkaSource
from pipeline_io.kafka_topics import commit, plan_read
from tests.io.kafka_live import MakeTopic, numbers, produce, run, values

SECRET = "env://TEST_KAFKA_PASSWORD"  # noqa: S105  (a reference)


@pytest.fixture
def topic_of_three(kafka: Any, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TEST_KAFKA_PASSWORD", kafka.password)
    name = topic()
    produce(kafka.brokers, name, numbers(3))
    return name


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("encrypted", [False, True])
def test_a_user_with_a_password_reads(
    kafka: Any, topic_of_three: str, mechanism: str, encrypted: bool
) -> None:
    properties = {"sasl.mechanism": mechanism, "security.protocol": "SASL_PLAINTEXT"}
    brokers = kafka.sasl_brokers
    if encrypted:
        brokers = kafka.sasl_tls_brokers
        properties["security.protocol"] = "SASL_SSL"
        properties["ssl.truststore.location"] = kafka.ca
    cluster = KafkaCluster(brokers, properties, kafka.username, SECRET)
    source = pickle.loads(pickle.dumps(KafkaSource(cluster, (topic_of_three,), group="secured")))  # noqa: S301
    plan = plan_read(source)
    assert values(run(source, plan)) == numbers(3)
    commit(source, plan)


def test_java_login_text_reads_as_well(kafka: Any, topic_of_three: str) -> None:
    jaas = (
        "org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="{kafka.username}" password="{SECRET}";'
    )
    cluster = KafkaCluster(
        kafka.sasl_brokers,
        {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.jaas.config": jaas,
        },
    )
    assert values(run(KafkaSource(cluster, (topic_of_three,)))) == numbers(3)


def test_a_client_certificate_reads(kafka: Any, topic_of_three: str) -> None:
    cluster = KafkaCluster(
        kafka.tls_brokers,
        {
            "security.protocol": "SSL",
            "ssl.truststore.location": kafka.ca,
            "ssl.keystore.location": kafka.text("client_certificate"),
        },
    )
    assert values(run(KafkaSource(cluster, (topic_of_three,)))) == numbers(3)


def test_an_authority_that_did_not_sign_the_broker_is_told(kafka: Any, topic_of_three: str) -> None:
    properties = {
        "security.protocol": "SSL",
        "ssl.truststore.location": kafka.text("stranger_ca"),
    }
    with pytest.raises(KafkaAccessError, match=r"ssl\.truststore\.location"):
        plan_read(KafkaSource(KafkaCluster(kafka.tls_brokers, properties), (topic_of_three,)))


def test_a_wrong_password_is_told_without_it(
    kafka: Any, topic_of_three: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KAFKA_PASSWORD", "no-such-password")
    cluster = KafkaCluster(
        kafka.sasl_brokers,
        {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"},
        kafka.username,
        SECRET,
    )
    with pytest.raises(KafkaAccessError, match="check the user, the password") as told:
        plan_read(KafkaSource(cluster, (topic_of_three,)))
    assert "no-such-password" not in str(told.value)


def test_a_user_without_rights_is_told(
    kafka: Any, topic_of_three: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KAFKA_PASSWORD", kafka.text("stranger_password"))
    cluster = KafkaCluster(
        kafka.sasl_brokers,
        {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"},
        kafka.text("stranger_username"),
        SECRET,
    )
    source = KafkaSource(cluster, (topic_of_three,))
    with pytest.raises(KafkaError, match=r"to other users only|grant the user"):
        plan_read(source)
    with pytest.raises(KafkaError, match=r"to other users only|grant the user"):
        plan_read(dataclasses.replace(source, group="strange"))
