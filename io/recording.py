"""Recordings of Kafka topics: a folder with records.jsonl and schemas.json.

records.jsonl holds one record a line: topic, partition, offset, timestamp (milliseconds), headers
([name, base64] pairs), key and value (base64 of the bytes, or null). schemas.json holds the writer
schemas by id, as a schema registry gives them.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import orjson
import polars as pl
import pyarrow as pa
from apache_beam.pvalue import PBegin, PCollection

from pipeline_io.record_schema import RECORD_SCHEMA

BATCH_BYTES = 32 * 2**20
"""Bytes of records in a batch at most, or one record: decoding and encoding hold a batch several
times over."""

RECORDS = "records.jsonl"
SCHEMAS = "schemas.json"


class RecordingError(ValueError):
    """A recording that cannot be read as one."""


@dataclasses.dataclass(frozen=True)
class Recording:
    """A folder with a recording. `topic` chooses one topic; None is all of them."""

    path: str
    topic: str | None = None

    def check(self) -> None:
        """RecordingError if the files or the topic are not there."""
        folder = Path(self.path)
        for name in (RECORDS, SCHEMAS):
            if not (folder / name).is_file():
                message = (
                    f"{self.path!r} is no recording: it has no file {name}; expected a folder with "
                    f"{RECORDS} and {SCHEMAS}"
                )
                raise RecordingError(message)
        if self.topic is not None:
            topics = self._topics()
            if self.topic not in topics:
                message = (
                    f"{self.path!r} has no records of the topic {self.topic!r}; "
                    f"its topics are {', '.join(sorted(topics)) or 'none'}"
                )
                raise RecordingError(message)

    def _topics(self) -> set[str]:
        topics: set[str] = set()
        for frame in self._frames(1_000):
            topics |= set(frame["topic"].unique())
            if self.topic in topics:
                break
        return topics

    def batches(self, batch_size: int) -> Iterator[pa.RecordBatch]:
        """The records in the order of the file, `batch_size` of them at a time, fewer where they
        are so large that BATCH_BYTES are reached before."""
        kept: list[pl.DataFrame] = []
        for frame in self._frames(batch_size):
            part = frame if self.topic is None else frame.filter(topic=self.topic)
            if part.height:
                kept.append(part)
            full = sum(part.height for part in kept) >= batch_size
            if full or sum(part.estimated_size() for part in kept) >= BATCH_BYTES:
                whole = pl.concat(kept)
                yield _record_batch(whole[:batch_size])
                kept = [whole[batch_size:]] if whole.height > batch_size else []
        if kept:
            yield _record_batch(pl.concat(kept))

    def _frames(self, lines_each: int) -> Iterator[pl.DataFrame]:
        first = 1
        with (Path(self.path) / RECORDS).open("rb") as lines:
            while block := lines.readlines(BATCH_BYTES):
                for start in range(0, len(block), lines_each):
                    chunk = block[start : start + lines_each]
                    yield self._frame(chunk, first)
                    first += len(chunk)

    def _frame(self, chunk: list[bytes], first: int) -> pl.DataFrame:
        """Some lines of the file as records; `first` is the number of the first of them."""
        text = b"".join(chunk)
        lines = sum(bool(line.strip()) for line in chunk)
        # A line that lacks its value would pass for a tombstone.
        if any(text.count(member) != lines for member in (b'"key":', b'"value":')):
            self._check(chunk, first)
        try:
            written = pl.read_ndjson(text, schema=_LINE)
            frame = written.select(
                "topic",
                pl.col("partition").cast(pl.Int32),
                "offset",
                pl.col("timestamp").cast(pl.Datetime("ms")).dt.replace_time_zone("UTC"),
                _HEADERS.alias("headers"),
                pl.col("key", "value").str.decode("base64"),
            )
        except pl.exceptions.PolarsError as error:
            self._check(chunk, first)
            raise self._error(first) from error
        required = frame.select(pl.col("topic", "partition", "offset").null_count()).row(0)
        if frame.height != lines or any(required):
            self._check(chunk, first)
            raise self._error(first)
        return frame

    def _check(self, chunk: list[bytes], first: int) -> None:
        """RecordingError for the first line that is no record, if there is one."""
        for number, line in enumerate(chunk, start=first):
            try:
                if line.strip():
                    _check_line(orjson.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                message = (
                    f"{self.path}/{RECORDS}, line {number}: {type(error).__name__}: {error}; "
                    "expected an object with topic, partition, offset, timestamp, headers, and "
                    "key and value in base64 or null; if the file is cut, record it again"
                )
                raise RecordingError(message) from error

    def _error(self, first: int) -> RecordingError:
        message = f"{self.path}/{RECORDS}: the lines from {first} on are no records"
        return RecordingError(message)


_LINE = {
    "topic": pl.String(),
    "partition": pl.Int64(),
    "offset": pl.Int64(),
    "timestamp": pl.Int64(),
    "headers": pl.List(pl.List(pl.String())),
    "key": pl.String(),
    "value": pl.String(),
}
_HEADERS = pl.col("headers").list.eval(
    pl.struct(key=pl.element().list.get(0), value=pl.element().list.get(1).str.decode("base64"))
)


def _check_line(record: Any) -> None:
    if not isinstance(record, dict):
        message = f"{type(record).__name__} instead of an object"
        raise TypeError(message)
    if not isinstance(record["topic"], str):
        message = f"topic is {record['topic']!r}, expected str"
        raise TypeError(message)
    _check_number("partition", record["partition"], 32)
    _check_number("offset", record["offset"], 64)
    if record.get("timestamp") is not None:
        _check_number("timestamp", record["timestamp"], 64)
    for name in ("key", "value"):
        _check_base64(name, record[name])
    headers = record.get("headers")
    if headers is None:
        return
    if not isinstance(headers, list):
        message = f"headers is {headers!r}, expected a list of [name, base64] pairs"
        raise TypeError(message)
    for header in headers:
        if not isinstance(header, list) or len(header) != 2 or not isinstance(header[0], str):
            message = f"headers has {header!r}, expected [name, base64] pairs"
            raise TypeError(message)
        _check_base64("headers", header[1])


def _check_number(name: str, value: object, bits: int) -> None:
    if type(value) is not int:
        message = f"{name} is {value!r}, expected int"
        raise TypeError(message)
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        message = f"{name} is {value!r}, expected a number of {bits} bits"
        raise ValueError(message)


def _check_base64(name: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        message = f"{name} is {value!r:.80}, expected base64 or null"
        raise TypeError(message)
    try:
        base64.b64decode(value, validate=True)
    except ValueError as error:
        message = f"{name} is no base64: {error}"
        raise ValueError(message) from error


def _record_batch(frame: pl.DataFrame) -> pa.RecordBatch:
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(RECORD_SCHEMA)
    (batch,) = table.combine_chunks().to_batches(max_chunksize=None)
    return batch


@dataclasses.dataclass(frozen=True)
class RecordingSchemas:
    """The writer schemas of a recording by id. Read when first asked, once a process."""

    path: str

    def schema(self, schema_id: int) -> str:
        """The Avro schema's JSON text. Raises LookupError for an id that the recording lacks."""
        known = _schemas(self.path)
        if schema_id not in known:
            ids = ", ".join(str(known_id) for known_id in sorted(known))
            message = f"{self.path}/{SCHEMAS} has no id {schema_id}; it has {ids}"
            raise LookupError(message)
        return known[schema_id]


