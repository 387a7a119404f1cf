"""The properties of Java's Kafka clients, as Flink's `properties.*` give them, for librdkafka."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pipeline_io.kafka_errors import KafkaConfigError, did_you_mean
from pipeline_io.secrets import SCHEMES, is_reference

ANY, CONSUMER, PRODUCER = "any client", "a consumer", "a producer"


class Property(NamedTuple):
    """A property: librdkafka's name of it, which clients it is for, whether it is a secret."""

    name: str
    client: str = ANY
    secret: bool = False


def _same(client: str, *names: str) -> dict[str, Property]:
    return {name: Property(name, client) for name in names}


PROPERTIES: Mapping[str, Property] = {
    **_same(
        ANY,
        *("security.protocol", "sasl.mechanism", "sasl.kerberos.service.name"),
        *("ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.cipher.suites"),
        *("ssl.endpoint.identification.algorithm", "enable.ssl.certificate.verification"),
        *("client.id", "client.dns.lookup", "reconnect.backoff.ms", "reconnect.backoff.max.ms"),
        *("retry.backoff.ms", "metadata.max.age.ms", "connections.max.idle.ms", "debug"),
        *("sasl.oauthbearer.method", "sasl.oauthbearer.scope", "broker.address.family"),
        *("sasl.oauthbearer.extensions", "socket.keepalive.enable", "socket.timeout.ms"),
    ),
    "request.timeout.ms": Property("socket.timeout.ms"),
    "send.buffer.bytes": Property("socket.send.buffer.bytes"),
    "receive.buffer.bytes": Property("socket.receive.buffer.bytes"),
    "sasl.oauthbearer.token.endpoint.url": Property("sasl.oauthbearer.token.endpoint.url"),
    "sasl.oauthbearer.client.id": Property("sasl.oauthbearer.client.id"),
    "sasl.oauthbearer.client.secret": Property("sasl.oauthbearer.client.secret", secret=True),
    "ssl.truststore.certificates": Property("ssl.ca.pem"),
    "ssl.keystore.certificate.chain": Property("ssl.certificate.pem"),
    "ssl.keystore.key": Property("ssl.key.pem", secret=True),
    "ssl.key.password": Property("ssl.key.password", secret=True),
    **_same(
        CONSUMER,
        *("isolation.level", "fetch.min.bytes", "fetch.max.bytes", "max.partition.fetch.bytes"),
        *("session.timeout.ms", "heartbeat.interval.ms", "client.rack", "check.crcs"),
        *("queued.max.messages.kbytes", "queued.min.messages", "fetch.queue.backoff.ms"),
    ),
    "fetch.max.wait.ms": Property("fetch.wait.max.ms", CONSUMER),
    **_same(
        PRODUCER,
        *("acks", "compression.type", "linger.ms", "batch.size", "delivery.timeout.ms"),
        *("enable.idempotence", "retries", "max.in.flight.requests.per.connection"),
        *("queue.buffering.max.kbytes", "queue.buffering.max.messages", "compression.level"),
        *("transaction.timeout.ms", "partitioner"),
    ),
    "max.request.size": Property("message.max.bytes", PRODUCER),
    "message.max.bytes": Property("message.max.bytes", PRODUCER),
}
"""Java's and librdkafka's names of what passes through with its value as it is."""

_STORES = {
    "ssl.truststore.location",
    "ssl.truststore.type",
    "ssl.keystore.location",
    "ssl.keystore.type",
    "ssl.keystore.password",
}
HANDLER = "sasl.login.callback.handler.class"
"""The class of Java that logs in; librdkafka has none."""
_LOGIN = {"sasl.jaas.config", HANDLER, "sasl.username", "sasl.password"}

REFUSED = {
    "bootstrap.servers": "it is given by itself, as the table's brokers",
    "group.id": "it is given by itself, as the group of the source",
    "auto.offset.reset": "it belongs to a source whose start is 'group-offsets'",
    "enable.auto.commit": (
        "offsets are committed when the sinks have the data; committing on a timer loses what "
        "was read and not yet written when the job dies"
    ),
    "auto.commit.interval.ms": "offsets are committed when the sinks have the data",
    "key.deserializer": "records are read as bytes; value.format says what they are",
    "value.deserializer": "records are read as bytes; value.format says what they are",
    "key.serializer": "records are written as bytes; key.format says what they are",
    "value.serializer": "records are written as bytes; value.format says what they are",
    "max.poll.records": "--batch_size says how many records are worked on at a time",
    "ssl.truststore.password": "a PEM file of certificates has none: ssl.truststore.type is PEM",
    "transactional.id": "it is made by the sink itself",
}
_MEANT_ANYWAY = {("enable.auto.commit", "false")}
SECRET_NAMES = {
    *(name for name, known in PROPERTIES.items() if known.secret),
    *("ssl.keystore.password", "sasl.password"),
}


