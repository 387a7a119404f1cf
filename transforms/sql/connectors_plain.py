"""Connectors that need no server of a stream: recordings, files, the terminal, databases to look
things up in."""

from __future__ import annotations

from transforms.sql.connectors import (
    JSON_OPTIONS,
    Connector,
    Option,
    Role,
    boolean,
    duration,
    positive_integer,
    positive_number,
    whole_number,
)
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

JDBC = Connector(
    name="jdbc",
    help="A table of a database, looked up by key; its address is SQLAlchemy's or JDBC's.",
    roles=frozenset({Role.LOOKUP}),
    options=(
        Option("url", "the database's address", required=True),
        Option("table-name", "the table, with its schema if need be", required=True),
        Option("username", "the user; part of the address if not given"),
        Option("password", "a reference: env://NAME, file://PATH or secret://...", secret=True),
        Option("lookup.cache.ttl", "how long a row found stays known", duration, 60.0),
        Option("lookup.cache.max-rows", "rows kept at most", positive_integer, 100_000),
        Option("lookup.cache.caching-missing-key", "whether misses are kept too", boolean, True),
        Option("lookup.max-retries", "tries after a failed query", whole_number, 7),
        Option("lookup.max-queries-per-second", "a limit for the database", positive_number),
    ),
)
