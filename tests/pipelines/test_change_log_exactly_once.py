"""python -m pipelines.change_log --exactly_once: bundles that fail, and runs that are killed."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pytest

from pipeline_io.bigquery_errors import BigQueryError
from pipeline_io.bigquery_writers import BigQueryWriterError
from pipeline_io.recording import Recording, RecordingSchemas
from pipelines import change_log
from pipelines.change_log_run import LogRun, LogTarget
from tests.io.bigquery_stand_in import Scripted, path_of
from tests.pipelines.bigquery_warehouse import WAREHOUSE, StandInWarehouse, places, warehouse
from tests.transforms.change_log_recordings import RECORDINGS, logged

NAME = "pg_adaptive"
DENIED = Scripted(grpc.StatusCode.PERMISSION_DENIED)
ONCE = LogTarget(WAREHOUSE, "shop", exactly_once=True)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInWarehouse]:
    with warehouse(monkeypatch) as made:
        yield made


def now() -> datetime.datetime:
    return datetime.datetime(2026, 2, 3, tzinfo=datetime.timezone.utc)


def started(target: LogTarget = ONCE) -> LogRun:
    return LogRun(target, RecordingSchemas(str(RECORDINGS / NAME)), now)


def batches(size: int = 100) -> list[pa.RecordBatch]:
    return list(Recording(str(RECORDINGS / NAME)).batches(size))


def expected() -> dict[str, list[tuple[str, int, int]]]:
    return {
        table: sorted((row["_topic"], row["_topic_partition"], row["_offset"]) for row in rows)
        for table, rows in logged(NAME)[0].items()
    }


def found(made: StandInWarehouse) -> dict[str, list[tuple[str, int, int]]]:
    return {table: sorted(places(made, table)) for table in expected()}


def ran(tmp_path: Path, *flags: str) -> tuple[int, dict[str, Any]]:
    """The exit code of a run, and its summary."""
    arguments = [
        f"--source=recording:{RECORDINGS / NAME}",
        f"--warehouse={WAREHOUSE}",
        "--source_name=shop",
        f"--output_dir={tmp_path}",
        "--batch_size=100",
        *flags,
    ]
    code = change_log.main(arguments)
    path = tmp_path / "summary.json"
    return code, json.loads(path.read_text()) if path.exists() else {}


def deny_rows_after(made: StandInWarehouse, count: int) -> None:
    """The requests for log tables from the one after `count` on are refused."""
    seen = Counter[str]()

    def look(request: Any) -> None:
        seen["requests"] += 1
        if seen["requests"] > count:
            made.service.storage.script = [DENIED]

    made.service.storage.on_request = look


@pytest.mark.parametrize(("flags", "is_once"), [(["--exactly_once"], True), ([], False)])
def test_a_run_that_reads_all_again_doubles_nothing_with_the_flag_and_all_without(
    made: StandInWarehouse, tmp_path: Path, flags: list[str], is_once: bool
) -> None:
    # A recording keeps no offsets: so does a run that was killed before it could commit any.
    code, _ = ran(tmp_path, *flags)
    assert code == 0
    code, summary = ran(tmp_path, *flags)
    assert code == 0
    doubles = {table: rows != expected()[table] for table, rows in found(made).items()}
    assert set(doubles.values()) == {not is_once}
    if is_once:
        assert summary["rows"] == 0
        assert summary["records"] == summary["skipped"] + summary["tombstones"]


@pytest.mark.parametrize("requests", [8, 12])
def test_a_run_that_is_refused_in_the_middle_is_gone_on_with(
    made: StandInWarehouse, tmp_path: Path, requests: int
) -> None:
    deny_rows_after(made, requests)
    code, _ = ran(tmp_path, "--exactly_once")
    assert code == 1
    before = sum(map(len, found(made).values()))
    assert 0 < before < sum(map(len, expected().values()))
    made.service.storage.on_request = lambda request: None
    made.service.storage.script = []
    code, summary = ran(tmp_path, "--exactly_once")
    assert code == 0
    assert found(made) == expected()
    assert summary["skipped"] == before


def test_a_bundle_that_fails_before_its_end_is_repeated_without_doubles(
    made: StandInWarehouse,
) -> None:
    run = started()
    first, second, *_ = batches(30)
    run.roll_back()
    run.process(first)
    # The runner gives the bundle up here; its rows are stored, or on their way.
    run.sink.flush()
    run.process(second)
    run.rest()
    run.roll_back()
    for batch in batches(30):
        run.process(batch)
    run.flush()
    run.close()
    assert found(made) == expected()


def test_a_bundle_that_ended_and_was_not_confirmed_is_repeated_without_doubles(
    made: StandInWarehouse,
) -> None:
    run = started()
    for _ in range(2):
        run.roll_back()
        for batch in batches():
            run.process(batch)
        run.flush()
    run.close()
    assert found(made) == expected()


def test_a_sink_that_has_failed_is_opened_again_for_the_next_try(made: StandInWarehouse) -> None:
    run = started()
    run.roll_back()
    made.service.storage.script = [DENIED] * 3
    with pytest.raises(BigQueryError):
        for batch in batches():
            run.process(batch)
            run.flush()
    made.service.storage.script = []
    run.roll_back()
    for batch in batches():
        run.process(batch)
    run.flush()
    run.close()
    assert found(made) == expected()


def test_a_run_that_was_taken_over_writes_no_row_more(made: StandInWarehouse) -> None:
    first, rest = batches(30)[0], batches(200)
    old = started()
    old.process(first)
    old.sink.flush()
    new = started()
    # It was thought dead, and goes on in the stream that it has.
    with pytest.raises(BigQueryWriterError, match="taken over by another run"):
        for batch in rest[1:]:
            old.process(batch)
        old.flush()
    for batch in rest:
        new.process(batch)
    new.flush()
    old.close()
    new.close()
    assert found(made) == expected()


def test_streams_of_an_earlier_run_that_are_gone_stop_nobody(made: StandInWarehouse) -> None:
    run = started()
    for batch in batches()[:2]:
        run.process(batch)
    run.flush()
    run.close()
    assert made.service.storage.streams
    made.service.storage.streams.clear()
    run = started()
    for batch in batches():
        run.process(batch)
    run.flush()
    run.close()
    assert found(made) == expected()


def test_rows_that_compaction_has_moved_to_the_archive_are_not_written_again(
    made: StandInWarehouse,
) -> None:
    run = started()
    for batch in batches():
        run.process(batch)
    run.flush()
    run.close()
    stored = made.service.storage.stored
    for table in expected():
        log, archive = f"{table}_change_log", f"{table}_archive"
        made.service.rest.tables[archive] = made.service.rest.tables[log]
        stored[path_of(archive)] = stored[path_of(log)][:150]
        stored[path_of(log)] = stored[path_of(log)][150:]
    left = found(made)
    run = started()
    skipped = sum(run.process(batch).counts.skipped for batch in batches())
    run.flush()
    run.close()
    assert found(made) == left
    assert skipped == sum(map(len, expected().values()))


def test_other_events_at_the_same_offsets_are_written(made: StandInWarehouse) -> None:
    """A topic that was deleted and made anew starts at offset 0 again."""
    run = started()
    for batch in batches():
        run.process(batch)
    run.flush()
    run.close()
    for table in expected():
        for row in made.service.storage.stored[path_of(f"{table}_change_log")]:
            row["_event_id"] = f"of another life: {row['_event_id']}"
    run = started()
    written = sum(run.process(batch).counts.rows for batch in batches())
    run.flush()
    run.close()
    assert written == sum(map(len, expected().values()))


def test_a_run_that_goes_on_where_the_last_one_ended_asks_for_no_row(
    made: StandInWarehouse,
) -> None:
    for part in (batches()[:3], batches()[3:]):
        run = started()
        made.asked.clear()
        for batch in part:
            run.process(batch)
        run.flush()
        run.close()
    assert found(made) == expected()
    assert not [sql for sql in made.asked if "_offset >=" in sql]
    assert [sql for sql in made.asked if "MAX(_offset)" in sql]
