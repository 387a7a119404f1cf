"""Messages of a subscription as rows of a BigQuery table, on both emulators."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path

import pytest
from google.pubsub_v1.types import PubsubMessage

from kami.bigquery_warehouse import EMULATOR
from pipeline_io.bigquery_config import STORAGE_EMULATOR_VARIABLE
from pipelines import sql_job
from tests.io.bigquery_live import fresh_dataset, queried, sinks
from tests.pipelines.recorded import json_lines
from tests.stack.servers import BigQuery, PubSub
from tests.stack.topics import PubSubTopic, publisher

SCRIPT = """
CREATE TABLE events (payload STRING, message_id STRING METADATA VIRTUAL,
  published TIMESTAMP_LTZ(3) METADATA FROM 'publish_time' VIRTUAL,
  event_id STRING METADATA FROM 'attributes.event_id' VIRTUAL)
WITH ('connector' = 'pubsub', 'project-name' = '{project}', 'format' = 'raw',
      'topic-subscription-name' = '{subscription}', 'endpoint' = 'http://{address}',
      'scan.ack-deadline' = '10 s', 'scan.idle-timeout' = '2 s', 'scan.streams' = '1');
CREATE TABLE analysts ({columns})
WITH ('connector' = 'bigquery', 'project' = '{warehouse}', 'dataset' = '{dataset}',
      'table' = 'events', 'partition-by' = 'published', 'json-columns' = 'payload');
INSERT INTO analysts SELECT {select} FROM events;
"""
COLUMNS = "_event_id STRING, published TIMESTAMP_LTZ(3), payload STRING"
SELECT = "COALESCE(event_id, message_id), published, payload"
AMOUNTS = "SELECT _event_id AS id, JSON_VALUE(payload, '$.amount') AS amount FROM {dataset}.events"
ONCE = """
SELECT _event_id AS id FROM {dataset}.events WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY _event_id ORDER BY published) = 1 ORDER BY 1
"""


def test_events_of_a_subscription_are_rows_at_once_and_new_columns_are_added(
    pubsub: PubSub,
    pubsub_topic: PubSubTopic,
    bigquery: BigQuery,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(EMULATOR, f"http://{bigquery.rest_address}")
    monkeypatch.setenv(STORAGE_EMULATOR_VARIABLE, bigquery.storage_address)
    dataset = fresh_dataset()

    def run(number: int, columns: str, select: str, *flags: str) -> int:
        script = tmp_path / "job.sql"
        names = {
            "project": pubsub_topic.project,
            "subscription": pubsub_topic.subscription.rpartition("/")[2],
            "address": pubsub_topic.address,
            "warehouse": bigquery.project,
            "dataset": dataset,
            "columns": columns,
            "select": select,
        }
        script.write_text(SCRIPT.format(**names), encoding="utf-8")
        output = f"--output_dir={tmp_path / str(number)}"
        return sql_job.main([f"--job={script}", output, *flags])

    def publish(*events: tuple[str, object]) -> None:
        with publisher(pubsub) as client:
            messages = [
                PubsubMessage(data=json.dumps(event).encode(), attributes={"event_id": name})
                for name, event in events
            ]
            client.publish(topic=pubsub_topic.topic, messages=messages)

    numbered = [(f"e{number}", {"amount": number, "nested": [1]}) for number in range(50)]
    # One event comes twice, and one is larger than a request.
    publish(*numbered, numbered[7], ("large", {"amount": "x" * 9_900_000}))
    assert run(1, COLUMNS, SELECT) == 0
    with sinks(bigquery, dataset) as make:
        rows = [(row["id"], row["amount"]) for row in queried(make(), AMOUNTS)]
        expected = [(name, str(number)) for number, (name, _) in enumerate(numbered)]
        assert sorted(rows) == sorted([*expected, ("e7", "7")])
        once = [row["id"] for row in queried(make(), ONCE)]
        assert once == sorted(name for name, _ in numbered)

        publish(("new", {"amount": 51}))
        wider = f"{COLUMNS}, amount BIGINT"
        select = f"{SELECT}, CAST(JSON_VALUE(payload, '$.amount') AS BIGINT)"
        assert run(2, wider, select) == 1
        assert run(3, wider, select, "--schema_evolution=add") == 0
        found = queried(make(), "SELECT _event_id, amount FROM {dataset}.events WHERE amount > 0")
        assert found == [{"_event_id": "new", "amount": 51}]
    assert pubsub_topic.drain() == []
    (letter,) = json_lines(tmp_path / "1" / "dead_letters.jsonl")
    assert (letter["stage"], letter["topic"]) == ("publish", pubsub_topic.subscription)


EVERY_TYPE = """
CREATE TABLE items (id BIGINT)
WITH ('connector' = 'recording', 'path' = 'tests/data/recordings/mysql_adaptive',
      'topic' = 'mysql_adaptive.shop.items', 'value.format' = 'debezium-avro-confluent');
