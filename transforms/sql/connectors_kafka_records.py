"""The options about records of Kafka, be they read from a topic or from a recording of one."""

from __future__ import annotations

from transforms.sql.connectors import SOURCE_FORMATS, Option

RECORD_OPTIONS = (
    Option(
        "value.format",
        "how a record's value is read",
        default="debezium-avro-confluent",
        choices=SOURCE_FORMATS,
    ),
    Option(
        "debezium.deletes",
        "which columns a delete has: all that `before` holds, or the primary key's alone; "
        "PostgreSQL fills the others with made-up values unless REPLICA IDENTITY is FULL",
        default="before",
        choices=("before", "key"),
    ),
)
