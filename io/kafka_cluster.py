"""A Kafka cluster: its address, its security, and the configurations of clients for it."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path

from pipeline_io.kafka_errors import KafkaConfigError, did_you_mean
from pipeline_io.kafka_google_token import GOOGLE_LOGIN, google_token
from pipeline_io.kafka_properties import (
    SECRET_NAMES,
    Login,
    check_properties,
    jaas_login,
    librdkafka_properties,
)
from pipeline_io.secrets import SCHEMES, is_reference, read_secret

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI")
_BY_PASSWORD = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

RECONNECT_MS = "250"
"""The client library's 100 ms and less fill a log while a broker restarts."""
RECONNECT_MAX_MS = "5000"

_JAVA_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "OAUTHBEARER": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule",
}

QUIET = logging.getLogger("pipeline_io.kafka_client")
"""Takes the client library's own log lines: what matters of them is told as one sentence."""
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False


@dataclasses.dataclass(frozen=True)
class KafkaCluster:
    """Brokers, and the properties of Java's clients that reach them (Flink's `properties.*`).

    Args:
        properties: Java's or librdkafka's names, without the prefix; a secret is a reference.
        password: a reference to a secret, read when a client is configured.

    Raises KafkaConfigError.
    """

    brokers: str
    properties: Mapping[str, str] = dataclasses.field(default_factory=dict)
    username: str | None = None
    password: str | None = None

    def __post_init__(self) -> None:
        for address in self.brokers.split(","):
            host, _, port = address.strip().rpartition(":")
            if not host or not port.isdecimal():
                message = f"brokers are {self.brokers!r}; expected HOST:PORT[,HOST:PORT]"
                raise KafkaConfigError(message)
        check_properties(self.properties)
        if self.password is not None and not is_reference(self.password):
            message = f"Kafka's password is given as plain text; expected {' or '.join(SCHEMES)}"
            raise KafkaConfigError(message)
        self._check_security()

    def _check_security(self) -> None:
        protocol, mechanism, login = self.protocol, self.mechanism, self._login()
        if protocol not in PROTOCOLS:
            message = f"security.protocol is {protocol!r}; {did_you_mean(protocol, PROTOCOLS)}"
            raise KafkaConfigError(message)
        if not protocol.startswith("SASL"):
            if login.username is not None or mechanism is not None:
                message = (
                    f"a user or sasl.mechanism is given, but security.protocol is {protocol!r}; "
                    "expected 'SASL_SSL' or 'SASL_PLAINTEXT'"
                )
                raise KafkaConfigError(message)
            return
        if mechanism not in MECHANISMS:
            message = (
                f"sasl.mechanism is {mechanism!r} with {protocol}; "
                f"{did_you_mean(mechanism or '', MECHANISMS)}"
            )
            raise KafkaConfigError(message)
        if mechanism in _BY_PASSWORD and None in login:
            message = (
                f"sasl.mechanism {mechanism} needs a user and a password (a reference: "
                f"{' or '.join(SCHEMES)}), or sasl.jaas.config with both"
            )
            raise KafkaConfigError(message)

    @property
    def protocol(self) -> str:
        return self.properties.get("security.protocol", "PLAINTEXT").upper()

    @property
    def mechanism(self) -> str | None:
        return self.properties.get("sasl.mechanism")

    def _login(self) -> Login:
        config = self.properties.get("sasl.jaas.config")
        jaas = jaas_login(config) if config is not None else Login(None, None)
        return Login(
            self.username or self.properties.get("sasl.username") or jaas.username,
            self.password or self.properties.get("sasl.password") or jaas.password,
        )

    @property
    def _by_google(self) -> bool:
        return self.mechanism == "OAUTHBEARER" and not any(
            name in self.properties
            for name in ("sasl.oauthbearer.token.endpoint.url", "sasl.oauthbearer.method")
        )

    def client_config(self, client: str | None = None) -> dict[str, object]:
        """A configuration of confluent_kafka's clients; secrets are read now.

        Args:
            client: kafka_properties.CONSUMER or PRODUCER leaves out the other's properties, ANY
                those of both.

        Raises KafkaConfigError, SecretError.
        """
        config: dict[str, object] = {
            "bootstrap.servers": self.brokers,
            "reconnect.backoff.ms": RECONNECT_MS,
            "reconnect.backoff.max.ms": RECONNECT_MAX_MS,
            "logger": QUIET,
        }
        for name, value, secret in librdkafka_properties(self.properties, client):
            config[name] = read_secret(value) if secret else value
        config["security.protocol"] = self.protocol
        login = self._login()
        if self.mechanism in _BY_PASSWORD and login.username and login.password:
            config["sasl.username"] = login.username
            config["sasl.password"] = read_secret(login.password)
        if self._by_google:
            config["oauth_cb"] = google_token
        elif self.mechanism == "OAUTHBEARER":
            config.setdefault("sasl.oauthbearer.method", "oidc")
        return config

    def java_config(self) -> dict[str, str]:
        """A configuration of Java's clients, for KafkaIO; secrets are read now and stand in it.

        Raises KafkaConfigError, SecretError.
        """
        config = {
            name: value
            for name, value in self.properties.items()
            if name not in ("sasl.username", "sasl.password", "sasl.jaas.config", *_TO_JAVA)
        }
        config["bootstrap.servers"] = self.brokers
        if "ssl.ca.location" in self.properties:
            config["ssl.truststore.type"] = "PEM"
            config["ssl.truststore.location"] = self.properties["ssl.ca.location"]
        if "ssl.certificate.location" in self.properties:
            config["ssl.keystore.type"] = "PEM"
            config["ssl.keystore.certificate.chain"] = _text(
                self.properties["ssl.certificate.location"]
            )
            config["ssl.keystore.key"] = _text(self.properties.get("ssl.key.location", ""))
        for name in SECRET_NAMES & config.keys():
            config[name] = read_secret(config[name])
        if self.mechanism in _JAVA_MODULES:
            config["sasl.jaas.config"] = self._jaas()
        if self._by_google:
            config["sasl.login.callback.handler.class"] = GOOGLE_LOGIN
        return config

    def _jaas(self) -> str:
        login = self._login()
        module = _JAVA_MODULES[str(self.mechanism)]
        if self.mechanism not in _BY_PASSWORD or not login.username or not login.password:
            return f"{module} required;"
        user, password = (_quoted(text) for text in (login.username, read_secret(login.password)))
        return f"{module} required username={user} password={password};"

    def __str__(self) -> str:
        return f"Kafka at {self.brokers}"

    def describe(self) -> str:
        """Address and security for people; no secret."""
        if self.protocol == "PLAINTEXT":
            return f"{self}, not encrypted, no user"
        login = self._login()
        who = f", {self.mechanism}" if self.mechanism else ""
        who += " with Google's token" if self._by_google else ""
        return f"{self}, {self.protocol}{who}{f' as {login.username}' if login.username else ''}"


_TO_JAVA = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "debug")


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        message = f"{path!r}: {error}; expected the client's certificate and key as PEM files"
        raise KafkaConfigError(message) from error


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
