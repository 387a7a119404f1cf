"""Runs an SQL job over Kafka records without Beam, and makes the records."""

from __future__ import annotations

import base64
import datetime
import functools
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import polars as pl
import pyarrow as pa

import transforms.sql.functions
from transforms.avro import SchemaSource, UnknownSchemaId, choose_decoder
from transforms.dead_letters import Refusal
from transforms.lookup import CachePolicy, Lookup
from transforms.records import RECORD_SCHEMA
from transforms.sql.errors import Script
from transforms.sql.in_process import BranchRun
from transforms.sql.job import Job
from transforms.sql.plan import ArrayLookup, LookupJoin, Plan
from transforms.sql.run import JobText
from transforms.sql.source_run import Counts, SourceRun
from transforms.sql.types import polars_type

assert transforms.sql.functions  # Importing it registers the functions.

RECORDINGS = Path(__file__).parents[2] / "data" / "recordings"
NOW = datetime.datetime(2026, 5, 1, 12, 30, 15, 250_000, tzinfo=datetime.timezone.utc)
SINK = "WITH ('connector' = 'filesystem', 'path' = 'out.jsonl', 'format' = 'json')"


def source_options(value_format: str = "debezium-avro-confluent", **more: str) -> str:
    """The WITH clause of a source; its records come from the test, whatever the path says."""
    options = {"connector": "recording", "path": "recorded", "value.format": value_format, **more}
    return "WITH (" + ", ".join(f"'{name}' = '{value}'" for name, value in options.items()) + ")"


def script(columns: str, sink: str, select: str, rest: str = "", options: str = "") -> str:
    """A job with the source t (Debezium's envelopes if not told otherwise) and the sink o."""
    insert = f"INSERT INTO o SELECT {select} FROM t {rest};"  # noqa: S608 (no database gets it)
    source = f"CREATE TABLE t ({columns}) {options or source_options()};"
    return f"{source}\nCREATE TABLE o ({sink}) {SINK};\n{insert}"


class Schemas(NamedTuple):
    """Writer schemas by id (transforms.avro.SchemaSource)."""

    texts: Mapping[int, str]

    def schema(self, schema_id: int) -> str:
        if schema_id not in self.texts:
            message = f"no schema {schema_id}"
            raise UnknownSchemaId(message)
        return self.texts[schema_id]


class Recorded(NamedTuple):
    records: pa.RecordBatch
    schemas: SchemaSource


@functools.cache
def recorded(name: str, topic: str | None = None) -> Recorded:
    """A recording, or what ends in `topic` of it."""
    folder = RECORDINGS / name
    schemas = json.loads((folder / "schemas.json").read_text(encoding="utf-8"))
    lines = map(json.loads, (folder / "records.jsonl").read_text(encoding="utf-8").splitlines())
    rows: list[dict[str, Any]] = [
        _row(line) for line in lines if topic is None or line["topic"].endswith(topic)
    ]
    texts = {int(number): json.dumps(entry["schema"]) for number, entry in schemas.items()}
    return Recorded(pa.RecordBatch.from_pylist(rows, schema=RECORD_SCHEMA), Schemas(texts))


def _row(line: dict[str, Any]) -> dict[str, Any]:
    headers = [{"key": key, "value": _bytes(value)} for key, value in line["headers"]]
    return {
        **line,
        "headers": headers,
        "key": _bytes(line["key"]),
        "value": _bytes(line["value"]),
    }


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def records_of(values: Sequence[bytes | None], keys: Sequence[bytes | None] = ()) -> pa.RecordBatch:
    """Records of one partition with these values."""
    rows: list[dict[str, Any]] = [
        {
            "topic": "t",
            "partition": 0,
            "offset": offset,
            "timestamp": NOW,
            "headers": [],
            "key": keys[offset] if keys else b"k",
            "value": value,
        }
        for offset, value in enumerate(values)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=RECORD_SCHEMA)


def framed(schema_id: int, body: bytes) -> bytes:
    """An Avro body in the Confluent wire format."""
    return b"\x00" + schema_id.to_bytes(4, "big") + body


def written(schema: Mapping[str, Any], rows: Sequence[Mapping[str, Any] | None]) -> Recorded:
    """Records of one schema, id 1, with each row's Avro in the wire format; None is a tombstone."""
    parsed = fastavro.parse_schema(dict(schema))
    values: list[bytes | None] = []
    for row in rows:
        body = io.BytesIO()
        if row is not None:
            fastavro.schemaless_writer(body, parsed, dict(row))
        values.append(None if row is None else framed(1, body.getvalue()))
    return Recorded(records_of(values), Schemas({1: json.dumps(schema)}))


