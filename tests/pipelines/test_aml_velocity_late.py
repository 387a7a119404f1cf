"""Transfers out of order and late: counted, counted in part, or a dead letter; never silent."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.coders import BytesCoder
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_stream import TestStream

from pipeline_io.files import WriteLines
from pipelines import aml_velocity
from pipelines.lookups import DatabaseLookups
from tests.pipelines.engine_runs import ORIGIN, flink_flags, prism_flags
from tests.pipelines.recorded import json_lines
from transforms.records import RECORD_SCHEMA
from transforms.sink_rows import sink_rows
from transforms.sql.beam_sql import RunBeamSql
from transforms.sql.beam_sql_job import MixedJobText
from transforms.sql.errors import Script

START = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.timezone.utc)
FLAGS = (
    "--velocity_window_minutes=10",
    "--velocity_slide_minutes=5",
    "--velocity_late_minutes=2",
    "--velocity_min_transfers=1",
)
# The window's start in minutes after START, and how many transfers it has: what is late for a
# window is not in it.
EXPECTED = {(-5, 3), (0, 5), (5, 1), (30, 1), (35, 1)}


def minute(minutes: float) -> int:
    """Microseconds of a time so many minutes after START."""
    return round((START.timestamp() + minutes * 60) * 1_000_000)


def transfers(*minutes: float) -> bytes:
    rows = [{"k0": 1, "k1": "EUR", "a1": "9.50", "a2": "9.50", "ts": minute(at)} for at in minutes]
    return json.dumps(rows).encode()


def batch(rows: bytes) -> pa.RecordBatch:
    """The rows as they come of the records of a source."""
    payloads = [json.dumps(row).encode() for row in json.loads(rows)]
    record = {"topic": "transfers", "partition": 0, "offset": 7, "value": b"the record"}
    records = pa.RecordBatch.from_pylist([record] * len(payloads), schema=RECORD_SCHEMA)
    return sink_rows(
        pa.array(payloads, pa.large_binary()),
        record=pa.StructArray.from_arrays(records.columns, fields=list(RECORD_SCHEMA)),
    )


def stream() -> TestStream:
    """Transfers while time goes on; a transfer may be 2 minutes late."""
    steps: Sequence[tuple[float, tuple[float, ...]]] = [
        (0, (2, 4)),
        # Out of order, and in time.
        (6, (3, 6)),
        # 12:00 to 12:05 and 2 minutes are over: 12:04:30 is late for the window from 11:55 to
        # 12:05, and in time for that from 12:00.
        (7.5, (4.5,)),
        # All windows of 12:01 have ended.
        (30, (1, 36)),
    ]
    events = TestStream(coder=BytesCoder()).with_output_types(bytes)
    for watermark, minutes in steps:
        events = events.advance_watermark_to(minute(watermark) / 1_000_000)
        events = events.add_elements([transfers(*minutes)])
    stream: TestStream = events.advance_watermark_to_infinity()
    return stream


@pytest.fixture
def script(tmp_path: Path) -> MixedJobText:
    values = aml_velocity.values(PipelineOptions([*FLAGS, "--velocity_min_total=1.00"]))
    text = aml_velocity.SCRIPT.read_text(encoding="utf-8")
    return MixedJobText(Script("velocity.sql", text), {**values, "OUTPUT_DIR": str(tmp_path)})


def run(text: MixedJobText, expansion: str, flags: Sequence[str], out: Path) -> dict[str, int]:
    """Runs the windows over the stream; what was counted."""
    _, plan = text.compile()
    (branch,) = plan.beam_sql
    assert [name for name, _ in branch.inputs[0].columns()] == ["k0", "k1", "a1", "a2", "ts"]
    pipeline = beam.Pipeline(options=PipelineOptions([*flags, "--streaming"]))
    batches = pipeline | stream() | beam.Map(batch).with_output_types(pa.RecordBatch)
    found = {"PCOLLECTION": batches} | RunBeamSql(
        branch, text, DatabaseLookups(), None, ORIGIN, expansion
    )
    _ = (found.rows,) | "Write events" >> WriteLines(str(out / "events.jsonl"))
    _ = (found.dead_letters,) | "Write letters" >> WriteLines(str(out / "letters.jsonl"))
    result = pipeline.run()
    result.wait_until_finish()
    return {
        one.key.metric.name: one.committed if one.committed is not None else one.attempted
        for one in result.metrics().query()["counters"]
    }


def check(out: Path, counts: dict[str, int]) -> None:
    events = json_lines(out / "events.jsonl")
    found = {
        (
            round(
                (
                    datetime.datetime.fromisoformat(f"{row['window_start'][:-1]}+00:00") - START
                ).total_seconds()
                / 60
            ),
            row["transfers"],
        )
        for row in events
    }
    assert found == EXPECTED
    assert len(events) == len(EXPECTED)
    (letter,) = json_lines(out / "letters.jsonl")
    assert letter["error_class"] == "LateRow"
    assert letter["stage"] == "window"
    assert "120 s of delay are allowed" in letter["message"]
    assert (letter["topic"], letter["offset"]) == ("transfers", 7)
    assert base64.b64decode(letter["payload"]) == b"the record"
    assert counts["events/late"] == 1
    assert counts["events/partly_late"] == 1


def test_a_late_transfer_is_a_dead_letter_on_prism(
    beam_java: Any, prism: Any, script: MixedJobText, tmp_path: Path
) -> None:
    check(tmp_path, run(script, beam_java.expansion_address, prism_flags(prism), tmp_path))


def test_a_late_transfer_is_a_dead_letter_on_flink(
    beam_java: Any, flink: Any, script: MixedJobText, tmp_path: Path
) -> None:
    # A bundle an element: in one bundle all of them would come before time goes on.
    flags = (*flink_flags(flink), "--max_bundle_size=1")
    check(tmp_path, run(script, beam_java.expansion_address, flags, tmp_path))
