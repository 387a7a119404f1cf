"""One set of properties for both kinds of clients: what librdkafka gets of it, and what Java."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaConfigError
from pipeline_io.kafka_google_token import GOOGLE_LOGIN
from pipeline_io.kafka_java_properties import MODULES, TOKEN_LOGIN, TOKEN_LOGINS
from pipeline_io.kafka_properties import PROPERTIES
from pipeline_io.secrets import SecretError

SECRET = "env://TEST_SECRET"  # noqa: S105  (a reference)
CA, CLIENT, KEY = "CA TEXT", "CERTIFICATE TEXT", "KEY TEXT"
SASL = {"security.protocol": "SASL_SSL"}
BY_TOKEN = {**SASL, "sasl.mechanism": "OAUTHBEARER"}
ENDPOINT = {"sasl.oauthbearer.token.endpoint.url": "https://login/token"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the files of certificates."""
    monkeypatch.setenv("TEST_SECRET", "hunter2")
    for name, text in (("ca.pem", CA), ("client.pem", CLIENT), ("key.pem", KEY)):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Case(NamedTuple):
    """Properties of a table, and what is in the configuration of each kind of client for them."""

    given: dict[str, str]
    librdkafka: dict[str, object]
    java: dict[str, str]


def password(mechanism: str) -> Case:
    given = {**SASL, "sasl.mechanism": mechanism, "sasl.username": "alice"}
    login = 'username="alice" password="hunter2"'
    return Case(
        {**given, "sasl.password": SECRET},
        {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": mechanism,
            "sasl.username": "alice",
            "sasl.password": "hunter2",
        },
        {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": mechanism,
            "sasl.jaas.config": f"{MODULES[mechanism]} required {login};",
        },
    )


