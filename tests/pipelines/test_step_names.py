"""The names of the shipped jobs' steps: by them a job that is replaced hands over its state.

A changed golden file says that a running job may have to be started anew: docs/operations.md,
"Upgrade". The names within KafkaIO and Beam SQL are Beam's.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest

from pipelines import aml, aml_velocity, job_pipeline
from pipelines.options import JobConfig, parse_options
from pipelines.runners import DEFAULTS, Kind
from pipelines.sources import Source
from transforms.avro import SchemaSource
from transforms.dead_letters import Origin
from transforms.sql import beam_sql
from transforms.sql.beam_sql_job import MixedJobText
from transforms.sql.errors import Script

GOLDEN = Path(__file__).parent / "golden" / "steps"
VALUES = {
    "PUBSUB_PROJECT": "my-project",
    "PUBSUB_TOPIC": "events",
    "LOOKUP_URL": "postgresql+psycopg://db/customers",
    "WINDOW_MINUTES": "60",
    "SLIDE_MINUTES": "10",
    "MIN_TRANSFERS": "5",
    "MIN_TOTAL": "10000.00",
    "LATE_MINUTES": "5",
}
SCRIPTS = {"aml": aml.SCRIPT, "aml_velocity": aml_velocity.SCRIPT}


class NoSchemas(SchemaSource):
    def schema(self, schema_id: int) -> Any:
        raise AssertionError(schema_id)


class Read(beam.PTransform[Any, Any]):
    """In the place of KafkaIO."""

    def expand(self, begin: Any) -> Any:
        return begin | beam.Impulse() | beam.Map(lambda _: None).with_output_types(pa.RecordBatch)


class Sql(beam.PTransform[Any, Any]):
    """In the place of SqlTransform."""

    def __init__(self, query: str, expansion_service: str | None) -> None:
        super().__init__()

    def expand(self, inputs: Any) -> Any:
        several = tuple(inputs.values()) if isinstance(inputs, dict) else (inputs,)
        return several | beam.Flatten() | beam.Map(lambda row: row)


@functools.cache
def steps(text: str, kind: Kind, batch_size: int = 5000) -> list[str]:
    """The names of a live job's steps, sorted. Of the stand-ins, the outermost."""
    flags = ["--dead_letters=pubsub:projects/my-project/topics/letters"]
    config = JobConfig.from_options(parse_options(flags), "job")
    config = dataclasses.replace(config, follow=True, batch_size=batch_size)
    job_text = MixedJobText(Script("job.sql", text), VALUES)
    _, plan = job_text.compile()
    # Tables of one cluster share a KafkaIO.
    read = Read()
    sources = [
        Source(table, read, NoSchemas(), topics=(str(table.options["topic"]),))
        for table in plan.sources()
    ]
    pipeline = beam.Pipeline()
    origin = Origin("job", "1")
    job_pipeline.build(
        pipeline, job_text, plan, sources, config, DEFAULTS[kind], origin, "localhost:1"
    )
    transforms = pipeline.to_runner_api().components.transforms.values()
    names = [one.unique_name for one in transforms if not one.subtransforms]
    return sorted({_without_stand_ins(name) for name in names})


def _without_stand_ins(name: str) -> str:
    if name.startswith("Read "):
        return name.partition("/")[0]
    before, found, _ = name.partition("/SqlTransform/")
    return before + found.rstrip("/")


def with_state(names: list[str]) -> set[str]:
    """Those whose state a job goes on with: offsets, windows, and what waits for them."""
    return {name for name in names if re.match(r"Read |Beam SQL .*/SqlTransform$", name)}


@pytest.fixture(autouse=True)
def _no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beam_sql, "SqlTransform", Sql)


@pytest.mark.parametrize("kind", [Kind.FLINK, Kind.DATAFLOW], ids=lambda kind: kind.name.lower())
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_steps_of_a_shipped_job_have_their_golden_names(name: str, kind: Kind) -> None:
    found = "\n".join(steps(SCRIPTS[name].read_text(encoding="utf-8"), kind)) + "\n"
    path = GOLDEN / f"{name}.{kind.name.lower()}.txt"
    if os.environ.get("KAMIFLOW_GOLDEN") == "write":
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8"), "see docs/operations.md; then `make golden`"


AML, VELOCITY = (SCRIPTS[name].read_text(encoding="utf-8") for name in SCRIPTS)
EVENT = "INSERT INTO events SELECT 'x', account_id, currency, window_start, window_end, COUNT(*), "
WINDOW = """SUM(amount), MAX(amount), (TRUE, TRUE)
FROM TABLE(TUMBLE(TABLE new_transfers, DESCRIPTOR(created_at), INTERVAL '1' DAY))
GROUP BY account_id, currency, window_start, window_end;
"""


def test_state_is_kept_through_changes_of_what_a_statement_says() -> None:
    before = steps(AML, Kind.FLINK)
    changed = AML.replace("'unknown'", "'not known'")
    assert changed != AML
    assert steps(changed, Kind.FLINK) == before
    assert steps(AML, Kind.FLINK, batch_size=100) == before
    changed = VELOCITY.replace("HAVING COUNT(*) >=", "HAVING 1 + COUNT(*) >=")
    assert changed != VELOCITY
    assert steps(changed, Kind.FLINK) == steps(VELOCITY, Kind.FLINK)


def test_offsets_are_kept_beside_a_new_statement() -> None:
    sink = re.findall(r"^CREATE TABLE events \(.*?^\);\n", AML, re.M | re.S)[0]
    more = sink.replace("TABLE events", "TABLE copies") + "INSERT INTO copies "
    statement = AML[AML.index("INSERT INTO events") :].replace("INSERT INTO events", "", 1)
    before, after = steps(AML, Kind.FLINK), steps(AML + more + statement, Kind.FLINK)
    assert len(after) > len(before)
    assert with_state(after) == with_state(before) == {"Read transfers"}


@pytest.mark.parametrize("sink", ["events", "days"])
def test_a_second_statement_takes_the_windows_of_the_first_their_name(sink: str) -> None:
    declared = re.findall(r"^CREATE TABLE events \(.*?^\);\n", VELOCITY, re.M | re.S)[0]
    table = "" if sink == "events" else declared.replace("TABLE events", f"TABLE {sink}")
    more = table + (EVENT + WINDOW).replace("INTO events", f"INTO {sink}")
    assert with_state(steps(VELOCITY, Kind.FLINK)) == {
        "Read transfers",
        "Beam SQL events/SqlTransform",
    }
    assert with_state(steps(VELOCITY + more, Kind.FLINK)) == {
        "Read transfers",
        "Beam SQL events#1/SqlTransform",
        f"Beam SQL {sink}#2/SqlTransform",
    }


def test_a_table_that_comes_before_the_others_names_the_read() -> None:
    # The table whose name the read has is the first one that a statement reads.
    first = AML.replace("transfers", "wires")
    assert with_state(steps(AML, Kind.FLINK)) == {"Read transfers"}
    assert with_state(steps(first, Kind.FLINK)) == {"Read wires"}
