"""The same work without Beam, and its parts alone: what they cost at least.

Each runs in a process of its own, which prints its figures as JSON:

    python -m tests.benchmarks.live_parts --part plain --script JOB.sql

plain: a loop that a person writes around the client library, with this project's decoder, SQL and
JSON. parts: the same loop with this project's reader and writer. read, write: one of them alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import confluent_kafka
import pyarrow as pa

# First, as in a job: it sets the size of polars' thread pool.
import pipelines  # noqa: F401
from pipeline_io.kafka_partitions import PartitionReader
from pipeline_io.kafka_topics import plan_read
from pipeline_io.kafka_write_producer import TopicProducer
from pipeline_io.record_schema import RECORD_SCHEMA
from pipelines.kafka_tables import KafkaRun, kafka_source, schema_registry
from pipelines.lookups import DatabaseLookups
from pipelines.options import BATCH_SIZE
from pipelines.sinks import topic_sink
from transforms.avro import choose_decoder
from transforms.sql.errors import Script
from transforms.sql.in_process import BranchRun
from transforms.sql.run import JobText, utc_now
from transforms.sql.source_run import SourceRun

PARTS = ("plain", "parts", "read", "write")
CONFIRM_EVERY = 100_000


class Sections:
    """CPU seconds of this thread by the name of what it did."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def of(self, name: str) -> Iterator[None]:
        started = time.thread_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.thread_time() - started


class Work:
    """A job's source, statements and sink, taken out of its script."""

    def __init__(self, script: str) -> None:
        text = JobText(Script(script, Path(script).read_text(encoding="utf-8")), {})
        self.job, plan = text.compile()
        self.table = self.job.tables["items"]
        self.source = kafka_source(self.table, KafkaRun(batch_size=BATCH_SIZE))
        branches = [BranchRun(one, DatabaseLookups(), self.job.where) for one in plan.branches]
        (self.sink,) = plan.sinks()
        self.run = SourceRun(
            self.table, branches, schema_registry(self.table), choose_decoder(), utc_now
        )

    def rows_of(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """The rows for the sink. Raises RuntimeError: a record was refused."""
        batch = self.run.process(records)
        if batch.refusals:
            message = f"a record was refused: {batch.refusals[0]}"
            raise RuntimeError(message)
        (share,) = batch.branches.values()
        return share.rows


class Consumed:
    """Reads as a person would: values alone, in the simplest way."""

    def __init__(self, work: Work) -> None:
        plan = plan_read(work.source)
        (self._positions,) = plan.positions
        config = work.source.cluster.client_config()
        self._consumer = confluent_kafka.Consumer(
            {**config, "group.id": "plain", "enable.auto.commit": False}
        )
        at = self._positions
        place = confluent_kafka.TopicPartition(at.topic, at.partition, at.start)
        self._consumer.assign([place])
        self._left = (at.end or 0) - at.start

    def __call__(self) -> pa.RecordBatch | None:
        if self._left <= 0:
            self._consumer.close()
            return None
        messages = self._consumer.consume(min(BATCH_SIZE, self._left), 1.0)
        self._left -= len(messages)
        values: dict[str, pa.Array[Any]] = {
            "topic": pa.repeat(self._positions.topic, len(messages)),
            "partition": pa.repeat(pa.scalar(0, pa.int32()), len(messages)),
            "offset": pa.repeat(pa.scalar(0, pa.int64()), len(messages)),
            "value": pa.array([message.value() for message in messages], pa.binary()),
        }
        columns = [
            values.get(field.name, pa.nulls(len(messages), field.type)) for field in RECORD_SCHEMA
        ]
        return pa.RecordBatch.from_arrays(columns, schema=RECORD_SCHEMA)


def reading(work: Work) -> Callable[[], pa.RecordBatch | None]:
    """The next batch of this project's reader, until there is none."""
    reader = PartitionReader(work.source)
    positions = plan_read(work.source).positions
    found: list[pa.RecordBatch] = []

    def following() -> pa.RecordBatch | None:
        nonlocal positions
        while not found and not all(each.is_done for each in positions):
            for fetched in reader.read(positions, work.source.batch_size, 0.5):
                positions = fetched.positions
                if fetched.batch is not None:
                    found.append(fetched.batch)
        if found:
            return found.pop(0)
        reader.close()
        return None

    return following


class Produced:
    """Writes as a person would: one call a message, flushed at the end."""

    def __init__(self, work: Work) -> None:
        sink = topic_sink(work.sink)
        self._topic = sink.topic
        self._producer = confluent_kafka.Producer(sink.producer_config(None))

    def send(self, rows: pa.RecordBatch) -> None:
        produce = self._producer.produce
        for payload in rows.column("payload").to_pylist():
            while True:
                try:
                    produce(self._topic, payload)
                    break
                except BufferError:
                    self._producer.poll(0.1)
        self._producer.poll(0)

    def confirm(self) -> None:
        self._producer.flush()


class Written:
    """Writes with this project's producer."""

    def __init__(self, work: Work) -> None:
        self._sink = topic_sink(work.sink)
        self._producer = TopicProducer(self._sink, None)
        self._count = 0

    def send(self, rows: pa.RecordBatch) -> None:
        self._producer.send_rows(rows, self._count)
        self._count += rows.num_rows
        if self._count >= CONFIRM_EVERY:
            self.confirm()

    def confirm(self) -> None:
        if self._producer.confirm():
            message = "the broker refused messages"
            raise RuntimeError(message)
        self._count = 0


def measure(part: str, script: str) -> dict[str, Any]:
    """Runs a part over all that the topic has; its figures."""
    work, sections = Work(script), Sections()
    read = Consumed(work) if part == "plain" else reading(work)
    writer = Produced(work) if part == "plain" else Written(work)
    records, started, cpu = 0, time.perf_counter(), time.process_time()
    with work.run:
        while True:
            with sections.of("read"):
                batch = read()
            if batch is None:
                break
            if part == "write":
                # One batch, again and again: what reads and makes it is not counted.
                rows = work.rows_of(batch)
                times = plan_read(work.source).offsets // rows.num_rows
                started, cpu = time.perf_counter(), time.process_time()
                for _ in range(times):
                    with sections.of("write"):
                        writer.send(rows)
                records = times * rows.num_rows
                break
            records += batch.num_rows
            if part == "read":
                continue
            with sections.of("decode, SQL, JSON"):
                rows = work.rows_of(batch)
            with sections.of("write"):
                writer.send(rows)
        with sections.of("write"):
            writer.confirm()
    return {
        "records": records,
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "sections": sections.seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS, required=True)
    parser.add_argument("--script", required=True)
    flags = parser.parse_args()
    sys.stdout.write(json.dumps(measure(flags.part, flags.script)) + "\n")


if __name__ == "__main__":
    main()
