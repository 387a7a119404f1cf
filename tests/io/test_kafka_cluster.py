"""Configurations of clients: Java's names in, librdkafka's and Java's out, no secret shown."""

from __future__ import annotations

import pickle

import pytest

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaConfigError
from pipeline_io.kafka_google_token import GOOGLE_LOGIN, google_token
from pipeline_io.kafka_properties import ANY, CONSUMER, PRODUCER, jaas_login

PLAIN = {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}
SECRET = "env://TEST_SECRET"  # noqa: S105  (a reference)
JAAS = "org.apache.kafka.common.security.plain.PlainLoginModule required"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SECRET", 'pa"ss\\word')


def test_javas_properties_get_librdkafkas_names() -> None:
    given = {
        "fetch.max.wait.ms": "7",
        "request.timeout.ms": "8",
        "ssl.truststore.location": "/ca.pem",
        "ssl.keystore.location": "/client.pem",
        "ssl.endpoint.identification.algorithm": "",
        "security.protocol": "ssl",
    }
    config = KafkaCluster("a:1,b:2", given).client_config()
    assert config["bootstrap.servers"] == "a:1,b:2"
    assert config["fetch.wait.max.ms"] == "7"
    assert config["socket.timeout.ms"] == "8"
    assert config["ssl.ca.location"] == "/ca.pem"
    assert config["ssl.certificate.location"] == config["ssl.key.location"] == "/client.pem"
    assert config["ssl.endpoint.identification.algorithm"] == "none"
    assert config["security.protocol"] == "SSL"


def test_a_client_gets_no_property_of_the_other_kind() -> None:
    cluster = KafkaCluster("a:1", {"acks": "all", "fetch.min.bytes": "1", "client.id": "x"})
    names = {"acks", "fetch.min.bytes", "client.id"}
    assert names & cluster.client_config(CONSUMER).keys() == {"fetch.min.bytes", "client.id"}
    assert names & cluster.client_config(PRODUCER).keys() == {"acks", "client.id"}
    assert names & cluster.client_config(ANY).keys() == {"client.id"}
    assert names <= cluster.client_config().keys()


@pytest.mark.parametrize(
    ("username", "password", "more"),
    [
        ("alice", SECRET, {}),
        (None, None, {"sasl.jaas.config": f'{JAAS} username="alice" password="{SECRET}";'}),
        (None, None, {"sasl.username": "alice", "sasl.password": SECRET}),
    ],
)
def test_a_password_is_read_when_a_client_is_made(
    username: str | None, password: str | None, more: dict[str, str]
) -> None:
    cluster = KafkaCluster("a:1", {**PLAIN, **more}, username, password)
    config = cluster.client_config()
    assert (config["sasl.username"], config["sasl.password"]) == ("alice", 'pa"ss\\word')
    java = cluster.java_config()["sasl.jaas.config"]
    assert java == f'{JAAS} username="alice" password="pa\\"ss\\\\word";'
    for text in (repr(cluster), str(cluster), cluster.describe(), str(pickle.dumps(cluster))):
        assert "word" not in text.replace("password", "")
    assert "PLAIN as alice" in cluster.describe()


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({"secruity.protocol": "SSL"}, "did you mean 'security.protocol'"),
        ({"enable.auto.commit": "true"}, "committing on a timer loses"),
        ({"sasl.password": "hunter2"}, "plain text"),
        ({"sasl.jaas.config": f'{JAAS} username="a" password="hunter2";'}, "plain text"),
        ({"sasl.jaas.config": "hunter2"}, "expected"),
        ({"ssl.truststore.location": "/trust.jks"}, "convert it to PEM"),
        ({"security.protocol": "TLS"}, "security.protocol is 'TLS'"),
        ({"security.protocol": "SASL_SSL"}, "sasl.mechanism is None"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "MD5"}, "sasl.mechanism is 'MD5'"),
        (PLAIN, "needs a user and a password"),
        ({"sasl.mechanism": "PLAIN"}, "expected 'SASL_SSL'"),
        ({"group.id": "g"}, "the group of the source"),
    ],
)
def test_what_does_not_fit_is_told_without_secrets(properties: dict[str, str], told: str) -> None:
    with pytest.raises(KafkaConfigError) as error:
        KafkaCluster("a:1", properties).client_config()
    assert told in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("brokers", ["", "host", "host:", "a:1,b", ":9092"])
def test_brokers_need_a_port(brokers: str) -> None:
    with pytest.raises(KafkaConfigError, match="HOST:PORT"):
        KafkaCluster(brokers)


def test_a_password_in_the_clear_is_refused_without_it() -> None:
    with pytest.raises(KafkaConfigError) as error:
        KafkaCluster("a:1", PLAIN, "alice", "hunter2")
    assert "hunter2" not in str(error.value)


def test_auto_commit_that_is_off_is_what_is_meant_anyway() -> None:
    assert (
        "enable.auto.commit"
        not in KafkaCluster("a:1", {"enable.auto.commit": "false"}).client_config()
    )


def test_oauthbearer_alone_is_googles_token() -> None:
    given = {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"}
    cluster = pickle.loads(pickle.dumps(KafkaCluster("a:1", given)))  # noqa: S301
    assert cluster.client_config()["oauth_cb"] is google_token
    assert cluster.java_config()["sasl.login.callback.handler.class"] == GOOGLE_LOGIN
    assert "Google's token" in cluster.describe()


def test_oauthbearer_with_an_endpoint_is_librdkafkas_own() -> None:
    given = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.token.endpoint.url": "https://login/token",
        "sasl.oauthbearer.client.id": "me",
        "sasl.oauthbearer.client.secret": SECRET,
    }
    config = KafkaCluster("a:1", given).client_config()
    assert config["sasl.oauthbearer.method"] == "oidc"
    assert config["sasl.oauthbearer.client.secret"] == 'pa"ss\\word'
    assert "oauth_cb" not in config


@pytest.mark.parametrize(
    "text",
    [
        f'{JAAS} username="alice" password="{SECRET}";',
        f"{JAAS} username='alice' password='{SECRET}';",
        f'{JAAS}\n  username = "alice"\n  password = "{SECRET}" ;\n',
        f'{JAAS} serviceName="x" username=alice password="{SECRET}";',
    ],
)
def test_javas_login_text_is_read_in_all_its_forms(text: str) -> None:
    assert jaas_login(text) == ("alice", SECRET)
