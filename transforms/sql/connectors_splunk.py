"""The connector `splunk-hec`: Splunk's HTTP Event Collector."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from transforms.sql.connectors import (
    JSON_OPTIONS,
    Connector,
    Option,
    OptionValue,
    Role,
    boolean,
    duration,
    option_node,
    positive_integer,
    positive_number,
    whole_number,
)
from transforms.sql.connectors_kafka_sink import key_columns, names_of
from transforms.sql.errors import SqlError, SqlErrors, did_you_mean
from transforms.sql.statements import CreateTable

METADATA = ("time", "index", "source", "sourcetype", "host")
NESTED_METADATA = "_metadata"
"""The columns that say what goes with an event, and the ROW that may hold them all."""

TEMPLATE_FIELDS = ("topic", "table", "op")


def _urls(value: str) -> str:
    for url in value.split(";"):
        if "@" in url:
            message = "expected https://HOST:8088 without user name or password"
            raise ValueError(message)
        try:
            parts = urlsplit(url.strip())
            is_right = bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_right = False
        if not is_right or parts.scheme not in ("http", "https") or parts.path not in ("", "/"):
            message = "expected https://HOST:8088 without path, or several separated by ';'"
            raise ValueError(message)
    return value


def _template(value: str) -> str:
    for field in re.findall(r"\{([^{}]*)\}", value):
        if field not in TEMPLATE_FIELDS:
            message = f"{{{field}}} is not known; {did_you_mean(field, TEMPLATE_FIELDS)}"
            raise ValueError(message)
    return value


def _level(value: str) -> int:
    number = whole_number(value)
    if number > 9:
        message = "expected 0 (off) to 9"
        raise ValueError(message)
    return number


SPLUNK = Connector(
    name="splunk-hec",
    help="Splunk's HTTP Event Collector; every row is an event, delivered at least once.",
    roles=frozenset({Role.SINK}),
    options=(
        Option(
            "url",
            "https://HOST:8088; several separated by ';' take requests in turn",
            _urls,
            required=True,
        ),
        Option("token", "the token, as the reference of a secret", required=True, secret=True),
        Option(
            "format",
            "how a row is written; raw is one column that is JSON already",
            default="json",
            choices=("json", "raw"),
        ),
        *JSON_OPTIONS,
        Option(
            "index",
            "the index of events whose row says none; the token's own if it is not given. A "
            "template, as the next three: `{topic}`, `{table}` and `{op}` are the record's",
            _template,
        ),
        Option("source", "the source of events, the same way", _template),
        Option("sourcetype", "the source type of events, the same way", _template),
        Option("host", "the host of events, the same way", _template),
        Option(
            "key.fields",
            "the columns that say what goes with the row's event, separated by ';': any of time, "
            "index, source, sourcetype and host, or one ROW of these called _metadata. They are "
            "no part of the event",
            key_columns,
        ),
        Option("key.format", "how those are handed on", default="json", choices=("json",)),
        Option(
            "value.fields-include",
            "what an event is made of: all columns but those of 'key.fields', or all",
            default="EXCEPT_KEY",
            choices=("EXCEPT_KEY", "ALL"),
        ),
        Option(
            "sink.attributes",
            "whether events have the indexed fields event_id, order_key, table, op, topic, "
            "partition and offset",
            boolean,
            True,
        ),
        Option("sink.batch.max-events", "events of one request at most", positive_integer, 500),
        Option(
            "sink.batch.max-bytes",
            "bytes of one request at most, before compression; a larger event goes alone",
            positive_integer,
            1_000_000,
        ),
        Option(
            "sink.linger",
            "how long the first event of a request waits for more",
            duration,
            2.0,
        ),
        Option(
            "sink.requests-in-flight",
            "requests under way at a time, of each worker thread; one a CPU if it is not given, "
            "and 4 at least",
            positive_integer,
        ),
        Option(
            "sink.max-events-per-second",
            "events a second at most, of each worker process; no limit if it is not given",
            positive_number,
        ),
        Option(
            "sink.retry-timeout",
            "how long a request is sent again while Splunk does not take it; its events are dead "
            "letters then",
            duration,
            900.0,
        ),
        Option("sink.request-timeout", "how long one answer is waited for", duration, 60.0),
        Option("sink.gzip", "the level of compression, 1 to 9; 0 is none", _level, 1),
        Option(
            "sink.ack",
            "whether an event counts as sent only when an indexer has acknowledged it; as the "
            "token is set up in Splunk",
            boolean,
            False,
        ),
        Option(
            "sink.ack.timeout",
            "how long that is waited for before the events are sent again",
            duration,
            300.0,
        ),
        Option(
            "tls.ca",
            "the authority of Splunk's certificate as PEM: a path, gs://BUCKET/OBJECT or the "
            "reference of a secret",
        ),
    ),
    aliases={"endpoint": "url"},
    messages=True,
)


def check_splunk_options(table: CreateTable, options: Mapping[str, OptionValue]) -> None:
    """Whether the options of a table with this connector go together. Raises SqlErrors."""
    names = names_of(str(options["key.fields"])) if "key.fields" in options else []
    if names == [NESTED_METADATA]:
        return
    errors = [
        SqlError(
            f"'key.fields' names {name!r}, which says nothing of an event to Splunk; "
            f"{did_you_mean(name, [*METADATA, NESTED_METADATA])}",
            option_node(table, "key.fields"),
        )
        for name in names
        if name not in METADATA
    ]
    if errors:
        raise SqlErrors(errors)
