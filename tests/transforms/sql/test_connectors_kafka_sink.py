from collections.abc import Mapping

import pytest

from transforms.sql.connectors import Connector, OptionValue, Role
from transforms.sql.connectors_kafka_sink import SINK_ALIASES, SINK_OPTIONS, names_of
from transforms.sql.dialect import parse_script
from transforms.sql.errors import Script, SqlErrors
from transforms.sql.statements import CreateTable

CONNECTOR = Connector("kafka", "Topics.", frozenset({Role.SINK}), SINK_OPTIONS, SINK_ALIASES)


def options(given: Mapping[str, str]) -> dict[str, OptionValue]:
    listed = ", ".join(
        f"'{name}' = '{value}'" for name, value in {"connector": "kafka", **given}.items()
    )
    (table,) = parse_script(Script("job.sql", f"CREATE TABLE t (a INT) WITH ({listed})"))
    assert isinstance(table, CreateTable)
    return CONNECTOR.read_options(table)


def told(given: Mapping[str, str]) -> str:
    with pytest.raises(SqlErrors) as raised:
        options(given)
    (error,) = raised.value.errors
    return error.message


def test_a_sink_without_options_has_no_key_and_writes_at_least_once() -> None:
    assert options({}) == {
        "value.fields-include": "ALL",
        "sink.headers": "event_id;order_key;table;op",
        "sink.partitioner": "default",
        "sink.delivery-guarantee": "at-least-once",
    }


def test_a_sinks_options_are_flinks() -> None:
    found = options(
        {
            "key.fields": "region; id",
            "key.format": "avro-confluent",
            "value.fields-include": "EXCEPT_KEY",
            "avro-confluent.subject": "items",
            "key.avro-confluent.subject": "items-by-id",
        }
    )
    assert found["value.avro-confluent.subject"] == "items"
    assert names_of(str(found["key.fields"])) == ["region", "id"]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("key.fields", "", "expected the names of columns separated by ';'"),
        ("key.fields", "a;;b", "expected the names of columns separated by ';'"),
        ("key.fields", "a; a", "a column is named twice; keep one"),
        ("key.format", "csv", "expected 'json' or 'avro-confluent' or 'raw'"),
        ("value.fields-include", "KEY", "expected 'ALL' or 'EXCEPT_KEY'"),
        ("sink.partitioner", "fixed", "would part the changes of a row"),
        ("sink.delivery-guarantee", "exactly-once", "repeats are dropped by the header event_id"),
        ("sink.delivery-guarantee", "none", "no message is given up without a word"),
        ("sink.delivery-guarantee", "twice", "does not fit: expected 'at-least-once'"),
        ("sink.transactional-id-prefix", "tx", "leave the option out"),
    ],
)
def test_what_a_sink_cannot_do_is_refused_with_the_reason(
    name: str, value: str, expected: str
) -> None:
    message = told({name: value})
    assert message.startswith(f"'{name}'")
    assert expected in message
