"""Dead letters in a table of BigQuery, and back; on the emulator."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import orjson
import pyarrow as pa
import pytest

from kami.bigquery_warehouse import EMULATOR
from pipeline_io.bigquery_config import STORAGE_EMULATOR_VARIABLE
from pipelines import aml, dead_letters
from pipelines.dead_letter_place import kept_place_of
from pipelines.dead_letter_read import read_letters
from pipelines.dead_letter_sinks import letter_messages, letters_of_refused
from pipelines.dead_letter_table import letter_of_row, table_rows
from tests.pipelines.letters_made import letter
from tests.stack.servers import BigQuery
from transforms.dead_letters import DEAD_LETTER_SCHEMA
from transforms.sink_rows import REFUSED_ROWS


def batch_of(*letters: dict[str, object]) -> pa.RecordBatch:
    lines = [orjson.dumps(one) for one in letters]
    return pa.RecordBatch.from_arrays([pa.array(lines, pa.binary())], schema=DEAD_LETTER_SCHEMA)


def test_a_letter_comes_back_from_its_row_as_it_was() -> None:
    one = letter(key=None, payload=None, statement=None, schema_id=None, headers=[["n", None]])
    (row,) = table_rows(batch_of(one)).to_pylist()
    assert letter_of_row(row) == one


def test_a_time_beyond_the_calendar_is_no_time() -> None:
    (row,) = table_rows(batch_of(letter(timestamp="+12345-01-01T00:00:00.000Z"))).to_pylist()
    assert row["timestamp"] is None


def test_a_letter_that_a_topic_refuses_comes_back_whole() -> None:
    letters = batch_of(letter(), letter(1))
    rows = letter_messages(letters)
    assert rows.column("payload").to_pylist() == letters.column(0).to_pylist()
    refused = pa.RecordBatch.from_arrays(
        [rows.column("record"), pa.array(["TooLarge"] * 2), pa.array(["why"] * 2)],
        schema=REFUSED_ROWS,
    )
    assert letters_of_refused(refused).equals(letters)


def test_the_letters_of_a_job_are_rows_of_a_table(
    bigquery: BigQuery,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(EMULATOR, f"http://{bigquery.rest_address}")
    monkeypatch.setenv(STORAGE_EMULATOR_VARIABLE, bigquery.storage_address)
    place = f"bigquery:kamiflow-{uuid.uuid4().hex[:8]}.ops.dead_letters"
    path = tmp_path / "letters.jsonl"
    assert aml.main([f"--output_dir={tmp_path / 'file'}", f"--dead_letters={path}"]) == 0
    assert aml.main([f"--output_dir={tmp_path / 'table'}", f"--dead_letters={place}"]) == 0
    capsys.readouterr()
    assert dead_letters.run(["inspect", place, "--output=json"]) == 0
    (group,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (group["letters"], group["error_class"]) == (2, "ValueRefused")
    with read_letters(kept_place_of(place)) as found:
        rows = {one["offset"]: one for one in found}
    for line in path.read_text(encoding="utf-8").splitlines():
        expected = json.loads(line)
        row = rows.pop(expected["offset"])
        for name in ("first_failed_at", "last_failed_at"):
            assert row.fields.pop(name).endswith("Z")
            del expected[name]
        assert row.fields == expected
    assert rows == {}