TRUSTED = {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": CA}
SHOWN = {
    "ssl.keystore.type": "PEM",
    "ssl.keystore.certificate.chain": CLIENT,
    "ssl.keystore.key": KEY,
}
CASES = {
    "PLAIN": password("PLAIN"),
    "SCRAM-SHA-256": password("SCRAM-SHA-256"),
    "SCRAM-SHA-512": password("SCRAM-SHA-512"),
    "an authority by Java's name": Case(
        {"security.protocol": "SSL", "ssl.truststore.location": "ca.pem"},
        {"security.protocol": "SSL", "ssl.ca.location": "ca.pem"},
        {"security.protocol": "SSL", **TRUSTED},
    ),
    "an authority by librdkafka's name": Case(
        {"security.protocol": "SSL", "ssl.ca.location": "ca.pem"},
        {"security.protocol": "SSL", "ssl.ca.location": "ca.pem"},
        {"security.protocol": "SSL", **TRUSTED},
    ),
    "an authority as text": Case(
        {"security.protocol": "SSL", "ssl.truststore.certificates": CA},
        {"security.protocol": "SSL", "ssl.ca.pem": CA},
        {"security.protocol": "SSL", **TRUSTED},
    ),
    "a certificate and its key in one file": Case(
        {"security.protocol": "SSL", "ssl.keystore.location": "client.pem"},
        {"ssl.certificate.location": "client.pem", "ssl.key.location": "client.pem"},
        {"ssl.keystore.type": "PEM", "ssl.keystore.location": "client.pem"},
    ),
    "a certificate and its key in two files": Case(
        {
            "security.protocol": "SSL",
            "ssl.certificate.location": "client.pem",
            "ssl.key.location": "key.pem",
            "ssl.key.password": SECRET,
        },
        {
            "ssl.certificate.location": "client.pem",
            "ssl.key.location": "key.pem",
            "ssl.key.password": "hunter2",
        },
        {**SHOWN, "ssl.key.password": "hunter2"},
    ),
    "a certificate's file that has the key, by librdkafka's name": Case(
        {"security.protocol": "SSL", "ssl.certificate.location": "client.pem"},
        {"ssl.certificate.location": "client.pem", "ssl.key.location": "client.pem"},
        {**SHOWN, "ssl.keystore.key": CLIENT},
    ),
    "a certificate as text and its key as a secret": Case(
        {
            "security.protocol": "SSL",
            "ssl.keystore.certificate.chain": CLIENT,
            "ssl.keystore.key": SECRET,
        },
        {"ssl.certificate.pem": CLIENT, "ssl.key.pem": "hunter2"},
        {**SHOWN, "ssl.keystore.key": "hunter2"},
    ),
    "a PKCS12 store": Case(
        {
            "security.protocol": "SSL",
            "ssl.keystore.location": "client.p12",
            "ssl.keystore.password": SECRET,
        },
        {"ssl.keystore.location": "client.p12", "ssl.keystore.password": "hunter2"},
        {
            "ssl.keystore.type": "PKCS12",
            "ssl.keystore.location": "client.p12",
            "ssl.keystore.password": "hunter2",
        },
    ),
    "Google's token": Case(
        BY_TOKEN,
        {"sasl.mechanism": "OAUTHBEARER"},
        {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.login.callback.handler.class": GOOGLE_LOGIN,
            "sasl.jaas.config": f"{MODULES['OAUTHBEARER']} required;",
        },
    ),
    "the token of an endpoint": Case(
        {
            **BY_TOKEN,
            **ENDPOINT,
            "sasl.oauthbearer.client.id": "me",
            "sasl.oauthbearer.client.secret": SECRET,
            "sasl.oauthbearer.scope": "kafka",
            "sasl.oauthbearer.extensions": "logicalCluster=lkc-1,identityPoolId=pool-2",
        },
        {
            "sasl.oauthbearer.method": "oidc",
            **ENDPOINT,
            "sasl.oauthbearer.client.id": "me",
            "sasl.oauthbearer.client.secret": "hunter2",
            "sasl.oauthbearer.scope": "kafka",
            "sasl.oauthbearer.extensions": "logicalCluster=lkc-1,identityPoolId=pool-2",
        },
        {
            **BY_TOKEN,
            **ENDPOINT,
            "sasl.login.callback.handler.class": TOKEN_LOGIN,
            "sasl.jaas.config": (
                f'{MODULES["OAUTHBEARER"]} required clientId="me" clientSecret="hunter2" '
                'scope="kafka" extension_logicalCluster="lkc-1" extension_identityPoolId="pool-2";'
            ),
        },
    ),
    "a name of the broker that is not checked, in Java's words": Case(
        {"ssl.endpoint.identification.algorithm": ""},
        {"ssl.endpoint.identification.algorithm": "none"},
        {"ssl.endpoint.identification.algorithm": ""},
    ),
    "a name of the broker that is not checked, in librdkafka's words": Case(
        {"ssl.endpoint.identification.algorithm": "none"},
        {"ssl.endpoint.identification.algorithm": "none"},
        {"ssl.endpoint.identification.algorithm": ""},
    ),
    "a wait for answers by librdkafka's name": Case(
        {"socket.timeout.ms": "7000"},
        {"socket.timeout.ms": "7000"},
        {"request.timeout.ms": "7000"},
    ),
    "a wait for answers by Java's name": Case(
        {"request.timeout.ms": "7000"},
        {"socket.timeout.ms": "7000"},
        {"request.timeout.ms": "7000"},
    ),
    "how much is fetched": Case(
        {"fetch.max.wait.ms": "7", "max.partition.fetch.bytes": "8", "isolation.level": "x"},
        {"fetch.wait.max.ms": "7", "max.partition.fetch.bytes": "8", "isolation.level": "x"},
        {"fetch.max.wait.ms": "7", "max.partition.fetch.bytes": "8", "isolation.level": "x"},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_both_kinds_of_clients_are_configured_alike(case: Case) -> None:
    cluster = KafkaCluster("a:1", case.given)
    assert case.librdkafka.items() <= cluster.client_config().items()
    java = cluster.java_config()
    assert case.java.items() <= java.items()
    # Nothing else: what Java does not know it would warn of, or take for something else.
    assert java.keys() - case.java.keys() <= {"bootstrap.servers", "security.protocol"}
    assert "hunter2" not in f"{cluster!r}{cluster}{cluster.describe()}"


def test_the_text_of_javas_login_is_made_anew_from_what_it_says() -> None:
    jaas = f"{MODULES['PLAIN']} required\n  username=alice\n  password='{SECRET}' ;"
    given = {**SASL, "sasl.mechanism": "PLAIN", "sasl.jaas.config": jaas}
    config = KafkaCluster("a:1", given).java_config()
    assert config["sasl.jaas.config"] == CASES["PLAIN"].java["sasl.jaas.config"]


def test_a_keys_file_that_is_not_there_is_named() -> None:
    given = {"ssl.certificate.location": "client.pem", "ssl.key.location": "gone.pem"}
    with pytest.raises(SecretError, match=r"gone\.pem: FileNotFoundError"):
        KafkaCluster("a:1", {"security.protocol": "SSL", **given}).java_config()


@pytest.mark.parametrize(
    "name",
    ["acks", "linger.ms", "queued.min.messages", "debug", "broker.address.family"],
)
def test_what_is_no_property_of_javas_consumer_is_left_out(name: str) -> None:
    assert name in PROPERTIES
    config = KafkaCluster("a:1", {name: "1"}).java_config()
    assert config == {"bootstrap.servers": "a:1", "security.protocol": "PLAINTEXT"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"enable.ssl.certificate.verification": "false"}, "Java's clients always check"),
        ({"ssl.truststore.location": "trust.jks"}, "convert it to PEM"),
        ({"ssl.keystore.location": "keys.jks"}, "convert it to PEM"),
        ({"ssl.truststore.location": "gone.pem"}, "expected the authorities' certificates as a"),
        ({"ssl.ca.location": "gone.pem"}, "'gone.pem': FileNotFoundError"),
        ({"ssl.certificate.location": "gone.pem"}, "expected the client's certificate as a"),
    ],
)
def test_what_java_cannot_do_is_told(given: dict[str, str], told: str) -> None:
    with pytest.raises(KafkaConfigError) as error:
        KafkaCluster("a:1", {"security.protocol": "SSL", **given}).java_config()
    assert told in str(error.value)