CREATE TABLE every (b BOOLEAN, i TINYINT, f FLOAT, n DECIMAL(10, 2), big DECIMAL(30, 20),
  s VARCHAR(5), y BYTES, d DATE, t TIME(3), local TIMESTAMP(6), at TIMESTAMP_LTZ(6),
  r ROW<x INT, y ROW<z DATE>>, l ARRAY<STRING>, rows_of ARRAY<ROW<x DECIMAL(5, 1)>>,
  m MAP<STRING, INT>, nothing STRING)
WITH ('connector' = 'bigquery', 'project' = '{warehouse}', 'dataset' = '{dataset}',
      'table' = 'every', 'partition-by' = 'd', 'cluster-by' = 'i;s');
INSERT INTO every
SELECT TRUE, CAST(-7 AS TINYINT), CAST(0.5 AS FLOAT), CAST(12345678.25 AS DECIMAL(10, 2)),
  CAST('1234567890.000000001' AS DECIMAL(30, 20)), 'grün', CAST('ab' AS BYTES),
  DATE '2026-01-31', TIME '12:34:56.789', TIMESTAMP '2026-01-31 01:02:03.456789',
  TO_TIMESTAMP_LTZ(1234, 3), ROW(1, ROW(DATE '0001-01-01')), ARRAY['a', 'b'],
  ARRAY[ROW(CAST(1.5 AS DECIMAL(5, 1)))], MAP['k', 1], NULL
FROM items WHERE id = 1;
"""


# The emulator keeps nine digits of a BIGNUMERIC behind the point, and takes up to 4 MB a request.
def test_every_type_comes_back_from_its_column(
    bigquery: BigQuery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EMULATOR, f"http://{bigquery.rest_address}")
    monkeypatch.setenv(STORAGE_EMULATOR_VARIABLE, bigquery.storage_address)
    dataset = fresh_dataset()
    script = tmp_path / "job.sql"
    names = {"warehouse": bigquery.project, "dataset": dataset}
    script.write_text(EVERY_TYPE.format(**names), encoding="utf-8")
    assert sql_job.main([f"--job={script}", f"--output_dir={tmp_path / 'out'}"]) == 0
    with sinks(bigquery, dataset) as make:
        rows = queried(make(), "SELECT * FROM {dataset}.every")
    assert len(rows) > 1
    local = datetime.datetime.fromisoformat("2026-01-31T01:02:03.456789")
    for row in rows:
        assert row == {
            "b": True,
            "i": -7,
            "f": 0.5,
            "n": Decimal("12345678.25"),
            "big": Decimal("1234567890.000000001"),
            "s": "grün",
            "y": b"ab",
            "d": local.date(),
            "t": datetime.time(12, 34, 56, 789_000),
            "local": local,
            "at": datetime.datetime(1970, 1, 1, 0, 0, 1, 234_000, tzinfo=datetime.timezone.utc),
            "r": {"x": 1, "y": {"z": datetime.date(1, 1, 1)}},
            "l": ["a", "b"],
            "rows_of": [{"x": Decimal("1.5")}],
            "m": {"k": 1},
            "nothing": None,
        }