class Login(NamedTuple):
    """User and password; the password is a reference to a secret."""

    username: str | None
    password: str | None


def check_properties(properties: Mapping[str, str]) -> None:
    """Raises KafkaConfigError for a property that is unknown, refused, or a secret in the clear."""
    for name, value in properties.items():
        if (name, value.lower()) in _MEANT_ANYWAY:
            continue
        if name in REFUSED:
            message = f"the Kafka property {name!r} is not taken: {REFUSED[name]}; leave it out"
            raise KafkaConfigError(message)
        if name not in PROPERTIES and name not in _STORES | _LOGIN:
            near = did_you_mean(name, [*PROPERTIES, *_STORES, *_LOGIN])
            message = f"unknown Kafka property {name!r}; {near}"
            raise KafkaConfigError(message)
        if name in SECRET_NAMES and not is_reference(value):
            message = f"the Kafka property {name!r} is given as plain text; {_GIVE_REFERENCE}"
            raise KafkaConfigError(message)
    if "sasl.jaas.config" in properties:
        jaas_login(properties["sasl.jaas.config"])


_GIVE_REFERENCE = f"give a reference: {' or '.join(SCHEMES)}"
_JAAS_PART = re.compile(r"""(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s;"']+))""")


def jaas_login(config: str) -> Login:
    """User and password of Java's sasl.jaas.config. Raises KafkaConfigError, without the text."""
    found = re.match(r"\s*([\w.$]+)\s+(required|requisite|sufficient|optional)\b(.*)", config, re.S)
    if found is None or not config.rstrip().endswith(";"):
        message = (
            "sasl.jaas.config does not fit: expected \"<login module> required username='USER' "
            'password="env://NAME";"'
        )
        raise KafkaConfigError(message)
    values = {
        part[1]: next((re.sub(r"\\(.)", r"\1", group) for group in part.groups()[1:] if group), "")
        for part in _JAAS_PART.finditer(found[3])
    }
    if values.keys() & {"clientId", "clientSecret"}:
        message = (
            "sasl.jaas.config holds clientId or clientSecret; give them as "
            "sasl.oauthbearer.client.id and sasl.oauthbearer.client.secret, and the address as "
            "sasl.oauthbearer.token.endpoint.url"
        )
        raise KafkaConfigError(message)
    password = values.get("password")
    if password is not None and not is_reference(password):
        message = f"sasl.jaas.config holds a password in plain text; {_GIVE_REFERENCE}"
        raise KafkaConfigError(message)
    return Login(values.get("username"), password)


def librdkafka_properties(
    properties: Mapping[str, str], client: str | None
) -> Iterator[tuple[str, str, bool]]:
    """Yields (librdkafka's name, value, whether the value refers to a secret).

    Args:
        client: CONSUMER or PRODUCER leaves out the other's properties, ANY those of both; None
            leaves out nothing.
    """
    for name, value in properties.items():
        known = PROPERTIES.get(name)
        if known is not None and (client is None or known.client in (ANY, client)):
            # librdkafka's only value besides https is the word none.
            none = name == "ssl.endpoint.identification.algorithm" and not value
            yield known.name, "none" if none else value, known.secret
    yield from _stores(properties)


def _stores(properties: Mapping[str, str]) -> Iterator[tuple[str, str, bool]]:
    """Java's trust store and key store: PEM files, or PKCS12 for the key store."""
    trust = properties.get("ssl.truststore.location")
    if trust is not None:
        store_type("ssl.truststore", properties, trust, ("PEM",))
        yield "ssl.ca.location", trust, False
    if "ssl.certificate.location" in properties and "ssl.key.location" not in properties:
        yield "ssl.key.location", properties["ssl.certificate.location"], False
    keys = properties.get("ssl.keystore.location")
    if keys is not None:
        kind = store_type("ssl.keystore", properties, keys, ("PEM", "PKCS12"))
        if kind == "PEM":
            # The file holds the key and the certificates; each is found by its own heading.
            yield "ssl.certificate.location", keys, False
            yield "ssl.key.location", keys, False
        else:
            yield "ssl.keystore.location", keys, False
            if password := properties.get("ssl.keystore.password"):
                yield "ssl.keystore.password", password, True


def store_type(store: str, properties: Mapping[str, str], path: str, known: tuple[str, ...]) -> str:
    """The type of a trust or key store, one of `known`. Raises KafkaConfigError."""
    guess = "PKCS12" if path.endswith((".p12", ".pfx")) else "JKS"
    kind = properties.get(f"{store}.type", "PEM" if path.endswith(".pem") else guess).upper()
    if kind not in known:
        message = (
            f"{store}.location = {path!r} is of type {kind}; expected {' or '.join(known)}: "
            "convert it to PEM (keytool -importkeystore to PKCS12, then openssl pkcs12) and set "
            f"{store}.type to PEM"
        )
        raise KafkaConfigError(message)
    return kind
