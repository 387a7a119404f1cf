"""The connector `pubsub`: topics and subscriptions of Google Cloud Pub/Sub."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

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
)
from transforms.sql.connectors_kafka_sink import key_columns
from transforms.sql.connectors_pubsub_source import SCAN_OPTIONS, SOURCE_FORMATS, SUBSCRIPTION
from transforms.sql.errors import SqlError, SqlErrors
from transforms.sql.statements import CreateTable

MAX_REQUEST_MESSAGES = 1_000
MAX_REQUEST_BYTES = 10_000_000
"""What Pub/Sub takes in one publish request."""

SINK_FORMATS = ("json", "protobuf", "avro", "raw")
FORMATS = tuple(dict.fromkeys((*SINK_FORMATS, *SOURCE_FORMATS)))
MESSAGE_CLASS = "protobuf.message-class-name"
DESCRIPTOR_FILE = "protobuf.descriptor-file"

_OF_SINK = ("sink.", "key.", "json.")
_OF_SOURCE = ("scan.",)


def _project(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9:.-]+", value):
        message = "expected a project's id, such as 'my-project'"
        raise ValueError(message)
    return value


def _topic(value: str) -> str:
    return _id(value, "topic")


def _subscription(value: str) -> str:
    return _id(value, "subscription")


def _id(value: str, what: str) -> str:
    if value.startswith("projects/"):
        message = f"expected the {what}'s id alone; its project is the option 'project-name'"
        raise ValueError(message)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9._~+%-]{2,254}", value):
        message = f"expected a {what}'s id: 3 to 255 letters, digits and -_.~+%, a letter first"
        raise ValueError(message)
    if value.lower().startswith("goog"):
        message = "expected another id: those that begin with 'goog' are Google's own"
        raise ValueError(message)
    return value


def _endpoint(value: str) -> str:
    if not re.fullmatch(r"(https?://)?[A-Za-z0-9.-]+(:\d+)?/?", value) or (
        value.startswith("http://") and not re.search(r":\d+/?$", value)
    ):
        message = (
            "expected a host such as 'europe-west1-pubsub.googleapis.com', or the emulator's "
            "'http://HOST:PORT'"
        )
        raise ValueError(message)
    return value


def _request_messages(value: str) -> int:
    return _at_most(value, MAX_REQUEST_MESSAGES)


def _request_bytes(value: str) -> int:
    return _at_most(value, MAX_REQUEST_BYTES)


def _at_most(value: str, most: int) -> int:
    number = positive_integer(value)
    if number > most:
        message = f"expected 1 to {most}: Pub/Sub takes no more in one request"
        raise ValueError(message)
    return number


PUBSUB = Connector(
    name="pubsub",
    help="Google Cloud Pub/Sub: a sink is a topic, a source is a subscription. Every row is a "
    "message, delivered at least once.",
    roles=frozenset({Role.SOURCE, Role.SINK}),
    options=(
        Option(
            "project-name",
            "the id of the topic's or the subscription's project",
            _project,
            required=True,
        ),
        Option("topic", "of a sink: the topic's id", _topic),
        Option(SUBSCRIPTION, "of a source: the subscription's id", _subscription),
        Option(
            "format",
            f"how a message is read ({', '.join(SOURCE_FORMATS)}) or written "
            f"({', '.join(SINK_FORMATS)}); raw is one column as it is",
            required=True,
            choices=FORMATS,
        ),
        Option(
            MESSAGE_CLASS,
            "the message that a row becomes, by its full name or that of its Java class",
        ),
        Option(
            DESCRIPTOR_FILE,
            "the compiled messages: protoc --include_imports --descriptor_set_out=FILE",
        ),
        *JSON_OPTIONS,
        Option(
            "sink.attributes",
            "whether messages have the attributes event_id, order_key, table and op",
            boolean,
            True,
        ),
        Option(
            "sink.ordering-key",
            "whether messages of the same key are delivered in order; a request then holds "
            "messages of one key alone, so with many keys it costs far more",
            boolean,
            False,
        ),
        Option(
            "key.fields",
            "the columns of the ordering key, separated by ';'",
            read=key_columns,
        ),
        Option(
            "key.format",
            "how the ordering key is written: raw for one column as it is, or json",
            default="raw",
            choices=("raw", "json"),
        ),
        Option(
            "sink.batch.max-messages",
            "messages of one request at most",
            _request_messages,
            MAX_REQUEST_MESSAGES,
        ),
        Option(
            "sink.batch.max-bytes",
            "bytes of one request at most",
            _request_bytes,
            MAX_REQUEST_BYTES,
        ),
        Option(
            "sink.requests-in-flight",
            "requests under way at a time, of each worker thread; 8 if it is not given, 32 "
            "with ordering keys",
            positive_integer,
        ),
        Option(
            "sink.retry-timeout",
            "how long messages are sent again while Pub/Sub does not take them",
            duration,
            600.0,
        ),
        *SCAN_OPTIONS,
        Option(
            "endpoint",
            "another address of the service: a region's, or http://HOST:PORT for the "
            "emulator; PUBSUB_EMULATOR_HOST does as well",
            _endpoint,
        ),
    ),
    aliases={"project": "project-name", "subscription": SUBSCRIPTION},
    messages=True,
)


def of_role(
    options: Mapping[str, OptionValue],
) -> tuple[Connector, dict[str, OptionValue]]:
    """The connector of a table with these options, a source or a sink, and what is of its role."""
    is_source = SUBSCRIPTION in options
    role = Role.SOURCE if is_source else Role.SINK
    of_other = _OF_SINK if is_source else _OF_SOURCE
    kept = {name: value for name, value in options.items() if not name.startswith(of_other)}
    return dataclasses.replace(PUBSUB, roles=frozenset({role})), kept


def check_pubsub_options(table: CreateTable, options: Mapping[str, OptionValue]) -> None:
    """Whether the options of a table with this connector go together. Raises SqlErrors."""
    errors = []
    name, written = table.this.name, options["format"]
    if ("topic" in options) == (SUBSCRIPTION in options):
        message = (
            f"the table {name!r} has either 'topic', and is written to, or '{SUBSCRIPTION}', and "
            "is read"
        )
        errors.append(SqlError(message, option_node(table, "topic")))
        raise SqlErrors(errors)
    is_source = SUBSCRIPTION in options
    for node in table.args["options"]:
        if node.this.name.startswith(_OF_SINK if is_source else _OF_SOURCE):
            message = (
                f"{node.this.name!r} is of a table that is {'written to' if is_source else 'read'}"
                f", and {name!r} is not; leave it out"
            )
            errors.append(SqlError(message, node.this))
    if is_source and written not in SOURCE_FORMATS:
        message = (
            f"'format' = {written!r} cannot be read; expected "
            f"{' or '.join(map(repr, SOURCE_FORMATS))}"
        )
        errors.append(SqlError(message, option_node(table, "format")))
    for option in (MESSAGE_CLASS, DESCRIPTOR_FILE):
        if written == "protobuf" and option not in options:
            message = f"the table {name!r} needs the option '{option}' for 'format' = 'protobuf'"
            errors.append(SqlError(message, option_node(table, "format")))
        elif written != "protobuf" and option in options:
            message = f"'{option}' is for 'format' = 'protobuf', and this is {written!r}: drop one"
            errors.append(SqlError(message, option_node(table, option)))
    if options.get("sink.ordering-key") and "key.fields" not in options:
        message = (
            f"the table {name!r} needs the option 'key.fields' for 'sink.ordering-key' = 'true': "
            "the columns whose value messages are ordered by"
        )
        errors.append(SqlError(message, option_node(table, "sink.ordering-key")))
    elif "key.fields" in options and not (is_source or options["sink.ordering-key"]):
        message = (
            "'key.fields' is for ordering keys; set 'sink.ordering-key' = 'true', or leave it out"
        )
        errors.append(SqlError(message, option_node(table, "key.fields")))
    if errors:
        raise SqlErrors(errors)
