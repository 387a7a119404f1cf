"""Connectors that need no server: recordings, files, the terminal."""

from __future__ import annotations

from transforms.sql.connectors import JSON_OPTIONS, Connector, Option, Role
from transforms.sql.connectors_kafka_records import RECORD_OPTIONS

RECORDING = Connector(
    name="recording",
    help="Kafka records in a folder: records.jsonl and schemas.json.",
    roles=frozenset({Role.SOURCE}),
    options=(
        Option("path", "the folder with records.jsonl and schemas.json", required=True),
        Option("topic", "the topic whose records are read; all topics if it is not given"),
        *RECORD_OPTIONS,
    ),
    aliases={"format": "value.format"},
)

FILESYSTEM = Connector(
    name="filesystem",
    help="One file of JSON lines.",
    roles=frozenset({Role.SINK}),
    options=(
        Option("path", "the file; it is replaced when the job has ended well", required=True),
        Option("format", "the file's format", required=True, choices=("json",)),
        *JSON_OPTIONS,
    ),
)

PRINT = Connector(
    name="print",
    help="Standard output, one JSON object a row.",
    roles=frozenset({Role.SINK}),
    options=JSON_OPTIONS,
)
