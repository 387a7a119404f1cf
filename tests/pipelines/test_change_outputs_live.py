"""Change events that are made here, on a real broker with a registry and on Pub/Sub's emulator."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from pipeline_io.schema_registry_errors import RegistryError
from pipelines import change_log
from pipelines.change_outputs import OutputConfig, check_output, open_output
from tests.io.kafka_sink_rows import read_topic
from tests.pipelines.polled_events import ITEMS, events, table_of
from tests.stack.servers import Kafka, PubSub, Registry
from tests.stack.topics import Topics, fresh_pubsub_topic
from transforms.envelope_records import EnvelopeEncoder

ROWS = [
    (1, "r", "ä", 1_000_000, 0),
    (2, "r", "b", 2_000_000, 0),
    (1, "u", "c", 3_000_000, 0),
    (2, "d", None, 2_000_000, 1),
]
LOG = """
    SELECT _key, op, json_extract_string(after, '$.word'), _order_key, _event_id, source
    FROM shop.items_change_log ORDER BY _order_key
"""


def _log(file: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(LOG).fetchall()


def _kafka(kafka: Kafka, registry: Registry) -> OutputConfig:
    return OutputConfig("kafka", "shop", kafka.brokers, {}, registry.url)


def _is_backward(registry: Registry, subject: str) -> None:
    """Lets the registry take schemas alone that read what the one before has written."""
    request = urllib.request.Request(  # noqa: S310 - the stack's own registry
        f"{registry.url}/config/{subject}",
        json.dumps({"compatibility": "BACKWARD"}).encode(),
        {"Content-Type": "application/vnd.schemaregistry.v1+json"},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        assert answer.status == 200


def test_a_topic_in_between_changes_nothing_in_the_log(
    kafka: Kafka, registry: Registry, topic: Topics, tmp_path: Path
) -> None:
    name = topic(partitions=3)
    config = _kafka(kafka, registry)
    assert check_output(config, [name])
    output = open_output(config, "kafka")
    output.write(events(output, ROWS, topic=name))
    assert output.flush() == []
    output.close()
    direct = open_output(OutputConfig(f"duckdb:{tmp_path / 'direct'}", "shop"), "direct")
    direct.write(events(direct, ROWS, topic=name))
    direct.flush()
    direct.close()
    read = tmp_path / "read"
    arguments = [
        "--source=kafka",
        "--source_name=shop",
        f"--kafka_brokers={kafka.brokers}",
        f"--schema_registry={registry.url}",
        f"--topics={name}",
        f"--warehouse=duckdb:{read}",
        f"--output_dir={tmp_path / 'out'}",
    ]
    assert change_log.main(arguments) == 0
    assert _log(read) == _log(tmp_path / "direct")
    assert len(_log(read)) == len(ROWS)


def test_a_message_that_is_too_large_is_refused_and_the_others_arrive(
    kafka: Kafka, registry: Registry, topic: Topics
) -> None:
    name = topic(config={"max.message.bytes": "2000"})
    output = open_output(_kafka(kafka, registry), "large")
    rows = [(1, "r", "small", 1, 0), (2, "r", "x" * 5_000, 1, 0), (3, "r", "small", 1, 0)]
    output.write(events(output, rows, topic=name))
    (refused,) = output.flush()
    output.close()
    assert refused.num_rows == 1
    assert "2,000" in refused.column("message")[0].as_py()
    assert refused.column("record")[0].as_py()["topic"] == name
    assert len(read_topic(kafka.brokers, name)) == 2


def test_a_column_more_is_taken_by_the_registry_and_another_type_is_not(
    kafka: Kafka, registry: Registry, topic: Topics
) -> None:
    name = topic()
    output = open_output(_kafka(kafka, registry), "evolution")
    output.write(events(output, ROWS, topic=name))
    _is_backward(registry, f"{name}-value")
    wider = ITEMS.append(pa.field("price", pa.decimal128(10, 2), nullable=False))
    EnvelopeEncoder(table_of(name, wider), output.registrar).register()
    retyped = ITEMS.set(1, pa.field("word", pa.int64()))
    with pytest.raises(RegistryError) as raised:
        EnvelopeEncoder(table_of(name, retyped), output.registrar).register()
    assert f"{name}-value" in str(raised.value)
    output.close()


def test_messages_of_pubsub_are_json_in_the_order_of_their_key(
    pubsub: PubSub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub.address)
    with fresh_pubsub_topic(pubsub, ordered=True) as topic:
        config = OutputConfig(f"pubsub:{topic.project}/{topic.name}", "shop")
        assert check_output(config, []) == [f"the Pub/Sub topic {topic.topic}"]
        output = open_output(config, "pubsub")
        output.write(events(output, ROWS))
        assert output.flush() == []
        output.close()
        messages = topic.drain()
    found = [(message.ordering_key, json.loads(message.data)["op"]) for message in messages]
    assert [op for key, op in found if key == '{"id":1}'] == ["r", "u"]
    assert [op for key, op in found if key == '{"id":2}'] == ["r", "d"]
    attributes = [dict(message.attributes) for message in messages]
    assert all(one["table"] == "items" and one["order_key"] for one in attributes)
    assert len({one["event_id"] for one in attributes}) == len(ROWS)
