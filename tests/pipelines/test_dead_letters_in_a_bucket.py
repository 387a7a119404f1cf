"""What a job writes to a bucket is there whole, and nothing stays on a disk that goes away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.io.filesystems import FileSystems

from pipeline_io.append_lines import AppendLines, check_store
from pipeline_io.files import FileWriteError
from pipeline_io.pubsub_limits import Refused, refused_rows
from pipelines import aml, dead_letter_sinks, dead_letters
from pipelines.dead_letter_place import kept_place_of, place_of
from pipelines.dead_letter_read import read_letters
from pipelines.dead_letter_sinks import check_place, write_dead_letters
from pipelines.options import LOCAL_RUNNER
from pipelines.runners import DEFAULTS, Kind
from tests.io.object_store import object_store
from tests.pipelines.letters_made import letter
from transforms.dead_letters import DEAD_LETTER_SCHEMA

TOPIC = "pubsub:projects/my-project/topics/letters"


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with object_store() as address:
        yield address


def batch(*offsets: int) -> pa.RecordBatch:
    texts = [json.dumps(letter(offset)).encode() for offset in offsets]
    return pa.RecordBatch.from_arrays([pa.array(texts, pa.binary())], schema=DEAD_LETTER_SCHEMA)


def objects(pattern: str) -> list[str]:
    return [str(one.path) for match in FileSystems.match([pattern]) for one in match.metadata_list]


def offsets(path: str) -> list[int]:
    with read_letters(kept_place_of(path)) as letters:
        return sorted(one["offset"] for one in letters)


class RefuseAll(beam.PTransform[Any, Any]):
    """A topic that takes no message."""

    def expand(self, rows: Any) -> Any:
        return rows | beam.Map(_refused)


def _refused(rows: pa.RecordBatch) -> pa.RecordBatch:
    every = [Refused(number, "MessageTooLarge", "too large") for number in range(rows.num_rows)]
    return refused_rows(rows, every)


def test_a_job_whose_folder_is_in_a_bucket_writes_all_of_its_files_there(
    bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aml.make_customers(tmp_path / "customers.db")
    folder = f"{bucket}/aml"
    lookup = f"--lookup_url=sqlite:///{tmp_path / 'customers.db'}"
    assert aml.main([f"--output_dir={folder}/", lookup]) == 0
    names = {path.removeprefix(f"{folder}/") for path in objects(f"{folder}/**")}
    assert names == {"events.jsonl", "dead_letters.jsonl", "summary.json"}
    with FileSystems.open(f"{folder}/summary.json") as file:
        assert json.load(file)["dead_letters"] == 2
    capsys.readouterr()
    path = f"{folder}/dead_letters.jsonl"
    assert dead_letters.run(["inspect", path, "--output=json"]) == 0
    assert json.loads(capsys.readouterr().out)["letters"] == 2
    ledger = f"--ledger={tmp_path / 'sent'}"
    sends = ["--kafka_brokers=localhost:1", "--dry_run", "--output=json", ledger]
    assert dead_letters.run(["replay", path, *sends]) == 0
    assert json.loads(capsys.readouterr().out)["records"] == 2


def test_every_bundle_is_an_object_of_its_own_and_all_are_read(bucket: str) -> None:
    path = f"{bucket}/live/dead_letters.jsonl"
    for number in range(2):
        with beam.Pipeline(runner=LOCAL_RUNNER) as pipeline:
            made = pipeline | beam.Create([batch(number, 10 + number)])
            (made,) | AppendLines(path)
    assert len(objects(f"{bucket}/live/*")) == 2
    assert offsets(path) == [0, 1, 10, 11]


def test_letters_that_their_place_refuses_go_to_the_bucket(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letter_sinks, "WriteMessages", lambda *_: RefuseAll())
    path = f"{bucket}/refused/dead_letters.jsonl"
    with beam.Pipeline(runner=LOCAL_RUNNER) as pipeline:
        letters = (pipeline | beam.Create([batch(1, 2)]),)
        write_dead_letters(letters, place_of(TOPIC), path, DEFAULTS[Kind.LOCAL], ends=False)
    assert offsets(path) == [1, 2]


def test_without_a_place_that_stays_the_bundle_of_a_refused_letter_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dead_letter_sinks, "WriteMessages", lambda *_: RefuseAll())
    with pytest.raises(Exception, match=r"refuses 2 dead letters.*--output_dir=gs://BUCKET/PATH"):
        with beam.Pipeline(runner=LOCAL_RUNNER) as pipeline:
            letters = (pipeline | beam.Create([batch(1, 2)]),)
            write_dead_letters(letters, place_of(TOPIC), None, DEFAULTS[Kind.LOCAL], ends=False)


def test_a_bucket_is_asked_for_before_a_record_is_read(bucket: str) -> None:
    check_place(place_of(f"{bucket}/there/letters.jsonl"))
    assert not objects(f"{bucket}/there/*")
    with pytest.raises(FileWriteError, match="see that the bucket is there"):
        check_store("gs://no-such-bucket/letters.jsonl")


def test_the_examples_database_is_not_made_in_a_bucket(capsys: pytest.CaptureFixture[str]) -> None:
    assert aml.main(["--output_dir=gs://bucket/aml"]) == 2
    assert "customer database is a file of this machine" in capsys.readouterr().err
