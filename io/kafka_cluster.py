"""A Kafka cluster: its address, its security, and the configurations of clients for it."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping

from pipeline_io.kafka_errors import KafkaConfigError, did_you_mean
from pipeline_io.kafka_google_token import GOOGLE_LOGIN, google_token
from pipeline_io.kafka_java_properties import TOKEN_LOGINS, java_login, java_properties
from pipeline_io.kafka_properties import (
    HANDLER,
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
    def password_reference(self) -> str | None:
        """Of the secret that holds the password which is shown to the brokers, if one is."""
        return self._login().password if self.mechanism in _BY_PASSWORD else None

    @property
    def _by_google(self) -> bool:
        if self.mechanism != "OAUTHBEARER" or self.properties.get(HANDLER) in TOKEN_LOGINS:
            return False
        names = ("sasl.oauthbearer.token.endpoint.url", "sasl.oauthbearer.method")
        return not any(name in self.properties for name in names)

    @property
    def needs_java(self) -> bool:
        """Whether a class of Java logs in that this project knows nothing of."""
        handler = self.properties.get(HANDLER, GOOGLE_LOGIN)
        return self.mechanism == "OAUTHBEARER" and handler not in (GOOGLE_LOGIN, *TOKEN_LOGINS)

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
        if self.needs_java:
            message = (
                f"{HANDLER} is {self.properties[HANDLER]!r}, a class of Java's clients; leave it "
                "out to show Google's token, or have KafkaIO read (--kafka_reader=java)"
            )
            raise KafkaConfigError(message)
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

    def java_config(self, secret: Callable[[str], str] = read_secret) -> dict[str, str]:
        """A configuration of Java's clients, for KafkaIO.

        Args:
            secret: what stands for a reference; by default the secret itself, which is read now.

        Raises KafkaConfigError, SecretError.
        """
        config = {"bootstrap.servers": self.brokers}
        for name, value, is_secret in java_properties(self.properties):
            config[name] = secret(value) if is_secret else value
        config["security.protocol"] = self.protocol
        login = self._login()
        config.update(java_login(self.properties, login, secret, by_google=self._by_google))
        return config

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
