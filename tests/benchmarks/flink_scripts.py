"""The measured statements, word for word the same for Flink SQL and for this project.

What differs is the declaration of the source. In Flink an update of a Debezium format is two rows,
which a topic of JSON does not take, and the operation is hidden; so there the source is the
envelope, and a view makes of it the rows that the statement reads. Here the Debezium format gives
them itself.
"""

from __future__ import annotations

import dataclasses
import enum
from pathlib import Path

from tests.benchmarks.live_script import COLUMNS, INSERT, SOURCE


class Dialect(enum.Enum):
    """How the source is declared."""

    OURS = "ours"
    FLINK = "flink"
    ENVELOPE = "envelope"
    """Here, with the envelope and the view of Flink's script."""


class Workload(enum.Enum):
    JSON = "json"
    FLAT = "flat"
    """Without a ROW and a TIMESTAMP, which Beam SQL does not take."""
    LOOKUP = "lookup"


KEYS = 10_000
"""Keys that are looked up; every tenth has no row."""
PASSWORD = "KAMIFLOW_BENCH_PASSWORD"  # noqa: S105 (a name)
"""The variable of the environment that has the password of the lookup's database."""

_ROW = (
    "ROW<id BIGINT, name STRING, price DECIMAL(10, 2), status STRING, created_at BIGINT, "
    "updated_at STRING>"
)
_KAFKA = "'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{brokers}'"
_FLINK_OPTIONS = (
    "'properties.group.id' = '{group}', 'value.format' = 'avro-confluent', "
    "'value.avro-confluent.url' = '{registry}', 'scan.startup.mode' = 'earliest-offset', "
    "'scan.bounded.mode' = '{end}'"
)
_ENVELOPE_OPTIONS = (
    "'properties.group.id' = '{group}', 'value.format' = 'avro-confluent', "
    "'schema-registry.url' = '{registry}'"
)
_ENVELOPE = """\
CREATE TABLE changes (
  `before` {row},
  `after` {row},
  op STRING, sent_at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL, proctime AS PROCTIME()
) WITH (
  {kafka},
  {options}
);
CREATE TEMPORARY VIEW items AS
SELECT CASE WHEN op = 'd' THEN c.`before`.id ELSE c.`after`.id END AS id,
       CASE WHEN op = 'd' THEN c.`before`.name ELSE c.`after`.name END AS name,
       CASE WHEN op = 'd' THEN c.`before`.price ELSE c.`after`.price END AS price,
       CASE WHEN op = 'd' THEN c.`before`.status ELSE c.`after`.status END AS status,
       CASE WHEN op = 'd' THEN c.`before`.created_at ELSE c.`after`.created_at END AS created_at,
       CASE WHEN op = 'd' THEN c.`before`.updated_at ELSE c.`after`.updated_at END AS updated_at,
       MOD(CASE WHEN op = 'd' THEN c.`before`.id ELSE c.`after`.id END, {keys}) AS user_id,
       op, sent_at, proctime
FROM changes AS c;
"""
_MORE_OF_OURS = f", user_id AS MOD(id, {KEYS}), proctime AS PROCTIME()\n) WITH ("
_USERS = """\
CREATE TABLE users (id BIGINT, name STRING, risk STRING, PRIMARY KEY (id) NOT ENFORCED)
WITH ('connector' = 'jdbc', 'url' = '{url}', 'table-name' = 'users',
  'username' = '{user}', 'password' = '{password}', {options});
"""
_FLINK_CACHE = (
    "'lookup.cache' = 'PARTIAL', "
    "'lookup.partial-cache.max-rows' = '100000', "
    "'lookup.partial-cache.expire-after-write' = '60 s', "
    "'lookup.partial-cache.cache-missing-key' = 'true'"
)
_OUR_CACHE = "'lookup.cache.max-rows' = '100000', 'lookup.cache.ttl' = '60 s'"
_SINK = f"({_KAFKA}, 'value.format' = 'json', 'properties.compression.type' = 'lz4'{{headers}})"
"""Messages are compressed as this project's are without being told to."""
_NO_HEADERS = ", 'sink.headers' = ''"
"""Flink writes none."""
_LOOKUP_FIELDS = ", customer STRING, risk STRING"
_FLAT_COLUMNS = (
    "  event_name STRING, id STRING, name STRING, price DECIMAL(10, 2), status STRING, "
    "created_at BIGINT, updated_at STRING\n"
)
_INSERT_FLAT = """\
INSERT INTO events
SELECT CASE op WHEN 'c' THEN 'created' WHEN 'u' THEN 'updated' WHEN 'd' THEN 'deleted'
               WHEN 't' THEN 'truncated' ELSE 'read' END,
       CAST(id AS STRING), name, price, UPPER(status), created_at, updated_at
FROM items;
"""
_INSERT_LOOKUP = """\
INSERT INTO events
SELECT 'mysql', 'main',
       (CASE op WHEN 'c' THEN 'created' WHEN 'u' THEN 'updated' WHEN 'd' THEN 'deleted'
                WHEN 't' THEN 'truncated' ELSE 'read' END,
        CAST(i.id AS STRING), i.name, i.price, UPPER(i.status),
        TO_TIMESTAMP(FROM_UNIXTIME(i.created_at / 1000000)), i.updated_at{more_values},
        u.name, u.risk)
FROM items AS i LEFT JOIN users FOR SYSTEM_TIME AS OF i.proctime AS u ON u.id = i.user_id;
"""