def record_type(name: str, /, **fields: Any) -> dict[str, Any]:
    """An Avro record of these fields."""
    return {
        "type": "record",
        "name": name,
        "fields": [{"name": field, "type": kind} for field, kind in fields.items()],
    }


class Ran(NamedTuple):
    """What a job made: rows and counts by statement, and all refusals, whose position is that of
    the record in the whole input."""

    rows: dict[str, list[Any]]
    counts: dict[str, Counts]
    refusals: list[Refusal]

    def only(self) -> list[Any]:
        """The rows of a job with one statement."""
        (rows,) = self.rows.values()
        return rows

    def only_counts(self) -> Counts:
        (counts,) = self.counts.values()
        return counts

    def check_sums(self) -> None:
        for name, counts in self.counts.items():
            assert counts.events == len(self.rows[name])
            ends = counts.events + counts.filtered + counts.tombstones + counts.dead_letters
            assert counts.records + counts.multiplied == ends, (name, counts)


class Table(NamedTuple):
    """A looked up table in memory (transforms.lookup_fetch.LookupSource): key -> rows."""

    data: Mapping[object, Sequence[tuple[object, ...]]]
    key_errors: tuple[type[Exception], ...] = ()
    name: str = "table in memory"
    queries: int = 0
    retries: int = 0

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def fetch(self, keys: Sequence[tuple[object, ...]]) -> list[tuple[object, ...]]:
        return [(key, *row) for (key,) in keys for row in self.data.get(key, ())]


class Tables:
    """Lookups over tables in memory (transforms.sql.in_process.LookupOpener).

    tables: by name, rows of one key each: key -> [{column: value}].
    queries: what a LOOKUP_ARRAY gives by key, whatever it asks.
    """

    def __init__(
        self,
        tables: Mapping[str, Mapping[object, Sequence[Mapping[str, object]]]] | None = None,
        queries: Mapping[object, Sequence[tuple[object, ...]]] | None = None,
    ) -> None:
        self.tables = tables or {}
        self.queries = queries or {}

    def table(self, step: LookupJoin, columns: Mapping[str, pl.DataType]) -> Lookup:
        data = {
            key: [tuple(row.get(name) for name in columns) for row in rows]
            for key, rows in self.tables[step.table.name].items()
        }
        keys = {name: polars_type(expression.type) for name, expression in step.keys}
        return Lookup(Table(data), keys, columns, CachePolicy(60.0, 1_000))

    def query(self, step: ArrayLookup) -> Lookup:
        columns = {field.name: polars_type(field.type) for field in step.element.fields}
        keys = {"key": polars_type(step.key.type)}
        return Lookup(Table(self.queries), keys, columns, CachePolicy(60.0, 1_000))


@functools.cache
def _compiled(text: str) -> tuple[Job, Plan]:
    return JobText(Script("job.sql", text), {}).compile()


def run(
    text: str,
    source: Recorded,
    lookups: Tables | None = None,
    batch_sizes: Sequence[int] = (),
    decoder: str = "auto",
) -> Ran:
    """Runs all statements of a job with one source over records, in batches of these sizes (the
    last goes on to the end; all in one if there is none)."""
    job, plan = _compiled(text)
    (table,) = plan.sources()
    branches = [BranchRun(branch, lookups or Tables(), job.where) for branch in plan.branches]
    rows: dict[str, list[Any]] = {branch.name: [] for branch in plan.branches}
    counts = {branch.name: Counts() for branch in plan.branches}
    refusals: list[Refusal] = []
    schemas: SchemaSource = source.schemas
    with SourceRun(table, branches, schemas, choose_decoder(decoder), lambda: NOW) as opened:
        for start, batch in _batches(source.records, batch_sizes):
            done = opened.process(batch)
            for name, share in done.branches.items():
                assert share.rows.column(0).null_count == 0
                rows[name] += [json.loads(row or "") for row in share.rows.column(0).to_pylist()]
                for field, value in vars(share.counts).items():
                    setattr(counts[name], field, getattr(counts[name], field) + value)
            refusals += [
                Refusal(**{**vars(refusal), "position": refusal.position + start})
                for refusal in done.refusals
            ]
    return Ran(rows, counts, refusals)


def _batches(records: pa.RecordBatch, sizes: Sequence[int]) -> Iterator[tuple[int, pa.RecordBatch]]:
    start = 0
    numbers = iter(sizes)
    size = records.num_rows
    while start < records.num_rows:
        size = next(numbers, size)
        yield start, records.slice(start, size)
        start += size