@pytest.mark.parametrize("handler", TOKEN_LOGINS)
def test_javas_class_for_an_endpoints_token_is_taken_by_both(handler: str) -> None:
    given = {**BY_TOKEN, **ENDPOINT, "sasl.login.callback.handler.class": handler}
    cluster = KafkaCluster("a:1", given)
    assert cluster.java_config()["sasl.login.callback.handler.class"] == handler
    assert cluster.client_config()["sasl.oauthbearer.method"] == "oidc"


def test_a_login_by_another_class_is_for_java_alone() -> None:
    handler = "software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler"
    cluster = KafkaCluster("a:1", {**BY_TOKEN, "sasl.login.callback.handler.class": handler})
    assert cluster.needs_java
    assert cluster.java_config()["sasl.login.callback.handler.class"] == handler
    with pytest.raises(KafkaConfigError, match="--kafka_reader=java"):
        cluster.client_config()


def test_a_token_endpoints_secret_in_javas_login_text_is_refused_without_it() -> None:
    jaas = f'{MODULES["OAUTHBEARER"]} required clientId="me" clientSecret="hunter2";'
    with pytest.raises(KafkaConfigError, match=r"sasl\.oauthbearer\.client\.secret") as error:
        KafkaCluster("a:1", {**BY_TOKEN, "sasl.jaas.config": jaas})
    assert "hunter2" not in str(error.value)