@dataclasses.dataclass(frozen=True)
class Lookup:
    """Where the table `users` is: PostgreSQL."""

    host: str
    port: int
    database: str
    user: str
    password: str

    def declared(self, dialect: Dialect) -> str:
        """CREATE TABLE, and of ours with a reference in the place of the password."""
        where = f"{self.host}:{self.port}/{self.database}"
        if dialect is Dialect.FLINK:
            return _USERS.format(
                url=f"jdbc:postgresql://{where}",
                user=self.user,
                password=self.password,
                options=_FLINK_CACHE,
            )
        return _USERS.format(
            url=f"postgresql+psycopg://{where}",
            user=self.user,
            password=f"env://{PASSWORD}",
            options=_OUR_CACHE,
        )


@dataclasses.dataclass(frozen=True)
class FlinkScript:
    """A script of a workload.

    Args:
        lookup: needed by the workload LOOKUP.
        follows: whether a source of Flink has no end, and each event its record's timestamp as
            `sent_at`.
    """

    workload: Workload
    dialect: Dialect
    brokers: str
    registry: str
    topic: str
    sink_topic: str
    group: str
    lookup: Lookup | None = None
    follows: bool = False

    def text(self) -> str:
        fields = ", sent_at STRING" if self.follows else ""
        values = ", CAST(sent_at AS STRING)" if self.follows else ""
        insert, lookup = INSERT, ""
        if self.workload is Workload.LOOKUP:
            assert self.lookup is not None
            lookup = self.lookup.declared(self.dialect)
            fields += _LOOKUP_FIELDS
            insert = _INSERT_LOOKUP
        columns = COLUMNS.format(more_fields=fields)
        if self.workload is Workload.FLAT:
            columns, insert = _FLAT_COLUMNS, _INSERT_FLAT
        headers = "" if self.dialect is Dialect.FLINK else _NO_HEADERS
        sink = _SINK.format(topic=self.sink_topic, brokers=self.brokers, headers=headers)
        return (
            f"{self._source()}{lookup}CREATE TABLE events (\n{columns}) WITH {sink};\n"
            f"{insert.format(more_values=values)}"
        )

    def _source(self) -> str:
        where = {"topic": self.topic, "brokers": self.brokers, "group": self.group}
        if self.dialect is Dialect.OURS:
            given = SOURCE.format(registry=self.registry, **where)
            return given.replace("\n) WITH (", _MORE_OF_OURS, 1)
        options = (_FLINK_OPTIONS if self.dialect is Dialect.FLINK else _ENVELOPE_OPTIONS).format(
            group=self.group,
            registry=self.registry,
            end="unbounded" if self.follows else "latest-offset",
        )
        return _ENVELOPE.format(row=_ROW, keys=KEYS, kafka=_KAFKA.format(**where), options=options)

    def write(self, folder: Path) -> Path:
        path = folder / f"{self.group}.sql"
        path.write_text(self.text(), encoding="utf-8")
        return path
