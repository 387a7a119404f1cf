"""Debezium's connectors for MySQL, MariaDB and PostgreSQL: all of their settings."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from kami.config_nodes import Mapping, Node, refusal
from kami.connectors import Definition, Signals, Value
from kami.connectors_encryption import encryption
from kami.connectors_references import OwnSecret, secret_of, text_of
from kami.connectors_settings import BINLOG, POSTGRESQL, SOURCE, values
from kami.connectors_shared import Shared, override
from kami.connectors_tables import TableName, include_list, quoted, table_name

CLASSES = {
    "mysql": "io.debezium.connector.mysql.MySqlConnector",
    "mariadb": "io.debezium.connector.mariadb.MariaDbConnector",
    "postgresql": "io.debezium.connector.postgresql.PostgresConnector",
}
KEYS = (
    *("name", "type", "host", "port", "user", "password", "tls", "database", "tables"),
    *("exclude_columns", "keys", "prefix", "server_id", "slot", "publication", "snapshot"),
    *("heartbeat", "signals", "topics", "encrypt", "god_view", "config"),
)
_BINLOG_ALONE = ("server_id",)
_POSTGRESQL_ALONE = ("slot", "publication")
_PORTS = {"mysql": "3306", "mariadb": "3306", "postgresql": "5432"}
_SNAPSHOTS = ("initial", "initial_only", "no_data", "when_needed", "always", "recovery")
_TLS = {
    "mysql": ("disabled", "preferred", "required", "verify_ca", "verify_identity"),
    "mariadb": ("disable", "trust", "verify-ca", "verify-full"),
    "postgresql": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
}
_LOWEST_SERVER_ID, _SERVER_IDS = 1_000_000, 2**31 - 1_000_000
_LONGEST_SLOT = 63


def debezium(keys: Mapping, kind: str, name: str, shared: Shared) -> Definition:
    """A connector from its keys in the file.

    Raises:
        ConfigurationError: something cannot be used; the message starts with its place.
    """
    _refuse_strangers(keys, kind)
    schema = _database(keys) if kind != "postgresql" else "public"
    tables = [_table(node, schema) for node in keys.required("tables").list()]
    prefix = _text(keys, "prefix", r"[A-Za-z0-9_.-]+", "letters, digits, _ . and -") or name
    signals = _signals(keys, schema)
    captured = list(dict.fromkeys(tables))
    settings: dict[str, Value] = {
        **values(SOURCE),
        **values(POSTGRESQL if kind == "postgresql" else BINLOG),
        "name": name,
        "connector.class": CLASSES[kind],
        "topic.prefix": prefix,
        "database.hostname": text_of(keys.required("host")),
        "database.port": _text(keys, "port", r"\d{1,5}", "a port") or _PORTS[kind],
        "database.user": text_of(keys.required("user")),
        "database.password": secret_of(keys.required("password")),
        "snapshot.mode": _one_of(keys, "snapshot", _SNAPSHOTS) or "initial",
        **shared.converters,
        **shared.topics_of(keys.optional("topics")),
    }
    tls = _one_of(keys, "tls", _TLS[kind])
    if tls:
        settings["database.sslmode" if kind == "postgresql" else "database.ssl.mode"] = tls
    if kind == "postgresql":
        settings.update(_of_postgresql(keys, name))
    else:
        settings.update(_of_binlog(keys, name, prefix, shared))
    beat = keys.optional("heartbeat")
    if beat:
        beating = beat.mapping(("seconds", "table", "query"))
        settings.update(_heartbeat(beating, kind, schema, captured))
    if kind != "postgresql":
        databases = sorted({table.schema for table in captured})
        settings["database.include.list"] = include_list(
            f"(?-i:{quoted(database)})" for database in databases
        )
    by_pattern = {table.pattern: table for table in captured}
    settings["table.include.list"] = include_list(by_pattern)
    settings.update(_columns(keys, captured, schema))
    if signals:
        settings.update(_signal_settings(signals, name, shared, keys))
    encrypt = keys.optional("encrypt")
    if encrypt:
        settings.update(encryption(encrypt, captured, schema, prefix))
    override(settings, keys.optional("config"), set(KEYS))
    _refuse_shared_topics(keys.required("tables"), captured, prefix)
    return Definition(
        name,
        kind,
        settings,
        keys.node.place,
        by_pattern,
        signals,
        god_view=not _is_false(keys.optional("god_view")),
    )


def server_id(name: str) -> int:
    """The number by which a connector is a replica of its server: of its name, so it stays."""
    digest = hashlib.sha256(name.encode()).digest()
    return _LOWEST_SERVER_ID + int.from_bytes(digest[:8], "big") % _SERVER_IDS


def slot_name(name: str) -> str:
    """A replication slot's name: PostgreSQL has lower-case letters, digits and _ in it."""
    return re.sub(r"[^a-z0-9_]", "_", name.lower())[:_LONGEST_SLOT]


def _of_binlog(keys: Mapping, name: str, prefix: str, shared: Shared) -> dict[str, Value]:
    given = _text(keys, "server_id", r"[1-9]\d{0,9}", "a number from 1 to 4294967295")
    history: dict[str, Value] = {
        "database.server.id": given or str(server_id(name)),
        "schema.history.internal.kafka.topic": f"{prefix}.schema-history",
        "schema.history.internal.kafka.bootstrap.servers": shared.brokers(
            keys.node, "the schema history of this connector is a topic"
        ),
    }
    for client in ("producer", "consumer"):
        for key, value in shared.kafka_properties.items():
            history[f"schema.history.internal.{client}.{key}"] = value
    return history


