"""Speed and memory of an SQL job, as ratios to the per-record route in the same run.

    python -m tests.benchmarks.job_speed [--records 200000] [--repeats 3]

Every route reads the same Kafka records (a recording's `items`, repeated), decodes Debezium's Avro,
shapes each change into the same event and encodes it as JSON, inside a Beam pipeline on one worker
thread; the per-record route is what a Beam user writes first: fastavro, a dict, orjson, one element
a record. Each measurement is a process of its own; the routes take turns. The events are compared
before anything is measured.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import io
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import fastavro
import orjson
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

# First, as in `python -m pipelines.aml`: it sets the size of polars' thread pool.
import pipelines  # noqa: F401
from pipeline_io.recording import Recording, RecordingSchemas
from pipelines.lookups import DatabaseLookups
from pipelines.options import LOCAL_RUNNER
from tests.benchmarks.counted import count, counted
from transforms.dead_letters import Origin
from transforms.sql.errors import Script
from transforms.sql.run import JobText, RunStatements

FOLDER = Path(__file__).parents[1] / "data" / "recordings" / "mysql_adaptive"
TOPIC = "mysql_adaptive.shop.items"
BATCH_SIZE = 5_000
ROUTES = ("per-record", "fastavro", "native")

SQL = """
CREATE TABLE items (
  id BIGINT, name STRING, price DECIMAL(10, 2), status STRING, created_at BIGINT,
  updated_at STRING, op STRING METADATA VIRTUAL
) WITH ('connector' = 'recording', 'path' = '${FOLDER}', 'topic' = '${TOPIC}');
CREATE TABLE events (
  source STRING, `index` STRING,
  event ROW<event_name STRING, id STRING, name STRING, price DECIMAL(10, 2), status STRING,
            created_at TIMESTAMP(3), updated_at STRING>
) WITH ('connector' = 'filesystem', 'path' = 'unused', 'format' = 'json');
INSERT INTO events
SELECT 'mysql', 'main',
       (CASE op WHEN 'c' THEN 'created' WHEN 'u' THEN 'updated' WHEN 'd' THEN 'deleted'
                WHEN 't' THEN 'truncated' ELSE 'read' END,
        CAST(id AS STRING), name, price, UPPER(status),
        TO_TIMESTAMP(FROM_UNIXTIME(created_at / 1000000)), updated_at)
FROM items;
"""
VALUES = {"FOLDER": str(FOLDER), "TOPIC": TOPIC}
NAMES = {"c": "created", "u": "updated", "d": "deleted", "t": "truncated"}


def recorded() -> pa.RecordBatch:
    """The recording's records with a value, as one batch."""
    (batch,) = Recording(str(FOLDER), TOPIC).batches(1_000_000)
    return batch.filter(batch.column("value").is_valid())


def shaped(change: dict[str, Any]) -> dict[str, Any]:
    """The event of one change event, as the SQL has it."""
    op = change["op"]
    row = (change["before"] if op == "d" else change["after"]) or dict.fromkeys(
        ("id", "name", "price", "status", "created_at", "updated_at")
    )
    created = row["created_at"]
    if created is not None:
        # SQL divides towards zero.
        seconds = created // 1_000_000 if created >= 0 else -(-created // 1_000_000)
        moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
        created = moment.strftime("%Y-%m-%d %H:%M:%S")
    return {
        "source": "mysql",
        "index": "main",
        "event": {
            "event_name": NAMES.get(op, "read"),
            "id": None if row["id"] is None else str(row["id"]),
            "name": row["name"],
            "price": row["price"],
            "status": None if row["status"] is None else row["status"].upper(),
            "created_at": created,
            "updated_at": row["updated_at"],
        },
    }


@functools.cache
def parsed_schema(schema_id: int) -> Any:
    text = RecordingSchemas(str(FOLDER)).schema(schema_id)
    return fastavro.parse_schema(json.loads(text))


def event_of(value: bytes) -> bytes:
    """Wire format to JSON, one record: what the per-record route does."""
    schema = parsed_schema(int.from_bytes(value[1:5], "big"))
    change: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)
    return orjson.dumps(shaped(change), default=float)


