"""Bundles of several threads of a worker, which share the run of their process."""

from __future__ import annotations

import threading
from pathlib import Path

import pyarrow as pa
import pytest

from kami.warehouse import open_warehouse
from pipeline_io.recording import Recording, RecordingSchemas
from pipelines.change_log_run import LogTarget
from pipelines.change_log_step import RUNS, WriteChangeLog
from tests.transforms.change_log_recordings import RECORDINGS
from transforms.dead_letters import Origin

FOLDER = RECORDINGS / "pg_adaptive"
TOPIC = "pg_adaptive.public.items"
SOON = 0.3
LATE = 30.0


def a_step(tmp_path: Path) -> WriteChangeLog:
    target = LogTarget(f"duckdb:{tmp_path / 'w.duckdb'}", "shop")
    step = WriteChangeLog(target, RecordingSchemas(str(FOLDER)), Origin("t", "1"), str(tmp_path))
    step.setup()
    return step


def bundle(step: WriteChangeLog, batches: list[pa.RecordBatch]) -> None:
    step.start_bundle()
    for batch in batches:
        list(step.process(batch))
    step.finish_bundle()


def row_count(tmp_path: Path) -> int:
    with open_warehouse(f"duckdb:{tmp_path / 'w.duckdb'}") as warehouse:
        found = warehouse.query("SELECT COUNT(*) AS n FROM shop.items_change_log")
    return int(found.column("n")[0].as_py())


@pytest.fixture
def batches() -> list[pa.RecordBatch]:
    return [
        batch.filter(pa.array([str(t) == TOPIC for t in batch.column("topic").to_pylist()]))
        for batch in Recording(str(FOLDER)).batches(50)
    ]


@pytest.mark.parametrize("fails", [False, True])
def test_a_bundle_waits_until_the_other_has_ended_or_failed(
    tmp_path: Path, batches: list[pa.RecordBatch], fails: bool
) -> None:
    one, other = a_step(tmp_path), a_step(tmp_path)
    one.start_bundle()
    list(one.process(batches[0]))
    done = threading.Event()

    def run_other() -> None:
        bundle(other, batches[1:])
        done.set()

    threading.Thread(target=run_other, daemon=True).start()
    assert not done.wait(SOON), "two bundles wrote at a time"
    if fails:
        # A later step of the bundle has failed: the runner gives the whole up, and tries it again.
        one.teardown()
        assert done.wait(LATE)
        bundle(one, batches[:1])
    else:
        one.finish_bundle()
        assert done.wait(LATE)
    RUNS.get(str(tmp_path), other.target, other.schemas).close()
    RUNS.drop(str(tmp_path))
    values = sum(batch.num_rows - batch.column("value").null_count for batch in batches)
    assert row_count(tmp_path) in (
        {values} if not fails else {values, values + batches[0].num_rows}
    )


def test_an_error_in_a_bundle_lets_the_next_one_begin(
    tmp_path: Path, batches: list[pa.RecordBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = a_step(tmp_path), a_step(tmp_path)
    one.start_bundle()
    with pytest.raises(AttributeError):
        list(one.process(None))  # type: ignore[arg-type]  # what the test is about
    ended = threading.Thread(target=bundle, args=(other, batches), daemon=True)
    ended.start()
    ended.join(LATE)
    assert not ended.is_alive()
    RUNS.get(str(tmp_path), other.target, other.schemas).close()
    RUNS.drop(str(tmp_path))
