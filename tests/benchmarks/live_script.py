"""The job that is measured: Debezium's changes of `items` become events, for each kind of sink."""

from __future__ import annotations

import dataclasses
from pathlib import Path

SINKS = ("kafka", "pubsub")

SOURCE = """\
CREATE TABLE items (
  id BIGINT, name STRING, price DECIMAL(10, 2), status STRING, created_at BIGINT,
  updated_at STRING, op STRING METADATA VIRTUAL, sent_at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp'
) WITH (
  'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{brokers}',
  'properties.group.id' = '{group}', 'value.format' = 'debezium-avro-confluent',
  'schema-registry.url' = '{registry}'
);
"""
COLUMNS = """\
  source STRING, `index` STRING,
  event ROW<event_name STRING, id STRING, name STRING, price DECIMAL(10, 2), status STRING,
            created_at TIMESTAMP(3), updated_at STRING{more_fields}>
"""
_SINKS = {
    # Flink writes no headers, and what is compared with it does the same work.
    "kafka": """\
  'connector' = 'kafka', 'topic' = '{sink_topic}', 'properties.bootstrap.servers' = '{brokers}',
  'value.format' = 'json', 'sink.headers' = '{headers}'
""",
    "pubsub": """\
  'connector' = 'pubsub', 'project-name' = '{project}', 'topic' = '{sink_topic}',
  'endpoint' = 'http://{pubsub}', 'format' = 'json', 'sink.attributes' = '{attributes}'
""",
}
INSERT = """\
INSERT INTO events
SELECT 'mysql', 'main',
       (CASE op WHEN 'c' THEN 'created' WHEN 'u' THEN 'updated' WHEN 'd' THEN 'deleted'
                WHEN 't' THEN 'truncated' ELSE 'read' END,
        CAST(id AS STRING), name, price, UPPER(status),
        TO_TIMESTAMP(FROM_UNIXTIME(created_at / 1000000)), updated_at{more_values})
FROM items;
"""
HEADERS = ("event_id", "order_key", "table", "op")


@dataclasses.dataclass(frozen=True)
class LiveScript:
    """Where the job reads and writes.

    Args:
        sink: one of SINKS.
        attributes: whether messages have what a sink says of the change event by default.
        with_times: whether each event holds its record's timestamp as `sent_at`.
    """

    brokers: str
    registry: str
    topic: str
    sink: str
    sink_topic: str
    group: str
    pubsub: str = ""
    project: str = ""
    attributes: bool = False
    with_times: bool = False

    def text(self) -> str:
        source = SOURCE.format(
            topic=self.topic, brokers=self.brokers, group=self.group, registry=self.registry
        )
        columns = COLUMNS.format(more_fields=", sent_at STRING" if self.with_times else "")
        options = _SINKS[self.sink].format(
            sink_topic=self.sink_topic,
            brokers=self.brokers,
            headers=";".join(HEADERS) if self.attributes else "",
            attributes=str(self.attributes).lower(),
            project=self.project,
            pubsub=self.pubsub,
        )
        more = ", CAST(sent_at AS STRING)" if self.with_times else ""
        insert = INSERT.format(more_values=more)
        return f"{source}CREATE TABLE events (\n{columns}) WITH (\n{options});\n{insert}"

    def write(self, folder: Path) -> Path:
        path = folder / f"{self.group}.sql"
        path.write_text(self.text(), encoding="utf-8")
        return path