def _of_postgresql(keys: Mapping, name: str) -> dict[str, Value]:
    slot = _text(keys, "slot", r"[a-z0-9_]{1,63}", "up to 63 of a-z, 0-9 and _")
    return {
        "database.dbname": text_of(keys.required("database")),
        "slot.name": slot or slot_name(name),
        "publication.name": _text(keys, "publication", r".{1,63}", "a publication's name")
        or slot
        or slot_name(name),
    }


def _heartbeat(
    keys: Mapping, kind: str, schema: str | None, captured: list[TableName]
) -> dict[str, Value]:
    seconds, place, query = (keys.optional(key) for key in ("seconds", "table", "query"))
    if place and query:
        raise refusal(keys.node, "a heartbeat has either `table` or `query`")
    settings: dict[str, Value] = {}
    if seconds:
        settings["heartbeat.interval.ms"] = str(round(seconds.number() * 1000))
    if query:
        settings["heartbeat.action.query"] = text_of(query)
    if place:
        table = _table(place, schema)
        # What the connector does not capture does not move its offset.
        if table not in captured:
            captured.append(table)
        settings["heartbeat.action.query"] = _BEATS[kind == "postgresql"].format(
            table=table.sql(kind)
        )
    return settings


_BEATS = {
    True: "INSERT INTO {table} (id, beat_at) VALUES (1, now()) "
    "ON CONFLICT (id) DO UPDATE SET beat_at = EXCLUDED.beat_at",
    False: "INSERT INTO {table} (id, beat_at) VALUES (1, now(6)) "
    "ON DUPLICATE KEY UPDATE beat_at = now(6)",
}


def _columns(keys: Mapping, captured: Sequence[TableName], schema: str | None) -> dict[str, Value]:
    settings: dict[str, Value] = {}
    for key, setting in (("exclude_columns", "column.exclude.list"), ("keys", "")):
        node = keys.optional(key)
        if node is None:
            continue
        columns = []
        for text, names in node.members().items():
            table = _parsed(names, text, schema)
            if table not in captured:
                raise refusal(names, f"{text!r} is none of `tables`")
            columns.append((table, names.texts()))
        if setting:
            settings[setting] = include_list(
                f"(?-i:{quoted(table.schema)}\\.{quoted(table.name)}\\.{quoted(name)})"
                for table, names_of in columns
                for name in names_of
            )
        else:
            settings["message.key.columns"] = ";".join(
                f"{table.key_pattern}:{','.join(names_of)}" for table, names_of in columns
            )
    return settings


def _signals(keys: Mapping, schema: str | None) -> Signals | None:
    node = keys.optional("signals")
    if node is None:
        return None
    found = node.mapping(("table", "topic", "url"))
    table, topic, url = (found.optional(key) for key in ("table", "topic", "url"))
    if table is None and topic is None:
        raise refusal(node, "`signals` needs `table`, or `topic`, or both")
    return Signals(
        _table(table, schema) if table else None,
        text_of(topic) if topic else None,
        OwnSecret(url, address=True) if url else None,
    )


def _signal_settings(
    signals: Signals, name: str, shared: Shared, keys: Mapping
) -> dict[str, Value]:
    settings: dict[str, Value] = {}
    channels = []
    if signals.table:
        channels.append("source")
        settings["signal.data.collection"] = f"{signals.table.schema}.{signals.table.name}"
    if signals.topic:
        channels.append("kafka")
        settings["signal.kafka.topic"] = signals.topic
        settings["signal.kafka.groupId"] = f"{name}-signals"
        # By default it looks for 0.1 s every 5 s, and takes half a minute to get to its topic.
        settings["signal.kafka.poll.timeout.ms"] = settings["signal.poll.interval.ms"] = "1000"
        settings["signal.kafka.bootstrap.servers"] = shared.brokers(
            keys.node, "the signals of this connector come by a topic"
        )
        for key, value in shared.kafka_properties.items():
            settings[f"signal.consumer.{key}"] = value
    settings["signal.enabled.channels"] = ",".join(channels)
    return settings


def _refuse_shared_topics(node: Node, tables: Sequence[TableName], prefix: str) -> None:
    topics: dict[str, TableName] = {}
    for table in tables:
        other = topics.setdefault(table.topic(prefix), table)
        if other != table:
            message = (
                f"the tables {str(other)!r} and {str(table)!r} would both be in the topic "
                f"{table.topic(prefix)!r}; capture one of them with another connector"
            )
            raise refusal(node, message)


def _refuse_strangers(keys: Mapping, kind: str) -> None:
    strangers = _BINLOG_ALONE if kind == "postgresql" else _POSTGRESQL_ALONE
    for key in strangers:
        node = keys.optional(key)
        if node:
            raise refusal(node, f"a connector of type {kind!r} has no {key!r}; take it away")


def _database(keys: Mapping) -> str | None:
    node = keys.optional("database")
    return text_of(node) if node else None


def _table(node: Node, schema: str | None) -> TableName:
    return _parsed(node, text_of(node), schema)


def _parsed(node: Node, text: str, schema: str | None) -> TableName:
    table = table_name(text, schema)
    if isinstance(table, str):
        raise refusal(node, table)
    return table


def _text(keys: Mapping, key: str, pattern: str, expected: str) -> str | None:
    node = keys.optional(key)
    if node is None:
        return None
    text = text_of(node)
    if not re.fullmatch(pattern, text):
        raise refusal(node, f"{key!r} is {text!r}; expected {expected}")
    return text


def _one_of(keys: Mapping, key: str, known: Sequence[str]) -> str | None:
    return _text(keys, key, "|".join(known), f"one of {', '.join(known)}")


def _is_false(node: Node | None) -> bool:
    if node is None:
        return False
    text = text_of(node)
    if text not in ("true", "false"):
        raise refusal(node, f"expected true or false, found {text!r}")
    return text == "false"
