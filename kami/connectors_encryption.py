"""Fields that Connect encrypts before they reach Kafka: kryptonite's transformation CipherField."""

from __future__ import annotations

import json
from collections.abc import Sequence

import yaml

from kami.config_nodes import Node, refusal
from kami.connectors import Value
from kami.connectors_references import secret_of, setting_of, text_of
from kami.connectors_tables import TableName, quoted, table_name

CIPHER_FIELD = "com.github.hpgrahsl.kafka.connect.transforms.kryptonite.CipherField$Value"
TOPIC_MATCHES = "org.apache.kafka.connect.transforms.predicates.TopicNameMatches"
KEYS = ("fields", "keysets", "key", "algorithm", "class", "config")
_FIELD_KEYS = ("key", "algorithm")
SIDES = ("before", "after")
"""The parts of a change that hold rows."""


def encryption(
    node: Node, tables: Sequence[TableName], schema: str | None, prefix: str
) -> dict[str, Value]:
    """The settings of a transformation for each table with such fields.

    `fields` says TABLE -> its fields: a list of names, or name -> its own `key` and `algorithm`.

    Raises:
        ConfigurationError: something cannot be used; the message starts with its place.
    """
    keys = node.mapping(KEYS)
    keysets, config = keys.optional("keysets"), keys.optional("config")
    every: dict[str, Value] = {
        "type": _text(keys.optional("class"), CIPHER_FIELD),
        "cipher_mode": "ENCRYPT",
        "cipher_data_key_identifier": text_of(keys.required("key")),
        "cipher_algorithm": _text(keys.optional("algorithm"), "TINK/AES_GCM"),
        # Nothing else reaches the fields of a row: a row is an element of the change.
        "field_mode": "ELEMENT",
    }
    if keysets:
        every["cipher_data_keys"] = secret_of(keysets)
    if config:
        for name, given in config.members().items():
            every[name] = setting_of(name, given)
    if keysets is None and every.get("key_source", "CONFIG") in ("CONFIG", "CONFIG_ENCRYPTED"):
        message = (
            "`keysets` is missing: a reference to the keysets, such as "
            "${file:/etc/secrets/keysets.properties:keysets}; without one, `config` says "
            "`key_source: KMS`"
        )
        raise refusal(node, message)
    settings: dict[str, Value] = {}
    names: list[str] = []
    for text, fields in keys.required("fields").members().items():
        table = table_name(text, schema)
        if isinstance(table, str) or table not in tables:
            message = table if isinstance(table, str) else f"{text!r} is none of `tables`"
            raise refusal(fields, message)
        # Neither is shared by two tables, whatever their names are.
        names.append(f"encrypt{len(names) + 1}")
        transform, predicate = f"transforms.{names[-1]}", f"predicates.{names[-1]}"
        for name, value in every.items():
            settings[f"{transform}.{name}"] = value
        settings[f"{transform}.field_config"] = json.dumps(_fields(fields))
        settings[f"{transform}.predicate"] = names[-1]
        settings[f"{predicate}.type"] = TOPIC_MATCHES
        settings[f"{predicate}.pattern"] = quoted(table.topic(prefix))
    settings["transforms"] = settings["predicates"] = ",".join(names)
    # CipherField takes no record without a value: the task would stop at the first deleted row.
    settings["tombstones.on.delete"] = "false"
    return settings


def _fields(node: Node) -> list[dict[str, str]]:
    """kryptonite's field_config: each field before and after the change, and what it is in."""
    options: dict[str, dict[str, str]] = {}
    if isinstance(node.node, yaml.MappingNode):
        for name, given in node.members().items():
            own = given.mapping(_FIELD_KEYS)
            key, algorithm = own.optional("key"), own.optional("algorithm")
            options[name] = {
                **({"keyId": text_of(key)} if key else {}),
                **({"algorithm": text_of(algorithm)} if algorithm else {}),
            }
    else:
        options = {name: {} for name in node.texts()}
    # A field is found if all that it is in is named too; else it would stay as it is, unencrypted.
    parents = dict.fromkeys(
        ".".join([side, *name.split(".")[:depth]])
        for side in SIDES
        for name in options
        for depth in range(name.count(".") + 1)
    )
    return [
        *({"name": parent} for parent in parents),
        *({"name": f"{side}.{name}", **own} for side in SIDES for name, own in options.items()),
    ]


def _text(node: Node | None, default: str) -> str:
    return text_of(node) if node else default
