"""The Beam pipeline of an SQL job: its sources, statements and sinks wired together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PCollection

from pipeline_io.files import WriteLines
from pipeline_io.printing import PrintLines
from pipeline_io.recording import ReadRecording, Recording, RecordingSchemas
from pipelines.lookups import DatabaseLookups
from pipelines.options import JobConfig
from transforms.dead_letters import Origin
from transforms.sql.plan import Plan
from transforms.sql.run import JobText, RunStatements
from transforms.sql.tables import Table

DEAD_LETTERS_FILE = "dead_letters.jsonl"
Batches = PCollection[pa.RecordBatch]


def recording(table: Table) -> Recording:
    """The recording that a table of that connector reads."""
    topic = table.options.get("topic")
    return Recording(str(table.options["path"]), None if topic is None else str(topic))


def dead_letters_path(config: JobConfig) -> str:
    return str(Path(config.output_dir) / DEAD_LETTERS_FILE)


def build(
    pipeline: beam.Pipeline, text: JobText, plan: Plan, config: JobConfig, origin: Origin
) -> None:
    """Adds a job to a pipeline: every source is read once, whatever reads it."""
    rows: dict[str, list[Batches]] = {sink.name: [] for sink in plan.sinks()}
    letters: list[Batches] = []
    for source in plan.sources():
        sinks = dict.fromkeys(branch.sink.name for branch in plan.reading(source))
        records: Any = pipeline | f"Read {source.name}" >> ReadRecording(
            recording(source), config.batch_size
        )
        outputs = records | f"Run {source.name}" >> RunStatements(
            text=text,
            source=source.name,
            sinks=tuple(sinks),
            schemas=RecordingSchemas(str(source.options["path"])),
            open_lookup=DatabaseLookups(),
            decoder=config.decoder,
            origin=origin,
        )
        for sink, batches in outputs.rows.items():
            rows[sink].append(batches)
        letters.append(outputs.dead_letters)
    for sink in plan.sinks():
        _ = tuple(rows[sink.name]) | f"Write {sink.name}" >> sink_transform(sink)
    _ = tuple(letters) | "Write dead letters" >> WriteLines(dead_letters_path(config))


def sink_transform(sink: Table) -> beam.PTransform[Any, Any]:
    """What writes the rows of a sink's statements: a transform of a tuple of collections."""
    match sink.connector.name:
        case "filesystem":
            return WriteLines(str(sink.options["path"]))
        case "print":
            return PrintLines()
    message = f"no pipeline writes to the connector {sink.connector.name!r}"
    raise ValueError(message)


def check_sources(plan: Plan) -> None:
    """Stops a job whose sources are not there, before anything runs. Raises RecordingError."""
    for source in plan.sources():
        recording(source).check()


def files_written(plan: Plan) -> Mapping[str, str]:
    """Path of each sink that is a file, by the sink's name."""
    return {
        sink.name: str(sink.options["path"])
        for sink in plan.sinks()
        if sink.connector.name == "filesystem"
    }
