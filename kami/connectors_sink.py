"""Debezium's JDBC sink, and connectors of any other class: all of their settings."""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingOf

from kami.config_nodes import Mapping, Node, refusal
from kami.connectors import Definition, Value
from kami.connectors_references import secret_of, setting_of, text_of
from kami.connectors_settings import SINK, values
from kami.connectors_shared import Shared, override
from kami.connectors_tables import table_name

SINK_CLASS = "io.debezium.connector.jdbc.JdbcSinkConnector"
SINK_KEYS = (
    "name",
    "type",
    "url",
    "user",
    "password",
    "from",
    "tables",
    "topics",
    "table",
    "config",
)
OTHER_KEYS = ("name", "type", "class", "config")


def jdbc_sink(
    keys: Mapping, name: str, shared: Shared, others: MappingOf[str, Definition]
) -> Definition:
    """A connector that writes topics into tables of a database.

    Args:
        others: the connectors that stand before this one in the file.

    Raises:
        ConfigurationError: something cannot be used; the message starts with its place.
    """
    table = keys.optional("table")
    settings: dict[str, Value] = {
        **values(SINK),
        "name": name,
        "connector.class": SINK_CLASS,
        "connection.url": setting_of("connection.url", keys.required("url")),
        "connection.username": text_of(keys.required("user")),
        "connection.password": secret_of(keys.required("password")),
        "topics": ",".join(_topics(keys, others)),
        "collection.name.format": text_of(table) if table else "${source.table}",
        **shared.converters,
    }
    override(settings, keys.optional("config"), set(SINK_KEYS) - {"topics"})
    return Definition(name, "jdbc_sink", settings, keys.node.place, god_view=False)


def other(keys: Mapping, name: str, shared: Shared) -> Definition:
    """A connector of any class: its settings are those of `config`, and the shared converters.

    Raises:
        ConfigurationError: something cannot be used; the message starts with its place.
    """
    settings: dict[str, Value] = {
        "name": name,
        "connector.class": text_of(keys.required("class")),
        **shared.converters,
    }
    override(settings, keys.required("config"), set())
    return Definition(name, "other", settings, keys.node.place, god_view=False)


def _topics(keys: Mapping, others: MappingOf[str, Definition]) -> list[str]:
    topics, source, tables = (keys.optional(key) for key in ("topics", "from", "tables"))
    if (topics is None) == (source is None):
        raise refusal(keys.node, "a sink has either `topics`, or `from`, a connector of this file")
    if topics is not None:
        if tables:
            raise refusal(tables, "`tables` stands with `from`; `topics` names all of the topics")
        return _named(topics)
    assert source is not None  # noqa: S101
    name = text_of(source)
    if name not in others or not others[name].tables:
        known = ", ".join(other for other in others if others[other].tables) or "none"
        message = (
            f"{name!r} is no Debezium connector that stands before this one in the file; these "
            f"do: {known}"
        )
        raise refusal(source, message)
    origin = others[name]
    captured = list(origin.tables.values())
    chosen = captured
    if tables:
        schemas = {table.schema for table in captured}
        schema = schemas.pop() if len(schemas) == 1 else None
        if origin.kind == "postgresql":
            schema = "public"
        chosen = []
        for node in tables.list():
            table = table_name(text_of(node), schema)
            if isinstance(table, str) or table not in captured:
                message = table if isinstance(table, str) else f"{name!r} does not capture {table}"
                raise refusal(node, message)
            chosen.append(table)
    return [table.topic(origin.topic_prefix) for table in chosen]


def _named(node: Node) -> list[str]:
    found = [text_of(one) for one in node.list()]
    for topic in found:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", topic):
            raise refusal(node, f"{topic!r} is no topic's name: letters, digits, . _ and -")
    return found
