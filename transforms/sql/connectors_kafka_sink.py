"""The options of the connector `kafka` that are about writing."""

from __future__ import annotations

from transforms.sink_rows import ATTRIBUTES
from transforms.sql.connectors import Option
from transforms.sql.key_rows import KEY_FORMATS

SINK_VALUE_FORMATS = ("json", "avro-confluent", "debezium-avro-confluent")
"""What `value.format` may be for a sink."""


def key_columns(value: str) -> str:
    """The names of a list 'a;b', checked; ValueError says what was expected."""
    names = names_of(value)
    if "" in names:
        message = "expected the names of columns separated by ';', such as 'region;id'"
        raise ValueError(message)
    if len(set(names)) < len(names):
        message = "a column is named twice; keep one"
        raise ValueError(message)
    return value


def names_of(value: str) -> list[str]:
    """The names of a list 'a;b'."""
    return [name.strip() for name in value.split(";")]


def header_names(value: str) -> str:
    """The text of a list of attributes, checked."""
    for name in names_of(value) if value else []:
        if name not in ATTRIBUTES:
            message = f"expected some of {', '.join(ATTRIBUTES)}, separated by ';'"
            raise ValueError(message)
    return value.replace(" ", "")


def _partitioner(value: str) -> str:
    if value == "default":
        return value
    message = (
        "expected 'default': by the key as Java's clients do, and without one any partition; "
        "'fixed', 'round-robin' and classes of Java would part the changes of a row"
    )
    raise ValueError(message)


def _delivery_guarantee(value: str) -> str:
    if value == "at-least-once":
        return value
    reasons = {
        "exactly-once": (
            "expected 'at-least-once': a transaction would have to end with the runner's "
            "checkpoint, which Beam's Python cannot do; repeats are dropped by the header event_id"
        ),
        "none": "expected 'at-least-once': no message is given up without a word here",
    }
    raise ValueError(reasons.get(value, "expected 'at-least-once'"))


def _transactional_id(_: str) -> str:
    message = "messages are not written in transactions (at least once); leave the option out"
    raise ValueError(message)


SINK_OPTIONS: tuple[Option, ...] = (
    Option(
        "key.fields",
        "the columns of the message's key, separated by ';'; without them a message has no key",
        read=key_columns,
    ),
    Option("key.format", "how the key is written", choices=KEY_FORMATS),
    Option(
        "value.fields-include",
        "which columns the message's value has: all, or all but those of the key",
        default="ALL",
        choices=("ALL", "EXCEPT_KEY"),
    ),
    Option(
        "value.avro-confluent.subject",
        "what the value's schema is filed under; TOPIC-value if it is not given",
    ),
    Option(
        "key.avro-confluent.subject",
        "what the key's schema is filed under; TOPIC-key if it is not given",
    ),
    Option(
        "key.avro-confluent.url",
        "the registry of the key's schema: the same as the value's",
    ),
    Option(
        "sink.headers",
        "what a message's headers say of its change event: some of event_id, order_key, table and "
        "op, separated by ';', or nothing",
        default="event_id;order_key;table;op",
        read=header_names,
    ),
    Option(
        "sink.partitioner",
        "how a message's partition is chosen: by its key, as Java's clients do",
        read=_partitioner,
        default="default",
    ),
    Option(
        "sink.delivery-guarantee",
        "each message is written at least once",
        read=_delivery_guarantee,
        default="at-least-once",
    ),
    Option(
        "sink.transactional-id-prefix",
        "refused: messages are not written in transactions",
        read=_transactional_id,
    ),
)

SINK_ALIASES = {"avro-confluent.subject": "value.avro-confluent.subject"}
"""Flink's names where a table has `format` instead of `value.format`."""
