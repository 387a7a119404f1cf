"""A small live job over a topic of a test's own: items in, JSON at Pub/Sub out."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fastavro
from confluent_kafka import Producer

from pipeline_io.schema_registry import SchemaRegistry
from tests.pipelines.recorded import ITEM_FIELDS, envelope
from tests.stack.servers import Kafka, Registry
from tests.stack.topics import PubSubTopic

MOST_BYTES = 30_000_000


class ItemTopic:
    """Writes records to a topic as Debezium with Confluent's converter does.

    Args:
        fields: the columns of the table.
    """

    def __init__(
        self,
        kafka: Kafka,
        registry: Registry,
        topic: str,
        fields: Sequence[Mapping[str, Any]] = ITEM_FIELDS,
    ) -> None:
        schema = envelope(fields)
        self._parsed = fastavro.parse_schema(schema)
        self.schema_id = SchemaRegistry((registry.url,)).register(
            f"{topic}-value", fastavro.schema.to_parsing_canonical_form(schema)
        )
        self._topic = topic
        self._producer = Producer(
            {"bootstrap.servers": kafka.brokers, "message.max.bytes": MOST_BYTES}
        )

    def value(self, event: Mapping[str, Any]) -> bytes:
        """An event with its schema's id in front."""
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self._parsed, dict(event))
        return b"\x00" + self.schema_id.to_bytes(4, "big") + out.getvalue()

    def send(self, *values: bytes, keyed: bool = False) -> None:
        """Writes the values; returns when the broker has them.

        keyed: each with a key of its own, its number; else without a key.
        """
        for number, value in enumerate(values):
            self._producer.produce(self._topic, value, b"%d" % number if keyed else None)
        assert self._producer.flush(30) == 0


def item_script(folder: Path, topic: str, **options: str) -> Path:
    """A script that reads the topic of items.

    Args:
        options: more options of the table, with `__` for each dot.
    """
    more = "".join(f",\n  '{name.replace('__', '.')}' = '{options[name]}'" for name in options)
    path = folder / "items.sql"
    text = f"""
CREATE TABLE items (id BIGINT, name STRING) WITH (
  'connector' = 'kafka',
  'topic' = '{topic}',
  'properties.bootstrap.servers' = '${{KAFKA_BROKERS}}',
  'properties.group.id' = '${{KAFKA_GROUP}}',
  'value.format' = 'debezium-avro-confluent',
  'schema-registry.url' = '${{SCHEMA_REGISTRY}}'{more}
);
CREATE TABLE published (id BIGINT, name STRING) WITH (
  'connector' = 'pubsub',
  'project-name' = '${{PUBSUB_PROJECT}}',
  'topic' = '${{PUBSUB_TOPIC}}',
  'format' = 'json'
);
INSERT INTO published SELECT id, name FROM items;
"""  # noqa: S608
    path.write_text(text, encoding="utf-8")
    return path


def item_flags(
    folder: Path,
    script: Path,
    brokers: str,
    registry: str,
    pubsub: PubSubTopic,
    group: str = "items",
) -> list[str]:
    """The flags of a job over that script."""
    return [
        f"--job={script}",
        f"--output_dir={folder / 'out'}",
        f"--kafka_brokers={brokers}",
        f"--kafka_group={group}",
        f"--schema_registry={registry}",
        f"--pubsub_project={pubsub.project}",
        f"--pubsub_topic={pubsub.name}",
    ]