class Repeated(beam.DoFn):
    """The recorded records again and again, as batches or one by one."""

    def __init__(self, records: int, *, batches: bool) -> None:
        self.records = records
        self.batches = batches

    def process(self, element: None) -> Iterator[Any]:
        batch = recorded()
        whole = pa.Table.from_batches([batch] * (BATCH_SIZE // batch.num_rows + 1))
        (full,) = whole.combine_chunks().to_batches()
        values = full.column("value").to_pylist()
        for start in range(0, self.records, BATCH_SIZE):
            size = min(BATCH_SIZE, self.records - start)
            if self.batches:
                yield full.slice(0, size)
            else:
                yield from values[:size]


def measure(route: str, records: int) -> None:
    """Runs one route and prints its figures as JSON."""
    started, cpu = time.perf_counter(), time.process_time()
    options = PipelineOptions([f"--runner={LOCAL_RUNNER}"])
    with beam.Pipeline(options=options) as pipeline:
        begin = pipeline | beam.Create([None], reshuffle=False)
        source = begin | "Source" >> beam.ParDo(Repeated(records, batches=route != "per-record"))
        if route == "per-record":
            rows: Any = source | beam.Map(event_of)
        else:
            rows = (source | run_statements(route)).rows["events"]
        _ = rows | "Count" >> beam.Map(count)
    if counted() != records:
        message = f"{route}: {counted()} events of {records} records"
        raise RuntimeError(message)
    figures = {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def run_statements(decoder: str) -> RunStatements:
    return RunStatements(
        JobText(Script("bench.sql", SQL), VALUES),
        "items",
        ("events",),
        RecordingSchemas(str(FOLDER)),
        DatabaseLookups(),
        decoder,
        Origin("bench", "0"),
    )


def in_process(route: str, records: int) -> dict[str, float]:
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.job_speed",
        "--route",
        route,
        "--records",
        str(records),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def check_same_events() -> None:
    """Stops if the routes do not make the same events of the recording."""
    from transforms.avro import choose_decoder
    from transforms.sql.in_process import BranchRun
    from transforms.sql.run import utc_now
    from transforms.sql.source_run import SourceRun

    batch = recorded()
    values: list[Any] = batch.column("value").to_pylist()
    wanted = [event_of(value) for value in values]
    job, plan = JobText(Script("bench.sql", SQL), VALUES).compile()
    for route in ROUTES[1:]:
        runs = [BranchRun(branch, DatabaseLookups(), job.where) for branch in plan.branches]
        schemas = RecordingSchemas(str(FOLDER))
        with SourceRun(job.tables["items"], runs, schemas, choose_decoder(route), utc_now) as run:
            (share,) = run.process(batch).branches.values()
        found: list[Any] = share.rows.column("payload").to_pylist()
        if list(map(orjson.loads, found)) != list(map(orjson.loads, wanted)):
            message = f"the route {route} makes other events than the per-record route"
            raise RuntimeError(message)


def report(records: int, repeats: int) -> None:
    check_same_events()
    results: dict[str, list[dict[str, float]]] = {route: [] for route in ROUTES}
    start_up = {route: in_process(route, 1)["cpu_seconds"] for route in ROUTES}
    for _ in range(repeats):
        for route in ROUTES:
            results[route].append(in_process(route, records))

    def cost(route: str) -> float:
        cpu = statistics.median(figures["cpu_seconds"] for figures in results[route])
        return (cpu - start_up[route]) / records * 1e6

    lines = [f"{records:,} records, median of {repeats}; CPU seconds without the start-up of Beam"]
    lines.append(f"{'route':12}{'CPU s a million':>18}{'ratio':>10}{'peak MiB':>10}")
    for route in ROUTES:
        peak = statistics.median(figures["peak_mebibytes"] for figures in results[route])
        ratio = cost("per-record") / cost(route)
        lines.append(f"{route:12}{cost(route):18.2f}{ratio:9.1f}x{peak:10.0f}")
    small = in_process("native", records)["peak_mebibytes"]
    large = in_process("native", records * 10)["peak_mebibytes"]
    lines.append(
        f"memory, native: {small:.0f} MiB for {records:,} records, {large:.0f} MiB for "
        f"{records * 10:,} ({large / small:.2f}x)"
    )
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--route", choices=ROUTES)
    flags = parser.parse_args()
    if flags.route:
        measure(flags.route, flags.records)
    else:
        report(flags.records, flags.repeats)


if __name__ == "__main__":
    main()
