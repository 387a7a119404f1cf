"""Files on the disk of a worker that goes away are refused before a job starts."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import pytest

from pipelines.options import FlagError, JobConfig, parse_options
from pipelines.output_folder import prepare_output
from pipelines.runners import DEFAULTS, Kind

POOL = "--environment_type=EXTERNAL"
TOPIC = "--dead_letters=pubsub:projects/my-project/topics/letters"


def prepared(kind: Kind, *flags: str, **files: str) -> JobConfig:
    options = parse_options(flags)
    config = dataclasses.replace(JobConfig.from_options(options, "items"), follow=True)
    return prepare_output(config, options, DEFAULTS[kind], files)


def refusal(kind: Kind, *flags: str, **files: str) -> str:
    with pytest.raises(FlagError) as raised:
        prepared(kind, *flags, **files)
    return str(raised.value)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("kind", "flags"),
    [(Kind.LOCAL, []), (Kind.LOCAL, [POOL]), (Kind.FLINK, []), (Kind.PRISM, [])],
)
def test_workers_of_this_machine_write_to_its_folder(
    kind: Kind, flags: list[str], tmp_path: Path
) -> None:
    config = prepared(kind, *flags)
    assert (tmp_path / "out" / "items").is_dir()
    assert config.refused_letters == "out/items/dead_letters.jsonl"


@pytest.mark.parametrize("kind", [Kind.DATAFLOW, Kind.FLINK])
def test_workers_elsewhere_need_a_place_for_dead_letters(kind: Kind, tmp_path: Path) -> None:
    assert "--dead_letters is missing" in refusal(kind, POOL)
    config = prepared(kind, POOL, TOPIC)
    assert config.refused_letters is None
    # A container's disk may be one that nobody writes to.
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("flag", ["--dead_letters=letters.jsonl", "--output_dir=somewhere"])
def test_dataflow_takes_no_file_of_a_worker(flag: str) -> None:
    told = refusal(Kind.DATAFLOW, flag)
    assert "is a file on the disk of a worker" in told
    assert "gs://BUCKET/PATH" in told


def test_flink_takes_a_volume_that_is_named_and_says_what_it_has_to_be(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        config = prepared(Kind.FLINK, POOL, "--dead_letters=/mnt/letters.jsonl")
    assert "/mnt/letters.jsonl is a file on the disk of each worker" in caplog.text
    assert str(config.dead_letter_place) == "/mnt/letters.jsonl"


def test_a_sink_that_is_a_file_of_a_worker_is_refused_on_dataflow() -> None:
    assert "the sink 'events'" in refusal(Kind.DATAFLOW, TOPIC, events="out/events.jsonl")
    prepared(Kind.DATAFLOW, TOPIC, events="gs://bucket/events.jsonl")


def test_a_bucket_keeps_the_letters_that_their_place_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("pipelines.output_folder.check_store", asked.append)
    config = prepared(Kind.DATAFLOW, TOPIC, "--output_dir=gs://bucket/items/")
    assert config.refused_letters == "gs://bucket/items/dead_letters.jsonl"
    assert asked == [config.refused_letters]
