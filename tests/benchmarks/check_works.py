"""The fixed work that a check measures: what a job does with each batch, without servers.

Each piece works on the same 5,000 recorded changes, again and again. What it needs is made before
it is measured.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

# First, as in a job: it sets the size of polars' thread pool.
import pipelines  # noqa: F401
from pipeline_io.kafka_write_messages import messages_of
from pipeline_io.recording import RecordingSchemas
from pipelines.lookups import DatabaseLookups
from tests.benchmarks.change_log_speed import batches, change_log
from tests.benchmarks.check_kafka import ThroughKafka
from tests.benchmarks.job_speed import FOLDER, SQL, VALUES
from transforms.avro import choose_decoder, decode
from transforms.sql.errors import Script
from transforms.sql.in_process import BranchRun
from transforms.sql.run import JobText, utc_now
from transforms.sql.source_run import SourceRun

BATCH = 5_000
_FEW = 250
_LOOKUP = """\
CREATE TABLE users (id BIGINT, name STRING, PRIMARY KEY (id) NOT ENFORCED)
WITH ('connector' = 'jdbc', 'url' = 'sqlite:///{path}', 'table-name' = 'users');
CREATE TABLE items (
  id BIGINT, name STRING, price DECIMAL(10, 2), op STRING METADATA VIRTUAL, now AS PROCTIME()
) WITH ('connector' = 'recording', 'path' = '${{FOLDER}}', 'topic' = '${{TOPIC}}');
CREATE TABLE events (op STRING, id STRING, name STRING, price DECIMAL(10, 2), customer STRING)
WITH ('connector' = 'filesystem', 'path' = 'unused', 'format' = 'json');
INSERT INTO events
SELECT i.op, CAST(i.id AS STRING), i.name, i.price, u.name
FROM items AS i LEFT JOIN users FOR SYSTEM_TIME AS OF i.now AS u ON u.id = i.id;
"""
Call = Callable[[], object]


@dataclasses.dataclass(frozen=True)
class Work:
    """A piece of work, and of how many records it is."""

    name: str
    records: int
    call: Call


class _Rows:
    """The statement of job_speed over batches, or one with a lookup join."""

    def __init__(self, sql: str, decoder: str) -> None:
        job, plan = JobText(Script("check.sql", sql), VALUES).compile()
        branches = [BranchRun(one, DatabaseLookups(), job.where) for one in plan.branches]
        schemas = RecordingSchemas(str(FOLDER))
        self.run = SourceRun(
            job.tables["items"], branches, schemas, choose_decoder(decoder), utc_now
        )

    def __call__(self, records: pa.RecordBatch) -> pa.RecordBatch:
        (share,) = self.run.process(records).branches.values()
        return share.rows


def _with_lookup(database: Path) -> str:
    """A statement joined to a table of SQLite, whose rows are all in the cache when it is
    measured."""
    with contextlib.closing(sqlite3.connect(database)) as users:
        users.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
        users.executemany("INSERT INTO users VALUES (?, ?)", ((i, f"u{i}") for i in range(0, 400)))
        users.commit()
    return _LOOKUP.format(path=database)


@contextlib.contextmanager
def works(folder: Path) -> Iterator[list[Work]]:
    """All pieces within the block, to be called a few times first; `folder` gets a database of
    SQLite."""
    (whole,) = batches(FOLDER, BATCH)
    few = whole.slice(0, _FEW)
    values: Any = whole.column("value")
    schemas = RecordingSchemas(str(FOLDER))
    native, reference = choose_decoder(), choose_decoder("fastavro")
    log = change_log(FOLDER)
    with contextlib.ExitStack() as stack:
        plain, lookup = _Rows(SQL, "auto"), _Rows(_with_lookup(folder / "users.db"), "auto")
        for rows_of in (plain, lookup):
            stack.enter_context(rows_of.run)
        rows = plain(whole)
        found = [
            Work("decode Avro", BATCH, lambda: decode(values, schemas, native)),
            Work(
                "decode Avro with fastavro",
                _FEW,
                lambda: decode(values.slice(0, _FEW), schemas, reference),
            ),
            Work("statement to JSON", BATCH, lambda: plain(whole)),
            Work("statement with a lookup", BATCH, lambda: lookup(whole)),
            Work("rows of a change log", BATCH, lambda: log.process(whole)),
            Work("messages of Kafka", BATCH, lambda: list(messages_of(rows, ("event_id", "op")))),
            Work("a small batch", _FEW, lambda: plain(few)),
            # Last: it has threads of its own.
            Work("to Kafka and back", rows.num_rows, ThroughKafka(rows, stack)),
        ]
        yield found
