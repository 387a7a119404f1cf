"""Jobs over recordings with the engine and the runner that a test asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline_io.files import WriteLines
from pipeline_io.recording import ReadRecording, Recording, RecordingSchemas
from pipelines.lookups import DatabaseLookups
from pipelines.options import LOCAL_RUNNER
from tests.pipelines.recorded import json_lines
from transforms.dead_letters import Origin
from transforms.sql.beam_sql import RunBeamSql
from transforms.sql.beam_sql_job import Engine, MixedJobText
from transforms.sql.errors import Script
from transforms.sql.run import RunStatements
from transforms.sql.stand_ins import StandIns

ORIGIN = Origin("test", "1")
LOCAL = (f"--runner={LOCAL_RUNNER}",)


def prism_flags(prism: Any) -> tuple[str, ...]:
    return (
        "--runner=PrismRunner",
        f"--prism_location={prism.binary}",
        "--environment_type=LOOPBACK",
    )


def flink_flags(flink: Any) -> tuple[str, ...]:
    return (
        "--runner=PortableRunner",
        f"--job_endpoint={flink.job_endpoint}",
        "--environment_type=LOOPBACK",
        "--parallelism=1",
    )


def build(pipeline: beam.Pipeline, text: MixedJobText, expansion: str, out: Path) -> None:
    """Adds a job over recordings to a pipeline, its sinks as files in `out` by their names."""
    _, plan = text.compile()
    rows: dict[str, list[Any]] = {}
    letters: list[Any] = []
    for source in plan.sources():
        path, topic = str(source.options["path"]), source.options.get("topic")
        records = pipeline | f"Read {source.name}" >> ReadRecording(
            Recording(path, None if topic is None else str(topic)), 200
        )
        outputs = records | f"Run {source.name}" >> RunStatements(
            text=text,
            source=source.name,
            sinks=tuple(dict.fromkeys(one.sink.name for one in plan.reading(source))),
            schemas=RecordingSchemas(path),
            open_lookup=DatabaseLookups(),
            registrar=None,
            decoder="auto",
            origin=ORIGIN,
        )
        for name, batches in outputs.rows.items():
            rows.setdefault(name, []).append(batches)
        letters.append(outputs.dead_letters)
    for branch in plan.beam_sql:
        inputs = {
            one.name: tuple(rows[one.table.name])
            | f"Rows for {branch.name} {one.name}" >> beam.Flatten()
            for one in branch.inputs
        }
        found = inputs | f"Beam SQL {branch.name}" >> RunBeamSql(
            branch, text, DatabaseLookups(), None, ORIGIN, expansion
        )
        rows.setdefault(branch.result.sink.name, []).append(found.rows)
        letters.append(found.dead_letters)
    for sink in plan.sinks():
        path = str(out / f"{sink.name}.jsonl")
        _ = tuple(rows[sink.name]) | f"Write {sink.name}" >> WriteLines(path)
    _ = tuple(letters) | "Write dead letters" >> WriteLines(str(out / "dead_letters.jsonl"))


def run_engine(
    script: str,
    out: Path,
    expansion: str,
    engine: Engine = Engine.AUTO,
    flags: Sequence[str] = LOCAL,
    recording: str | None = None,
    values: Mapping[str, str] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """The lines of all files that a script writes, by the sink's name and "dead_letters".
    `recording` stands in for its topics."""
    out.mkdir(parents=True, exist_ok=True)
    text = MixedJobText(
        Script("job.sql", script),
        {**(values or {}), "OUTPUT_DIR": str(out)},
        stand_ins=StandIns(recording, str(out)),
        engine=engine,
    )
    _, plan = text.compile()
    if engine is Engine.BEAM:
        # Two runs of one engine would be the same whatever the other does.
        to_beam_sql = {
            inner.name
            for branch in plan.beam_sql
            for one in branch.inputs
            for inner in one.branches
        }
        assert plan.beam_sql
        assert to_beam_sql == {branch.name for branch in plan.branches}
    if engine is Engine.IN_PROCESS:
        assert not plan.beam_sql
    pipeline = beam.Pipeline(options=PipelineOptions(list(flags)))
    build(pipeline, text, expansion, out)
    pipeline.run().wait_until_finish()
    return {path.stem: json_lines(path) for path in out.glob("*.jsonl")}