@functools.lru_cache(maxsize=16)
def _schemas(path: str) -> dict[int, str]:
    file = Path(path) / SCHEMAS
    try:
        entries = orjson.loads(file.read_bytes())
        return {
            int(schema_id): (
                entry["schema"]
                if isinstance(entry["schema"], str)
                else orjson.dumps(entry["schema"]).decode()
            )
            for schema_id, entry in entries.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = (
            f"{file}: {error}; expected an object of schema ids, each with its schema: "
            '{"1": {"schemaType": "AVRO", "schema": {...}}}'
        )
        raise RecordingError(message) from error


class _ReadBatches(beam.DoFn):
    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size

    def process(self, element: Recording) -> Iterator[pa.RecordBatch]:
        yield from element.batches(self.batch_size)


class ReadRecording(beam.PTransform[PBegin, PCollection[pa.RecordBatch]]):
    """Batches of a recording's records (RECORD_SCHEMA), of `batch_size` records each."""

    def __init__(self, recording: Recording, batch_size: int) -> None:
        super().__init__()
        self.recording = recording
        self.batch_size = batch_size

    def expand(self, begin: PBegin) -> PCollection[pa.RecordBatch]:
        batches: PCollection[pa.RecordBatch] = (
            begin
            | "Recording" >> beam.Create([self.recording], reshuffle=False)
            | "ReadBatches" >> beam.ParDo(_ReadBatches(self.batch_size))
        )
        return batches
