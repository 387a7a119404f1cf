"""Reads connectors.yaml, and says line and column of what is wrong in it."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from kami.config_nodes import Mapping, Node, refusal
from kami.connectors import ConnectAddress, Connectors, Definition
from kami.connectors_debezium import CLASSES, debezium
from kami.connectors_debezium import KEYS as DEBEZIUM_KEYS
from kami.connectors_references import OwnSecret, text_of
from kami.connectors_shared import Shared, shared
from kami.connectors_sink import OTHER_KEYS, SINK_KEYS, jdbc_sink, other
from kami.errors import ConfigurationError

KEYS = ("connect", "kafka", "registry", "topics", "connectors")
CONNECT_KEYS = ("url", "username", "password", "ca", "certificate", "key", "owns")
KINDS = (*CLASSES, "jdbc_sink", "other")
_EVERY_KEY = tuple(dict.fromkeys((*DEBEZIUM_KEYS, *SINK_KEYS, *OTHER_KEYS)))
# Each is once on Kafka, or once in its database: the settings that say which, and the key's name.
_ONCE = {
    "topic.prefix": ((), "`prefix`"),
    "schema.history.internal.kafka.topic": ((), "`prefix`"),
    "database.server.id": (("database.hostname", "database.port"), "`server_id`"),
    "slot.name": (("database.hostname", "database.port"), "`slot`"),
}


def read_connectors(path: Path) -> Connectors:
    """The connectors of a YAML file.

    Raises:
        ConfigurationError: the file cannot be read, or something in it cannot be used; the message
            starts with the file, the line and the column.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        message = (
            f"the connectors' file {str(path)!r} cannot be read ({type(error).__name__}); write "
            "it, or name another with --config"
        )
        raise ConfigurationError(message) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        message = f"{place}: this is no YAML: {error.problem}"
        raise ConfigurationError(message) from error
    if root is None:
        message = f"{path}:1:1: the file is empty; it needs the keys `connect` and `connectors`"
        raise ConfigurationError(message)
    keys = Node(path, root).mapping(KEYS)
    connect = _connect(keys.required("connect").mapping(CONNECT_KEYS))
    found = shared(keys)
    definitions: dict[str, Definition] = {}
    for node in keys.required("connectors").list():
        made = _definition(node, found, definitions)
        _refuse_twice(node, made, definitions)
        definitions[made.name] = made
    return Connectors(path, connect, tuple(definitions.values()), found.bootstrap, found.client)


def _connect(keys: Mapping) -> ConnectAddress:
    username, password = keys.optional("username"), keys.optional("password")
    if (username is None) != (password is None):
        raise refusal(keys.node, "`username` and `password` of Connect stand together")
    if password and not re.search(r"\$\{", str(password.node.value)):
        message = "a password stands here itself; write ${NAME} or ${file:///run/secrets/NAME}"
        raise refusal(password, message)
    url = text_of(keys.required("url")).rstrip("/")
    if not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", url):
        message = (
            "`url` is no address of Connect's REST API; expected http://HOST:PORT, with "
            "`username` and `password` beside it"
        )
        raise refusal(keys.required("url"), message)
    files = {
        name: node.beside(node.text()) if (node := keys.optional(name)) else None
        for name in ("ca", "certificate", "key")
    }
    if (files["certificate"] is None) != (files["key"] is None):
        raise refusal(keys.node, "`certificate` and `key` of Connect's client stand together")
    owns = keys.optional("owns")
    return ConnectAddress(
        url,
        username.text() if username else None,
        OwnSecret(password) if password else None,
        owns=owns.texts() if owns else (),
        **files,
    )


def _definition(node: Node, found: Shared, before: dict[str, Definition]) -> Definition:
    keys = node.mapping(_EVERY_KEY)
    name = text_of(keys.required("name"))
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        message = f"the name is {name!r}; expected letters, digits, . _ and -"
        raise refusal(keys.required("name"), message)
    kind = keys.required("type").one_of(KINDS)
    if kind == "jdbc_sink":
        return jdbc_sink(node.mapping(SINK_KEYS), name, found, before)
    if kind == "other":
        return other(node.mapping(OTHER_KEYS), name, found)
    return debezium(node.mapping(DEBEZIUM_KEYS), kind, name, found)


def _refuse_twice(node: Node, made: Definition, before: dict[str, Definition]) -> None:
    if made.name in before:
        raise refusal(node, f"there are two connectors named {made.name!r}")
    for key, (scope, named) in _ONCE.items():
        for earlier in before.values():
            value = made.config.get(key)
            if value is not None and all(
                made.config.get(name) == earlier.config.get(name) for name in (key, *scope)
            ):
                message = (
                    f"{earlier.name!r} and {made.name!r} would both have {key} {value!r}; give "
                    f"one of them another by {named}"
                )
                raise refusal(node, message)
