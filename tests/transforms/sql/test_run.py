"""The statements of a source as a step of a real pipeline."""

from __future__ import annotations

import dataclasses
import json
import logging
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.testing.util import assert_that

from tests.transforms.sql.job_runs import Tables, recorded, run
from tests.transforms.sql.test_source_run import LABELS, STATEMENTS, TABLES
from transforms.counters import NAMESPACE, TALLY, statement_and_count
from transforms.dead_letters import Origin
from transforms.sql.errors import Script
from transforms.sql.run import JobText, RunStatements

ITEMS = recorded("mysql_adaptive", "items_evo")
SINKS = ("plain", "chosen", "paired", "kept")
TEXT = JobText(Script("job.sql", TABLES + STATEMENTS), {})
MARK = "PAYLOAD-THAT-NO-LOG-MAY-HOLD"


def with_a_bad_record() -> pa.RecordBatch:
    records = ITEMS.records
    place = records.schema.get_field_index("value")
    values = [*records.column(place).to_pylist()]
    values[7] = MARK.encode()
    return records.set_column(place, records.schema.field(place), pa.array(values, pa.binary()))


def loaded(batches: list[pa.RecordBatch]) -> list[Any]:
    return [json.loads(row or "") for batch in batches for row in batch.column(0).to_pylist()]


def by_sink(by_statement: dict[str, Any]) -> dict[str, Any]:
    return {name.partition("#")[0]: value for name, value in by_statement.items()}


def test_a_pipeline_gives_what_the_statements_give_and_logs_no_payload(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "transforms")
    records = with_a_bad_record()
    expected = run(TEXT.script.text, ITEMS._replace(records=records), Tables({"u": LABELS}))
    TALLY.clear()
    pipeline = beam.Pipeline()
    batches = [records.slice(start, 6) for start in range(0, records.num_rows, 6)]
    step = RunStatements(
        TEXT, "t", SINKS, ITEMS.schemas, Tables({"u": LABELS}), "auto", Origin("job", "1.0")
    )
    outputs = pipeline | beam.Create(batches, reshuffle=False) | step
    assert tuple(outputs.rows) == SINKS
    for sink, rows in outputs.rows.items():
        wanted = by_sink(expected.rows)[sink]

        def check(found: list[pa.RecordBatch], wanted: list[Any] = wanted) -> None:
            assert loaded(found) == wanted
            assert all(batch.num_rows for batch in found)

        assert_that(rows, check, label=f"check {sink}")

    def check_letters(found: list[pa.RecordBatch]) -> None:
        letters = loaded(found)
        assert len(letters) == len(expected.refusals)
        assert {(one["offset"], one["statement"]) for one in letters} == {
            (records.column("offset")[one.position].as_py(), one.statement)
            for one in expected.refusals
        }
        assert {one["pipeline"] for one in letters} == {"job"}
        assert not any(MARK in json.dumps(one) for one in letters)

    assert_that(outputs.dead_letters, check_letters, label="check dead letters")
    result = pipeline.run()
    result.wait_until_finish()
    counted: dict[str, dict[str, int]] = {}
    found = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))
    for counter in found["counters"]:
        statement, count = statement_and_count(counter.key.metric.name)
        counted.setdefault(statement, {})[count] = int(counter.committed)
    for statement, counts in expected.counts.items():
        nonzero = {name: value for name, value in dataclasses.asdict(counts).items() if value}
        assert {name: counted[statement][name] for name in nonzero} == nonzero
        assert TALLY.snapshot()[statement].items() >= nonzero.items()
    assert counted[next(name for name in counted if name.startswith("paired"))]["lookup_misses"]
    TALLY.clear()
    assert MARK not in caplog.text


def test_a_script_with_a_mistake_stops_before_a_record_is_read() -> None:
    text = JobText(Script("job.sql", "INSERT INTO nowhere SELECT 1 FROM nothing"), {})
    with pytest.raises(ValueError, match=r"job\.sql:1:"):
        text.compile()
