"""Reads a file of topics, and says line and column of what is wrong in it."""

from __future__ import annotations

from collections.abc import Mapping as Map
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from kami.config_nodes import Mapping, Node, refusal
from kami.errors import ConfigurationError
from kami.kafka_secret import reference, secret_text
from kami.topics_file_access import read_acls, read_groups, read_users
from kami.topics_wanted import Managed, Wanted, WantedTopic

KEYS = ("brokers", "client", "manage", "defaults", "topics", "acls", "users", "groups")
MANAGE_KEYS = ("topics", "acls", "users", "exclude")
DEFAULT_KEYS = ("partitions", "replication_factor", "configs")
TOPIC_KEYS = ("name", "partitions", "replication_factor", "configs", "keyed")
TOPIC_NAME = r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}"
_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")
_SECRET = (
    "sasl.password",
    "sasl.oauthbearer.client.secret",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
)
"""Properties that stand in no file as they are."""


def read_wanted(path: Path) -> Wanted:
    """What a YAML file asks for.

    Raises:
        ConfigurationError: the file cannot be read, or something in it cannot be used; the message
            starts with the file, the line and the column.
    """
    return _wanted(_keys(path), path)


class Connection(NamedTuple):
    """Where a cluster is: as a file says it, and as it is used."""

    written: dict[str, Any]
    wanted: Wanted


def read_connection(path: Path) -> Connection:
    """The brokers and the client of a YAML file, references as they are. Raises as above."""
    keys = _keys(path)
    both = {
        name: node for name in ("brokers", "client") if (node := keys.optional(name)) is not None
    }
    wanted = _wanted(Mapping(keys.node, both), path)
    constructor = yaml.SafeLoader("")
    written = {
        name: constructor.construct_object(node.node, deep=True) for name, node in both.items()
    }
    return Connection(written, wanted)


def _keys(path: Path) -> Mapping:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = (
            f"the file of topics {str(path)!r} cannot be read ({type(error).__name__}); write it, "
            "or name another with --file"
        )
        raise ConfigurationError(message) from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        message = f"{place}: this is no YAML: {error.problem}"
        raise ConfigurationError(message) from error
    except yaml.YAMLError as error:
        message = f"{path}: this is no YAML: {error}"
        raise ConfigurationError(message) from error
    if root is None:
        message = f"{path}:1:1: the file is empty; it needs the key `brokers` and what to manage"
        raise ConfigurationError(message)
    return Node(path, root).mapping(KEYS)


def _wanted(keys: Mapping, path: Path) -> Wanted:
    brokers, client = keys.required("brokers"), keys.optional("client")
    members = client.members() if client else {}
    for name, node in members.items():
        if name == "bootstrap.servers":
            raise refusal(node, "the brokers' addresses are the key `brokers`, not a property")
    defaults = keys.optional("defaults")
    manage = keys.optional("manage")
    topics = keys.optional("topics")
    return Wanted(
        brokers=_brokers(brokers),
        client={name: _property(name, node) for name, node in members.items()},
        client_places={name: node.place for name, node in members.items()}
        | {"bootstrap.servers": brokers.place},
        manage=_managed(manage.mapping(MANAGE_KEYS)) if manage else Managed(),
        topics=_topics(topics, defaults.mapping(DEFAULT_KEYS) if defaults else None),
        acls=read_acls(keys.optional("acls")),
        users=read_users(keys.optional("users")),
        groups=read_groups(keys.optional("groups")),
        path=path,
    )


def _brokers(node: Node) -> str:
    addresses = [part.strip() for text in node.texts() for part in text.split(",")]
    for address in addresses:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise refusal(node, f"the broker is {address!r}; expected HOST:PORT[,HOST:PORT]")
    return ",".join(addresses)


def _property(name: str, node: Node) -> str:
    if name in _SECRET:
        return reference(node).read()
    if isinstance(node.node, yaml.ScalarNode) and node.node.tag.endswith(":bool"):
        return _true_or_false(node)
    return secret_text(node)


def _managed(keys: Mapping) -> Managed:
    found = {name: keys.optional(name) for name in MANAGE_KEYS}
    return Managed(**{name: node.texts() for name, node in found.items() if node})


def _topics(node: Node | None, defaults: Mapping | None) -> tuple[WantedTopic, ...]:
    found: dict[str, WantedTopic] = {}
    for element in node.list() if node else ():
        topic = _topic(element.mapping(TOPIC_KEYS), defaults)
        if topic.name in found:
            first = found[topic.name].place
            raise refusal(element, f"the topic {topic.name!r} is here twice; first at {first}")
        found[topic.name] = topic
    return tuple(found.values())


def _topic(keys: Mapping, defaults: Mapping | None) -> WantedTopic:
    name = keys.required("name")
    partitions = keys.optional("partitions") or (defaults and defaults.optional("partitions"))
    if not partitions:
        message = "the key 'partitions' is missing here and in `defaults`; say how many"
        raise refusal(keys.node, message)
    factor = keys.optional("replication_factor")
    factor = factor or (defaults.optional("replication_factor") if defaults else None)
    configs = _configs(defaults.optional("configs") if defaults else None)
    configs |= _configs(keys.optional("configs"))
    keyed = keys.optional("keyed")
    return WantedTopic(
        name=name.matching(TOPIC_NAME, "a name of at most 249 letters, digits, '.', '_' and '-'"),
        partitions=_at_least_one(partitions),
        replication_factor=_at_least_one(factor) if factor else None,
        configs=tuple(sorted((name, value) for name, (value, _) in configs.items())),
        keyed=_true_or_false(keyed) == "true" if keyed else True,
        place=keys.node.place,
        places={name: place for name, (_, place) in configs.items()},
    )


def _configs(node: Node | None) -> dict[str, tuple[str | None, str]]:
    """name -> (value, place)."""
    members: Map[str, Node] = node.members() if node else {}
    return {name: (_value(value), value.place) for name, value in members.items()}


def _value(node: Node) -> str | None:
    """A config as Kafka writes it: lists with commas, true and false; None for YAML's null."""
    if isinstance(node.node, yaml.ScalarNode):
        if node.node.tag.endswith(":null"):
            return None
        if node.node.tag.endswith(":bool"):
            return _true_or_false(node)
        # An empty text is a value: a list without elements.
        return node.text() if node.node.value else ""
    return ",".join(node.texts())


def _at_least_one(node: Node) -> int:
    count = node.count()
    if count < 1:
        raise refusal(node, f"expected a whole number of 1 or more, found {count}")
    return count


def _true_or_false(node: Node) -> str:
    written = node.node.value.lower() if isinstance(node.node, yaml.ScalarNode) else ""
    if written in _TRUE:
        return "true"
    if written in _FALSE:
        return "false"
    raise refusal(node, f"expected true or false, found {written or 'a list or keys'!r}")
