"""A topic's records as rows of changes: Flink's, and those of a change log.

    python -m tests.benchmarks.flink_changes --brokers HOST:PORT --registry URL --topic TOPIC

runs this project's part in a process of its own, on DirectRunner, and prints how many rows it made.
Flink SQL reads the same topic by its own Debezium format into the connector `blackhole`. A row of
the change log has more in it: the event whole, its order key, its id.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

import pipelines  # noqa: F401
from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_reader import ReadTopics
from pipeline_io.kafka_source import KafkaSource, Start, StartMode
from pipeline_io.kafka_topics import plan_read
from pipeline_io.schema_registry import SchemaRegistry
from pipelines.options import BATCH_SIZE, LOCAL_RUNNER
from tests.benchmarks.counted import counted
from tests.benchmarks.flink_change_rows import MakeRows
from tests.benchmarks.flink_rows import OtherRows
from tests.benchmarks.flink_sql import FlinkSql, FlinkSqlJob
from tests.benchmarks.live_jobs import Job
from tests.benchmarks.live_processes import usage_of
from tests.benchmarks.live_runs import START_SECONDS, Backlog, Bench
from tests.benchmarks.live_sinks import settled
from tests.stack.databases import fresh_name
from tests.stack.servers import Registry

_COLUMNS = (
    "id BIGINT, name STRING, price DECIMAL(10, 2), status STRING, created_at BIGINT, "
    "updated_at STRING, PRIMARY KEY (id) NOT ENFORCED"
)
_SCRIPT = """\
CREATE TABLE items ({columns}) WITH (
  'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{brokers}',
  'properties.group.id' = '{group}', 'value.format' = 'debezium-avro-confluent',
  'value.debezium-avro-confluent.url' = '{registry}', 'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset'
);
CREATE TABLE changes ({columns}) WITH ({sink});
INSERT INTO changes SELECT * FROM items;
"""
_BLACKHOLE = "'connector' = 'blackhole'"
_UPSERT = (
    "'connector' = 'upsert-kafka', 'topic' = '{topic}', "
    "'properties.bootstrap.servers' = '{brokers}', 'key.format' = 'json', 'value.format' = 'json'"
)
Row = tuple[Any, ...]


def flink_script(bench: Bench, topic: str, sink_topic: str | None) -> Path:
    """Flink's script; rows go nowhere, or by their key to a topic."""
    group, brokers = fresh_name("bench"), bench.kafka.brokers
    sink = _UPSERT.format(topic=sink_topic, brokers=brokers) if sink_topic else _BLACKHOLE
    registry = bench.stack.server("registry", Registry).url
    path = bench.folder / f"{group}.sql"
    path.write_text(
        _SCRIPT.format(
            columns=_COLUMNS,
            topic=topic,
            brokers=brokers,
            group=group,
            registry=registry,
            sink=sink,
        )
    )
    return path


def by_flink(bench: Bench, driver: FlinkSql, topic: str, records: int) -> Backlog:
    """What Flink SQL took. Raises JobFailed."""
    broker = bench.kafka.pids()["kafka"]
    before, began = usage_of(broker), time.perf_counter()
    usage = FlinkSqlJob(driver, flink_script(bench, topic, None), ends=True).end(
        by_itself=True, patience_seconds=START_SECONDS + records / 1_000
    )
    seconds = time.perf_counter() - began
    return Backlog(records, seconds, 0.0, usage, {"kafka": usage_of(broker).since(before)})


def by_change_log(bench: Bench, topic: str, records: int, kept: Path | None = None) -> Backlog:
    """What this project took, on DirectRunner. Raises JobFailed."""
    registry = bench.stack.server("registry", Registry).url
    command = [sys.executable, "-m", "tests.benchmarks.flink_changes", f"--topic={topic}"]
    command += [f"--brokers={bench.kafka.brokers}", f"--registry={registry}"]
    command += [f"--records={records}", *([f"--kept={kept}"] if kept else [])]
    broker = bench.kafka.pids()["kafka"]
    before, began = usage_of(broker), time.perf_counter()
    job = Job(command, bench.folder / f"{fresh_name('changes')}.log", {})
    try:
        usage = job.end(by_itself=True, patience_seconds=START_SECONDS + records / 1_000)
    finally:
        job.kill()
    seconds = time.perf_counter() - began
    return Backlog(records, seconds, 0.0, usage, {"kafka": usage_of(broker).since(before)})


def check_same_changes(bench: Bench, driver: FlinkSql, topic: str, records: int) -> None:
    """Raises OtherRows unless both leave the same row for each key, and delete as many.

    Each record of the topic must have an id of its own.
    """
    kept = bench.folder / f"{fresh_name('kept')}.txt"
    by_change_log(bench, topic, records, kept)
    lines = [line.partition(" ") for line in kept.read_text(encoding="utf-8").splitlines()]
    ours = Counter(None if op == "d" else _row(after) for op, _, after in lines)
    with bench.sink("kafka", keep=True) as to:
        job = FlinkSqlJob(driver, flink_script(bench, topic, to.topic), ends=True)
        job.end(by_itself=True, patience_seconds=START_SECONDS)
        settled(to, records)
        theirs = Counter(_row(one.payload) if one.payload else None for one in to.messages())
    if ours != theirs:
        message = f"only the change log: {ours - theirs}; only Flink SQL: {theirs - ours}"
        raise OtherRows(message[:2_000])


def _row(text: str | bytes) -> Row:
    row = json.loads(text, parse_float=Decimal)
    price = None if row["price"] is None else Decimal(row["price"])
    times = (moment(row["created_at"]), moment(row["updated_at"]))
    return (row["id"], row["name"], price, row["status"], *times)


def moment(value: int | str | None) -> int | None:
    """Microseconds since 1970-01-01 UTC of what Debezium says, and of the log's ISO text."""
    if not isinstance(value, str):
        return value
    whole, _, fraction = value.removesuffix("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(f"{whole}+00:00").timestamp()
    return int(seconds) * 1_000_000 + int(fraction.ljust(6, "0"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("brokers", "registry", "topic"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--records", type=int, required=True, help="how many there must be")
    parser.add_argument("--kept", type=Path)
    flags = parser.parse_args()
    source = KafkaSource(
        KafkaCluster(flags.brokers),
        topics=(flags.topic,),
        start=Start(StartMode.EARLIEST),
        bounded=True,
        batch_size=BATCH_SIZE,
    )
    registry = SchemaRegistry.from_text(flags.registry)
    with beam.Pipeline(options=PipelineOptions([f"--runner={LOCAL_RUNNER}"])) as pipeline:
        records = pipeline | "Read" >> ReadTopics(source, plan_read(source))
        _ = records | "Rows" >> beam.ParDo(MakeRows(registry, flags.kept))
    if counted() != flags.records:
        message = f"{counted():,} rows of {flags.records:,} records"
        raise SystemExit(message)
    sys.stdout.write(f"{counted()}\n")


if __name__ == "__main__":
    main()
