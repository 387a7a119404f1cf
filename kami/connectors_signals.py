"""Asks a connector for an incremental snapshot: the rows of tables that it has not read yet."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence

import sqlalchemy
import sqlalchemy.exc
from sqlalchemy.engine import make_url

from kami.connectors import Connectors, Definition
from kami.errors import ConfigurationError, UnreachableError

_SECONDS = 30
_DRIVERS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "postgresql": "postgresql+psycopg",
}


def snapshot_request(definition: Definition, patterns: Sequence[str]) -> str:
    """What a signal says: JSON.

    Args:
        patterns: of tables, as `table.include.list` has them.
    """
    tables = [definition.tables.get(pattern) for pattern in patterns]
    named = [
        pattern if table is None else table.collection
        for pattern, table in zip(patterns, tables, strict=True)
    ]
    return json.dumps({"data-collections": named, "type": "incremental"})


def by_hand(definition: Definition, patterns: Sequence[str]) -> str:
    """How a person asks for the snapshot."""
    request, signals = snapshot_request(definition, patterns), definition.signals
    if signals is not None and signals.table is not None:
        table = signals.table.sql(definition.kind)
        # Both databases take '' for a quote; MySQL reads a backslash as the start of a sign.
        text = request.replace("'", "''")
        if definition.kind != "postgresql":
            text = text.replace("\\", "\\\\")
        return (
            f"INSERT INTO {table} (id, type, data) "  # noqa: S608
            f"VALUES ('{uuid.uuid4()}', 'execute-snapshot', '{text}')"
        )
    if signals is not None:
        value = {"id": str(uuid.uuid4()), "type": "execute-snapshot", "data": json.loads(request)}
        return (
            f"a record in the topic {signals.topic!r} with the key {definition.topic_prefix!r} "
            f"and the value {json.dumps(value)}"
        )
    return "`signals` with `table` or `topic`, which this connector does not have yet"


def ask_for_snapshot(
    definition: Definition, patterns: Sequence[str], connectors: Connectors
) -> str:
    """Sends the signal; returns where it went.

    Raises:
        ConfigurationError: the connector has no signals, or none that kami can send.
        UnreachableError: the database or the brokers do not take it.
    """
    signals = definition.signals
    if signals is not None and signals.table is not None and signals.url is not None:
        _insert(definition, signals.url.resolved(), patterns)
        return f"the table {signals.table}"
    if signals is not None and signals.topic is not None and connectors.brokers is not None:
        client = {key: value.resolved() for key, value in connectors.kafka.items()}
        client["bootstrap.servers"] = connectors.brokers
        _produce(definition, signals.topic, patterns, client)
        return f"the topic {signals.topic}"
    message = (
        f"{definition.place}: kami cannot send a signal to {definition.name!r}; add `signals` with "
        "`table` and `url`, the database's address from here, or with `topic`"
    )
    raise ConfigurationError(message)


def _insert(definition: Definition, url: str, patterns: Sequence[str]) -> None:
    assert definition.signals is not None  # noqa: S101
    assert definition.signals.table is not None  # noqa: S101
    table = definition.signals.table.sql(definition.kind)
    try:
        address = make_url(url)
        address = address.set(drivername=_DRIVERS.get(address.drivername, address.drivername))
        engine = sqlalchemy.create_engine(
            address, poolclass=sqlalchemy.NullPool, connect_args={"connect_timeout": _SECONDS}
        )
    except (sqlalchemy.exc.ArgumentError, ValueError, ModuleNotFoundError) as error:
        # SQLAlchemy's error may hold the address, and with it a password.
        message = (
            f"{definition.place}: `url` of `signals` is no address that can be used "
            f"({type(error).__name__}); expected such as postgresql+psycopg://USER:PASSWORD@HOST/DB"
        )
        raise ConfigurationError(message) from None
    statement = f"INSERT INTO {table} (id, type, data) VALUES (%s, 'execute-snapshot', %s)"  # noqa: S608
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(
                statement, (str(uuid.uuid4()), snapshot_request(definition, patterns))
            )
    except sqlalchemy.exc.DBAPIError as error:
        message = (
            f"the signal for {definition.name!r} cannot be written into {definition.signals.table} "
            f"at {address.render_as_string(hide_password=True)}: {error.orig}; it has the columns "
            "id VARCHAR(42), type VARCHAR(32) and data VARCHAR(2048), and the user of `url` may "
            "insert"
        )
        raise UnreachableError(message) from error


def _produce(
    definition: Definition, topic: str, patterns: Sequence[str], kafka: Mapping[str, str]
) -> None:
    from confluent_kafka import KafkaException, Producer

    value = {
        "id": str(uuid.uuid4()),
        "type": "execute-snapshot",
        "data": json.loads(snapshot_request(definition, patterns)),
    }
    refused: list[str] = []
    try:
        producer = Producer({**kafka, "message.timeout.ms": _SECONDS * 1000})
        producer.produce(
            topic,
            # The connector reads the records of its own prefix.
            key=definition.topic_prefix,
            value=json.dumps(value),
            on_delivery=lambda error, _: refused.append(str(error)) if error else None,
        )
        left = producer.flush(_SECONDS + 5)
    except KafkaException as error:
        refused, left = [str(error)], 0
    if refused or left:
        message = (
            f"the signal for {definition.name!r} cannot be written into the topic {topic!r}: "
            f"{refused[0] if refused else 'the brokers do not answer'}; check `brokers` and "
            "`client` of `kafka`"
        )
        raise UnreachableError(message)
