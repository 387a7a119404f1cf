"""What the Kafka sink writes, this project's own decoder reads: on a broker and a registry."""

import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_write_config import TopicSink
from pipeline_io.schema_registry import SchemaRegistry
from tests.io.kafka_sink_rows import read_topic, sink_rows
from tests.io.kafka_write_bundle import Bundle
from tests.stack.servers import Kafka, Registry
from tests.stack.topics import Topics
from transforms.avro import choose_decoder, decode
from transforms.sql import types
from transforms.sql.avro_rows import AvroRows
from transforms.sql.key_rows import key_rows
from transforms.sql.types import Field, SqlType, polars_type

MOMENT = datetime.datetime(2026, 1, 31, 12, 0, 0, 500_000, datetime.timezone.utc)
EVENT = types.row(Field("name", types.STRING), Field("tags", types.array(types.STRING)))
COLUMNS: list[tuple[str, SqlType]] = [
    ("id", types.BIGINT),
    ("price", types.decimal(10, 2)),
    ("changed_at", types.timestamp(3)),
    ("day", types.DATE),
    ("event", EVENT),
]
ROWS: list[dict[str, Any]] = [
    {
        "id": 7,
        "price": Decimal("759.50"),
        "changed_at": MOMENT.replace(tzinfo=None),
        "day": datetime.date(1969, 12, 31),
        "event": {"name": "Ω", "tags": ["a", None]},
    },
    {"id": 8, "price": None, "changed_at": None, "day": None, "event": None},
]


def test_rows_written_as_avro_are_read_back_as_they_were(
    kafka: Kafka, registry: Registry, topic: Topics
) -> None:
    name = topic()
    schemas = SchemaRegistry((registry.url,))
    values, keys = AvroRows(COLUMNS, not_null=["id"]), AvroRows(COLUMNS[:1], not_null=["id"])
    value_id = schemas.register(f"{name}-value", values.schema_text)
    key_id = schemas.register(f"{name}-key", keys.schema_text)
    frame = pl.DataFrame(
        [
            pl.Series(column, [row[column] for row in ROWS], polars_type(sql_type))
            for column, sql_type in COLUMNS
        ]
    )
    payload = values.encode(frame, value_id).payload.to_list()
    key = key_rows(frame, COLUMNS[:1], "avro-confluent", avro=keys, schema_id=key_id).payload
    assert (
        Bundle(TopicSink(KafkaCluster(kafka.brokers), name)).run(
            [sink_rows(payload, key.to_list())]
        )
        == []
    )
    messages = read_topic(kafka.brokers, name)
    reader = SchemaRegistry((registry.url,))
    read = decode(pa.array([each.value() for each in messages]), reader, choose_decoder())
    assert read.failures == []
    (group,) = read.groups
    first, second = group.rows.to_pylist()
    assert first == {**ROWS[0], "changed_at": MOMENT}
    assert second == ROWS[1]
    read_keys = decode(pa.array([each.key() for each in messages]), reader, choose_decoder())
    assert read_keys.groups[0].rows.to_pylist() == [{"id": 7}, {"id": 8}]


def test_a_schema_that_is_registered_again_keeps_its_id(registry: Registry, topic: Topics) -> None:
    subject = f"{topic()}-value"
    schemas = SchemaRegistry((registry.url,))
    text = AvroRows(COLUMNS).schema_text
    assert schemas.register(subject, text) == schemas.register(subject, text)
