import re
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pytest

from pipeline_io.append_lines import AppendLines, append, object_beside
from pipeline_io.files import FileWriteError
from pipeline_io.record_schema import SINK_ROWS


def rows(*payloads: bytes) -> pa.RecordBatch:
    columns = {"payload": payloads}
    return pa.RecordBatch.from_pylist(
        [{"payload": payload} for payload in columns["payload"]], schema=SINK_ROWS
    )


def test_lines_are_added_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lines.jsonl"
    for _ in range(2):
        with beam.Pipeline() as pipeline:
            first = pipeline | "A" >> beam.Create([rows(b"1", b"2"), rows()])
            second = pipeline | "B" >> beam.Create([rows(b"3")])
            (first, second) | AppendLines(str(path))
    assert sorted(path.read_bytes().splitlines()) == [b"1", b"1", b"2", b"2", b"3", b"3"]


def test_nothing_is_no_file(tmp_path: Path) -> None:
    with beam.Pipeline() as pipeline:
        (pipeline | beam.Create([rows()]),) | AppendLines(str(tmp_path / "lines.jsonl"))
    assert not list(tmp_path.iterdir())


def test_an_object_of_its_own_stands_beside_the_path_under_a_name_that_no_other_has() -> None:
    names = {object_beside("gs://bucket/a.b/lines.jsonl") for _ in range(100)}
    assert len(names) == 100
    assert all(re.fullmatch(r"gs://bucket/a\.b/lines-\w+-\w+\.jsonl", name) for name in names)
    assert re.fullmatch(r"gs://bucket/a\.b/lines-\w+-\w+", object_beside("gs://bucket/a.b/lines"))


def test_a_folder_that_is_a_file_is_told_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(FileWriteError, match=r"file/lines\.jsonl"):
        append(str(tmp_path / "file" / "lines.jsonl"), b"x\n")
