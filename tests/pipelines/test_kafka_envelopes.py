"""Topics of change events in Debezium's shape, written by a job and read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline_io.schema_registry import SchemaRegistry
from pipelines import sql_job
from tests.io.kafka_sink_rows import read_topic
from tests.pipelines.recorded import json_lines
from tests.stack.servers import Kafka, Registry
from tests.stack.topics import Topics
from transforms.avro import choose_decoder, decode

RECORDED = """
CREATE TABLE items (id BIGINT, name STRING, price DECIMAL(10, 2), created_at TIMESTAMP(6),
  op STRING METADATA, ts_ms BIGINT METADATA, order_key STRING METADATA, event_id STRING METADATA,
  source_name STRING METADATA FROM 'source.name')
WITH ('connector' = 'recording', 'path' = 'tests/data/recordings/{flavour}_adaptive',
      'topic' = '{topic}', 'value.format' = 'debezium-avro-confluent');
"""
SINK = """
CREATE TABLE sink (id BIGINT, name STRING, price DECIMAL(10, 2), created_at TIMESTAMP(6),
  day DATE, at TIMESTAMP_LTZ(3), tags ARRAY<STRING>, PRIMARY KEY (id) NOT ENFORCED)
WITH ('connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{brokers}',
      'value.format' = 'debezium-avro-confluent', 'schema-registry.url' = '{registry}'{options});
INSERT INTO sink
SELECT id, name, price, created_at, DATE '1969-12-31', TO_TIMESTAMP_LTZ(0, 3), ARRAY[name, NULL]
FROM items WHERE op NOT IN ('t', 'm');
"""
SOURCE = """
CREATE TABLE items (id BIGINT, name STRING, price DECIMAL(10, 2), created_at TIMESTAMP(6),
  day DATE, at TIMESTAMP_LTZ(3), tags ARRAY<STRING>, op STRING METADATA, ts_ms BIGINT METADATA,
  order_key STRING METADATA, event_id STRING METADATA, headers MAP<STRING, BYTES> METADATA,
  source_name STRING METADATA FROM 'source.name')
WITH ('connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{brokers}',
      'value.format' = 'debezium-avro-confluent', 'schema-registry.url' = '{registry}',
      'scan.bounded.mode' = 'latest-offset');
"""
EVENTS = """
CREATE TABLE events (id BIGINT, name STRING, price DECIMAL(10, 2), created_at TIMESTAMP(6),
  op STRING, ts_ms BIGINT, order_key STRING, event_id STRING, source_name STRING{more})
WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'json');
INSERT INTO events
SELECT id, name, price, created_at, op, ts_ms, order_key, event_id, source_name{values}
FROM items WHERE op NOT IN ('t', 'm');
"""


def run(folder: Path, script: str) -> int:
    path = folder / "job.sql"
    path.write_text(script, encoding="utf-8")
    return sql_job.main([f"--job={path}", f"--output_dir={folder}"])


def events(
    folder: Path, kept: str, source: str, more: str = "", values: str = ""
) -> list[dict[str, Any]]:
    path = folder / "events.jsonl"
    assert run(folder, source + kept.format(path=path, more=more, values=values)) == 0
    return json_lines(path)


@pytest.mark.parametrize(
    ("flavour", "recorded"),
    [
        ("mysql", "mysql_adaptive.shop.items"),
        ("mariadb", "mariadb_adaptive.shop.items"),
        ("pg", "pg_adaptive.public.items"),
    ],
)
def test_events_that_are_written_are_read_as_they_were(
    kafka: Kafka, registry: Registry, topic: Topics, tmp_path: Path, flavour: str, recorded: str
) -> None:
    given = RECORDED.format(flavour=flavour, topic=recorded)
    sink, source, kept = SINK, SOURCE, EVENTS
    if flavour == "pg":
        # Its column has a time zone.
        wall, instant = "created_at TIMESTAMP(6)", "created_at TIMESTAMP_LTZ(6)"
        given, sink, source, kept = (
            each.replace(wall, instant) for each in (given, sink, source, kept)
        )
    name = topic()
    places = {"topic": name, "brokers": kafka.brokers, "registry": registry.url}
    assert run(tmp_path, given + sink.format(**places, options="")) == 0
    expected = events(tmp_path, kept, given)
    assert {"c", "d", "r", "u"} <= {event["op"] for event in expected}
    read = events(
        tmp_path,
        kept,
        source.format(**places),
        ", day DATE, at TIMESTAMP_LTZ(3), tags ARRAY<STRING>, first_id STRING",
        ", day, at, tags, CAST(headers['event_id'] AS STRING)",
    )
    assert len(read) == len(expected) > 100
    for event, was in zip(read, expected, strict=True):
        assert event.pop("day") == "1969-12-31"
        assert event.pop("at") == "1970-01-01 00:00:00Z"
        assert event.pop("tags") == [was["name"], None]
        assert event.pop("first_id") == was["event_id"]
        assert event == was


def test_a_delete_has_before_and_no_after_as_anybody_reads_it(
    kafka: Kafka, registry: Registry, topic: Topics, tmp_path: Path
) -> None:
    given = RECORDED.format(flavour="mysql", topic="mysql_adaptive.shop.items")
    name = topic()
    sink = SINK.format(topic=name, brokers=kafka.brokers, registry=registry.url, options="")
    assert run(tmp_path, given + sink) == 0
    messages = read_topic(kafka.brokers, name)
    decoded = decode(
        pa.array([each.value() for each in messages]),
        SchemaRegistry((registry.url,)),
        choose_decoder(),
    )
    assert decoded.failures == []
    rows = [row for group in decoded.groups for row in group.rows.to_pylist()]
    assert {row["op"] for row in rows} == {"c", "d", "r", "u"}
    for row in rows:
        assert (row["after"] is None) == (row["op"] == "d")
        assert (row["before"] is None) == (row["op"] != "d")
        assert (row["source"]["connector"], row["source"]["db"]) == ("mysql", "shop")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((", PRIMARY KEY (id) NOT ENFORCED", ""), "declare PRIMARY KEY (...) NOT ENFORCED"),
        (("created_at TIMESTAMP(6)", "created_at TIMESTAMP(9)"), "change events have no type for"),
        (("{options}", ", 'key.fields' = 'id', 'key.format' = 'json'"), "is the PRIMARY KEY"),
        (("{options}", ", 'value.fields-include' = 'EXCEPT_KEY'"), "have their key"),
    ],
)
def test_what_no_event_can_have_is_told_of_before_a_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], said: str
) -> None:
    script = RECORDED.format(flavour="mysql", topic="mysql_adaptive.shop.items")
    sink = SINK.replace(*change)
    script += sink.format(topic="t", brokers="b:1", registry="http://r", options="")
    assert run(tmp_path, script) == 2
    assert said in capsys.readouterr().err.replace("\n", " ")


def test_rows_of_no_change_events_cannot_be_written_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = """
    CREATE TABLE messages (id BIGINT) WITH ('connector' = 'pubsub', 'project-name' = 'p',
      'topic-subscription-name' = 'some-events', 'format' = 'json');
    CREATE TABLE sink (id BIGINT, PRIMARY KEY (id) NOT ENFORCED)
    WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = 'b:1',
          'value.format' = 'debezium-avro-confluent', 'schema-registry.url' = 'http://r');
    INSERT INTO sink SELECT id FROM messages;
    """
    assert run(tmp_path, script) == 2
    assert "messages has none: write 'avro-confluent'" in capsys.readouterr().err
