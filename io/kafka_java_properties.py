"""The properties of a table for Java's consumers, as KafkaIO takes them.

A table may have Java's names or librdkafka's; what this project's own reader takes, Java gets in
its own words, and what is librdkafka's alone is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pipeline_io.kafka_errors import KafkaConfigError
from pipeline_io.kafka_google_token import GOOGLE_LOGIN
from pipeline_io.kafka_properties import (
    ANY,
    CONSUMER,
    HANDLER,
    PROPERTIES,
    Login,
    store_type,
)

_KAFKA = "org.apache.kafka.common.security"
MODULES: Mapping[str, str] = {
    "PLAIN": f"{_KAFKA}.plain.PlainLoginModule",
    "SCRAM-SHA-256": f"{_KAFKA}.scram.ScramLoginModule",
    "SCRAM-SHA-512": f"{_KAFKA}.scram.ScramLoginModule",
    "OAUTHBEARER": f"{_KAFKA}.oauthbearer.OAuthBearerLoginModule",
}
"""Java's login modules by sasl.mechanism."""
TOKEN_LOGIN = f"{_KAFKA}.oauthbearer.OAuthBearerLoginCallbackHandler"
"""What asks the endpoint of sasl.oauthbearer.token.endpoint.url for a token."""
TOKEN_LOGINS = (TOKEN_LOGIN, f"{_KAFKA}.oauthbearer.secured.OAuthBearerLoginCallbackHandler")
"""The same by its name of today and of before Kafka 4."""

_EXTENSIONS = "sasl.oauthbearer.extensions"
_JAVAS_NAMES = {"socket.timeout.ms": "request.timeout.ms"}
_LOGIN = {
    "sasl.oauthbearer.client.id": "clientId",
    "sasl.oauthbearer.client.secret": "clientSecret",
    "sasl.oauthbearer.scope": "scope",
}
"""What stands in sasl.jaas.config in Java."""
_LIBRDKAFKAS_ALONE = {
    *("debug", "broker.address.family", "socket.keepalive.enable"),
    "sasl.oauthbearer.method",
    *("queued.max.messages.kbytes", "queued.min.messages", "fetch.queue.backoff.ms"),
    *("ssl.ca.location", "ssl.certificate.location", "ssl.key.location"),
    "enable.ssl.certificate.verification",
    *_LOGIN,
    _EXTENSIONS,
}

_CHAIN, _KEY = "ssl.keystore.certificate.chain", "ssl.keystore.key"
_TRUSTED = "ssl.truststore.certificates"


def java_properties(properties: Mapping[str, str]) -> Iterator[tuple[str, str, bool]]:
    """Yields (Java's name, value, whether the value refers to a secret), without the login.

    Files of certificates are read now and stand in the values, so that no worker needs them. A key
    that has a file of its own is a secret of that file; a key store stays a file of the workers.

    Raises KafkaConfigError for what Java's clients cannot do, and for files that cannot be read.
    """
    if properties.get("enable.ssl.certificate.verification", "true").lower() != "true":
        message = (
            "enable.ssl.certificate.verification = 'false' is not taken by KafkaIO: Java's clients "
            "always check the broker's certificate; give ssl.truststore.location the authority's "
            "PEM file"
        )
        raise KafkaConfigError(message)
    for name, value in properties.items():
        known = PROPERTIES.get(name)
        if known is None or known.client not in (ANY, CONSUMER) or name in _LIBRDKAFKAS_ALONE:
            continue
        # What switches the check of the name off: librdkafka's word, and Java's.
        none = name == "ssl.endpoint.identification.algorithm" and value == "none"
        yield _JAVAS_NAMES.get(name, name), "" if none else value, known.secret
    yield from _trusted(properties)
    yield from _shown(properties)


def _trusted(properties: Mapping[str, str]) -> Iterator[tuple[str, str, bool]]:
    path = properties.get("ssl.ca.location")
    if path is None and (path := properties.get("ssl.truststore.location")) is not None:
        store_type("ssl.truststore", properties, path, ("PEM",))
    if path is not None:
        yield _TRUSTED, _text(path, "the authorities' certificates"), False
    if path is not None or _TRUSTED in properties:
        # Its default is JKS, whatever the certificates are.
        yield "ssl.truststore.type", "PEM", False


def _shown(properties: Mapping[str, str]) -> Iterator[tuple[str, str, bool]]:
    """The client's own certificate and key."""
    store = properties.get("ssl.keystore.location")
    if store is not None:
        kind = store_type("ssl.keystore", properties, store, ("PEM", "PKCS12"))
        yield "ssl.keystore.location", store, False
        yield "ssl.keystore.type", kind, False
        # Java refuses one with PEM, where the key alone has a password.
        if kind != "PEM" and (password := properties.get("ssl.keystore.password")):
            yield "ssl.keystore.password", password, True
        return
    certificate = properties.get("ssl.certificate.location")
    if certificate is not None:
        yield _CHAIN, _text(certificate, "the client's certificate"), False
        key = properties.get("ssl.key.location", certificate)
        yield _KEY, f"file://{Path(key).absolute()}", True
    if certificate is not None or _CHAIN in properties:
        yield "ssl.keystore.type", "PEM", False


def _text(path: str, what: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path!r}: {type(error).__name__}: {error}; expected {what} as a PEM file"
        raise KafkaConfigError(message) from error


def java_login(
    properties: Mapping[str, str], login: Login, read: Callable[[str], str], *, by_google: bool
) -> Iterator[tuple[str, str]]:
    """Yields sasl.jaas.config, and the class that logs in where the mechanism needs one.

    Args:
        read: gives the secret of a reference.
        by_google: whether OAUTHBEARER is to show Google's token.
    """
    mechanism = properties.get("sasl.mechanism")
    if mechanism == "GSSAPI" and "sasl.jaas.config" in properties:
        yield "sasl.jaas.config", properties["sasl.jaas.config"]
    if mechanism is None or mechanism not in MODULES:
        return
    values: dict[str, str] = {}
    if mechanism == "OAUTHBEARER":
        own = properties.get(HANDLER)
        yield HANDLER, own or (GOOGLE_LOGIN if by_google else TOKEN_LOGIN)
        for name, key in _LOGIN.items():
            if (value := properties.get(name)) is not None:
                values[key] = read(value) if PROPERTIES[name].secret else value
        for extension in filter(None, properties.get(_EXTENSIONS, "").split(",")):
            key, _, value = extension.partition("=")
            values[f"extension_{key.strip()}"] = value.strip()
    elif login.username and login.password:
        values = {"username": login.username, "password": read(login.password)}
    given = "".join(f" {name}={_quoted(value)}" for name, value in values.items())
    yield "sasl.jaas.config", f"{MODULES[mechanism]} required{given};"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
