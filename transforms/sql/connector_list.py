"""All connectors that a table's WITH clause may name."""

from __future__ import annotations

from transforms.sql import connectors_kafka, connectors_kafka_sink
from transforms.sql.connectors import JSON_OPTIONS, SOURCE_FORMATS, Connector, Option, Role
from transforms.sql.connectors_bigquery import BIGQUERY
from transforms.sql.connectors_jdbc import JDBC
from transforms.sql.connectors_plain import FILESYSTEM, PRINT, RECORDING
from transforms.sql.connectors_pubsub import PUBSUB
from transforms.sql.connectors_spanner import SPANNER
from transforms.sql.connectors_splunk import SPLUNK
from transforms.sql.errors import SqlError, did_you_mean
from transforms.sql.statements import CreateTable

_VALUE_FORMAT = Option(
    "value.format",
    f"how a message's value is read ({', '.join(SOURCE_FORMATS)}) or written "
    f"({', '.join(connectors_kafka_sink.SINK_VALUE_FORMATS)})",
    required=True,
    choices=tuple(dict.fromkeys((*SOURCE_FORMATS, *connectors_kafka_sink.SINK_VALUE_FORMATS))),
)

KAFKA = Connector(
    name="kafka",
    help=connectors_kafka.HELP,
    roles=frozenset({Role.SOURCE, Role.SINK}),
    options=(
        *(
            _VALUE_FORMAT if option.name == _VALUE_FORMAT.name else option
            for option in connectors_kafka.SOURCE_OPTIONS
        ),
        *connectors_kafka_sink.SINK_OPTIONS,
        *JSON_OPTIONS,
    ),
    aliases={
        **connectors_kafka.ALIASES,
        **connectors_kafka_sink.SINK_ALIASES,
        **{f"value.{option.name}": option.name for option in JSON_OPTIONS},
    },
    prefixes=connectors_kafka.PREFIXES,
    messages=True,
)

CONNECTORS: dict[str, Connector] = {
    connector.name: connector
    for connector in (RECORDING, KAFKA, PUBSUB, SPLUNK, BIGQUERY, FILESYSTEM, PRINT, JDBC, SPANNER)
}


def find_connector(table: CreateTable) -> Connector:
    """The connector that the table's WITH clause names; SqlError where there is none."""
    for node in table.args["options"]:
        if node.this.name == "connector":
            found = CONNECTORS.get(node.expression.name)
            if found is None:
                message = (
                    f"unknown connector {node.expression.name!r}; "
                    f"{did_you_mean(node.expression.name, CONNECTORS)}"
                )
                raise SqlError(message, node.expression)
            return found
    message = (
        f"the table {table.this.name!r} names no connector: add WITH ('connector' = '...'); "
        f"{did_you_mean('', CONNECTORS)}"
    )
    raise SqlError(message, table.this)
