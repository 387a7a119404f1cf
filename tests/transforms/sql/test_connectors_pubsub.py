from __future__ import annotations

from collections.abc import Mapping

import pytest

from transforms.sql.connectors import OptionValue, Role
from transforms.sql.connectors_pubsub import PUBSUB, check_pubsub_options, of_role
from transforms.sql.connectors_pubsub_source import metadata_error
from transforms.sql.dialect import parse_script
from transforms.sql.errors import Script, SqlErrors
from transforms.sql.statements import CreateTable
from transforms.sql.types import BIGINT, STRING, SqlType, map_of, timestamp_ltz

TOPIC = {"project-name": "shop-1", "topic": "items"}
PLAIN = {**TOPIC, "format": "json"}


def options(given: Mapping[str, str]) -> dict[str, OptionValue]:
    listed = ", ".join(
        f"'{name}' = '{value}'" for name, value in {"connector": "pubsub", **given}.items()
    )
    (table,) = parse_script(Script("job.sql", f"CREATE TABLE t (a INT) WITH ({listed})"))
    assert isinstance(table, CreateTable)
    found = PUBSUB.read_options(table)
    check_pubsub_options(table, found)
    return found


def told(given: Mapping[str, str]) -> list[str]:
    with pytest.raises(SqlErrors) as raised:
        options(given)
    assert all(error.span is not None for error in raised.value.errors)
    return [error.message for error in raised.value.errors]


def test_a_topic_and_a_format_are_all_that_is_needed() -> None:
    found = options({"project": "shop-1", "topic": "items", "format": "json"})

    del found["json.timestamp-format.standard"]
    of_sink = {name: value for name, value in found.items() if not name.startswith("scan.")}
    assert {name: value for name, value in of_sink.items() if not name.startswith("json.")} == {
        "project-name": "shop-1",
        "topic": "items",
        "format": "json",
        "sink.attributes": True,
        "sink.ordering-key": False,
        "key.format": "raw",
        "sink.batch.max-messages": 1_000,
        "sink.batch.max-bytes": 10_000_000,
        "sink.retry-timeout": 600.0,
    }


def test_every_option_is_read() -> None:
    found = options(
        {
            **TOPIC,
            "format": "protobuf",
            "protobuf.message-class-name": "com.shop.ItemEvents$Item",
            "protobuf.descriptor-file": "items.desc",
            "sink.attributes": "false",
            "sink.ordering-key": "true",
            "key.fields": "a",
            "sink.batch.max-messages": "10",
            "sink.batch.max-bytes": "1000",
            "sink.requests-in-flight": "2",
            "sink.retry-timeout": "5 min",
            "endpoint": "http://127.0.0.1:8085",
        }
    )

    assert found["protobuf.message-class-name"] == "com.shop.ItemEvents$Item"
    assert found["sink.ordering-key"] is True
    assert found["sink.retry-timeout"] == 300
    assert found["sink.requests-in-flight"] == 2


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"topic": "projects/shop-1/topics/items"}, "'topic': 'projects/shop-1/topics/items'"),
        ({"topic": "it"}, "3 to 255 letters"),
        ({"topic": "google"}, "Google's own"),
        ({"project-name": "a/b"}, "'project-name': 'a/b' does not fit"),
        ({"format": "xml"}, "expected 'json' or 'protobuf' or 'avro'"),
        ({"sink.batch.max-messages": "1001"}, "Pub/Sub takes no more in one request"),
        ({"sink.batch.max-bytes": "10000001"}, "expected 1 to 10000000"),
        ({"sink.batch.max-messages": "0"}, "expected a whole number above 0"),
        ({"endpoint": "http://127.0.0.1"}, "'http://HOST:PORT'"),
        ({"endpoint": "grpc://127.0.0.1:1"}, "expected a host"),
        ({"sink.ordering-key": "true"}, "needs the option 'key.fields'"),
        ({"key.fields": "a"}, "set 'sink.ordering-key' = 'true'"),
        ({"protobuf.descriptor-file": "f"}, "is for 'format' = 'protobuf'"),
    ],
)
def test_what_cannot_be_is_told_at_its_option(changed: dict[str, str], expected: str) -> None:
    (message,) = told({**PLAIN, **changed})

    assert expected in message


def test_protobuf_needs_its_message_and_its_descriptors() -> None:
    found = told({**TOPIC, "format": "protobuf"})

    assert [message.split("'")[3] for message in found] == [
        "protobuf.message-class-name",
        "protobuf.descriptor-file",
    ]


def test_the_replaced_platforms_script_without_a_topic_is_told_what_is_missing() -> None:
    assert told({"format": "json"}) == [
        "the table 't' needs the option 'project-name' of the connector 'pubsub': the id of the "
        "topic's or the subscription's project",
    ]
    either = (
        "the table 't' has either 'topic', and is written to, or 'topic-subscription-name', and is "
        "read"
    )
    assert told({"project-name": "shop-1", "format": "json"}) == [either]
    assert told({**PLAIN, "subscription": "items-s"}) == [either]


def test_a_subscription_is_read_with_options_of_its_own() -> None:
    read = {"project-name": "shop-1", "subscription": "items-s", "format": "raw"}
    found = options({**read, "scan.ack-deadline": "10 s", "scan.streams": "1"})
    assert found["topic-subscription-name"] == "items-s"
    assert (found["scan.ack-deadline"], found["scan.streams"]) == (10.0, 1)
    connector, kept = of_role(found)
    assert connector.roles == {Role.SOURCE}
    assert not [name for name in kept if name.startswith(("sink.", "key.", "json."))]
    connector, kept = of_role(options(PLAIN))
    assert connector.roles == {Role.SINK}
    assert not [name for name in kept if name.startswith("scan.")]


def test_options_of_the_other_role_are_told() -> None:
    read = {"project-name": "shop-1", "subscription": "items-s", "format": "json"}
    assert told({**read, "sink.attributes": "true"}) == [
        "'sink.attributes' is of a table that is written to, and 't' is not; leave it out"
    ]
    assert told({**PLAIN, "scan.streams": "2"}) == [
        "'scan.streams' is of a table that is read, and 't' is not; leave it out"
    ]
    assert told({**read, "format": "avro"}) == [
        "'format' = 'avro' cannot be read; expected 'json' or 'raw'"
    ]
    assert "expected the subscription's id alone" in told({**read, "subscription": "projects/x"})[0]


@pytest.mark.parametrize(
    ("key", "declared", "said"),
    [
        ("message_id", STRING, None),
        ("publish_time", timestamp_ltz(3), None),
        ("attributes", map_of(STRING, STRING), None),
        ("attributes.op", STRING, None),
        ("publish_time", BIGINT, "the metadata 'publish_time' is a TIMESTAMP_LTZ, not a BIGINT"),
        ("attributes", STRING, "is a MAP<STRING, STRING>, not a STRING"),
        ("attributes.op", BIGINT, "is a STRING, not a BIGINT"),
        ("mesage_id", STRING, "a message has no metadata 'mesage_id'; did you mean 'message_id'"),
    ],
)
def test_metadata_of_a_message_has_its_types(key: str, declared: SqlType, said: str | None) -> None:
    found = metadata_error(key, declared)
    assert found == said if said is None else found is not None and said in found
