"""What all connectors of a file share: brokers, converters with the registry, new topics."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping as MappingOf
from collections.abc import Set as AbstractSet

from kami.config_nodes import Mapping, Node, refusal
from kami.connectors import Value
from kami.connectors_references import OwnSecret, Secret, secret_of, setting_of, text_of

AVRO = "io.confluent.connect.avro.AvroConverter"
TOPIC_KEYS = ("partitions", "replication", "config")
_DEFAULT = "topic.creation.default."


@dataclasses.dataclass(frozen=True)
class Shared:
    """The parts of the file beside `connectors`.

    Args:
        client: of kami's own producer, as librdkafka names its settings.
        converters: settings of Avro's converters; none without `registry`: the worker's count.
        topics: the node of `topics`.
    """

    bootstrap: str | None
    kafka_properties: MappingOf[str, Value]
    converters: MappingOf[str, Value]
    topics: Node | None
    client: MappingOf[str, OwnSecret] = dataclasses.field(default_factory=dict)

    def brokers(self, node: Node, why: str) -> str:
        """The brokers, for something that cannot be without them."""
        if self.bootstrap is None:
            raise refusal(node, f"{why}: add `kafka: {{brokers: HOST:PORT}}` to the file")
        return self.bootstrap

    def topics_of(self, own: Node | None) -> dict[str, Value]:
        """How Connect makes topics that are missing: a connector's own keys win."""
        settings: dict[str, Value] = {
            # The broker's defaults.
            f"{_DEFAULT}partitions": "-1",
            f"{_DEFAULT}replication.factor": "-1",
            # Debezium's history is told by records that a compacted topic would drop.
            f"{_DEFAULT}cleanup.policy": "delete",
        }
        for node in (self.topics, own):
            if node is not None:
                settings.update(_topics(node.mapping(TOPIC_KEYS)))
        return settings


def shared(keys: Mapping) -> Shared:
    """Reads `kafka`, `registry` and `topics`.

    Raises:
        ConfigurationError: something cannot be used; the message starts with its place.
    """
    kafka, registry = keys.optional("kafka"), keys.optional("registry")
    bootstrap: str | None = None
    properties: dict[str, Value] = {}
    client: dict[str, OwnSecret] = {}
    if kafka:
        found = kafka.mapping(("brokers", "properties", "client"))
        bootstrap = text_of(found.required("brokers"))
        given = found.optional("properties")
        if given:
            properties = {key: setting_of(key, node) for key, node in given.members().items()}
        own = found.optional("client")
        if own:
            client = {key: OwnSecret(node) for key, node in own.members().items()}
    topics = keys.optional("topics")
    if topics:
        # What is wrong in it is told once, where it stands.
        _topics(topics.mapping(TOPIC_KEYS))
    converters = _converters(registry) if registry else {}
    return Shared(bootstrap, properties, converters, topics, client)


def override(
    settings: dict[str, Value], config: Node | None, keys_of_kami: AbstractSet[str]
) -> None:
    """Lets the settings in `config` win.

    Raises:
        ConfigurationError: a setting is refused here: another key of the file says it.
    """
    if config is None:
        return
    for key, node in config.members().items():
        if key in ("name", "connector.class"):
            hint = "name" if key == "name" else "type"
            raise refusal(node, f"{key!r} is not taken here; the key `{hint}` says it")
        if key in keys_of_kami:
            raise refusal(
                node, f"{key!r} is a key of the connector itself; move it out of `config`"
            )
        value = setting_of(key, node)
        if key in ("transforms", "predicates") and settings.get(key):
            # Those that encrypt stay, and come first: they know their tables by the topics.
            value = f"{settings[key]},{value}"
        settings[key] = value


def _topics(keys: Mapping) -> dict[str, Value]:
    settings: dict[str, Value] = {}
    for key, setting in (("partitions", "partitions"), ("replication", "replication.factor")):
        node = keys.optional(key)
        if node:
            count = node.count()
            if count == 0:
                raise refusal(node, f"expected a number of 1 or more for {key!r}, found '0'")
            settings[_DEFAULT + setting] = str(count)
    config = keys.optional("config")
    if config:
        for name, node in config.members().items():
            settings[_DEFAULT + name] = setting_of(name, node)
    return settings


def _converters(node: Node) -> dict[str, Value]:
    keys = node.mapping(("url", "username", "password"))
    username, password = keys.optional("username"), keys.optional("password")
    if (username is None) != (password is None):
        raise refusal(node, "`username` and `password` of a registry stand together")
    settings: dict[str, Value] = {}
    for side in ("key", "value"):
        settings[f"{side}.converter"] = AVRO
        registry = f"{side}.converter.schema.registry.url"
        settings[registry] = text_of(keys.required("url"))
        if username and password:
            source = f"{side}.converter.basic.auth.credentials.source"
            settings[source] = "USER_INFO"
            settings[f"{side}.converter.basic.auth.user.info"] = _pair(username, password)
    return settings


def _pair(username: Node, password: Node) -> Value:
    secret = secret_of(password)
    if isinstance(secret, Secret):
        return dataclasses.replace(
            secret, written=f"{text_of(username)}:{secret.written}", before=f"{text_of(username)}:"
        )
    return f"{text_of(username)}:{secret}"
