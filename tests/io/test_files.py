import errno
import io
import os
import tracemalloc
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from pipeline_io import files
from pipeline_io.files import FileWriteError, WriteLines, lines_of

UNICODE = ["", "ä", "日本語 🙂", 'quote " back \\ nul \0 bell \a', "\u2028"]
needs_dev_full = pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="/dev/full is Linux's: a disk that is always full"
)


def batch(values: Iterable[str | bytes], kind: Any = None) -> pa.RecordBatch:
    encoded = [value.encode() if isinstance(value, str) else value for value in values]
    return pa.record_batch([pa.array(encoded, kind or pa.large_binary())], names=["payload"])


def write(path: str, *collections: Sequence[pa.RecordBatch]) -> None:
    with beam.Pipeline() as pipeline:
        made = tuple(
            pipeline | f"Create{number}" >> beam.Create(list(batches), reshuffle=False)
            for number, batches in enumerate(collections)
        )
        assert_that(made | WriteLines(path), equal_to([path]))


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def joined(value: bytes) -> bytes:
    return value + b"\n"


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.string(), pa.large_string()])
def test_lines_are_the_values_each_with_a_line_end(kind: Any) -> None:
    whole = pa.record_batch([pa.array(UNICODE).cast(kind)], names=["payload"])
    assert bytes(lines_of(whole)) == "".join(f"{value}\n" for value in UNICODE).encode()


def test_no_values_are_no_bytes() -> None:
    assert bytes(lines_of(batch([]))) == b""
    assert bytes(lines_of(batch(["a", "b"]).slice(1, 0))) == b""
    assert bytes(lines_of(batch(["", ""]))) == b"\n\n"


@given(
    values=st.lists(st.text(max_size=20), max_size=30),
    start=st.integers(0, 30),
    length=st.integers(0, 30),
    large=st.booleans(),
)
def test_lines_of_a_slice_are_those_of_its_values(
    values: list[str], start: int, length: int, large: bool
) -> None:
    whole = batch(values, pa.large_binary() if large else pa.binary())
    expected = b"".join(joined(value.encode()) for value in values[start : start + length])
    assert bytes(lines_of(whole.slice(min(start, len(values)), length))) == expected


def test_several_collections_become_one_file_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    first = [batch(["1", "2"]), batch([]), batch(["3"])]
    write(str(path), first, [], [batch(UNICODE).slice(1, 2)], [batch(["4"])])
    assert path.read_text(encoding="utf-8") == "1\n2\n3\nä\n日本語 🙂\n4\n"
    assert names(tmp_path) == ["out.jsonl"]


@pytest.mark.parametrize("collections", [[[], []], [[batch([])]]])
def test_no_rows_at_all_are_an_empty_file(
    tmp_path: Path, collections: list[list[pa.RecordBatch]]
) -> None:
    path = tmp_path / "out.jsonl"
    write(str(path), *collections)
    assert path.read_bytes() == b""
    assert names(tmp_path) == ["out.jsonl"]


def test_a_run_replaces_the_file_of_the_run_before(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    for text in ("a longer first line", ""):
        write(str(path), [batch([text])])
        assert path.read_text() == f"{text}\n"
    write(str(path), [])
    assert path.read_bytes() == b""
    assert names(tmp_path) == ["out.jsonl"]


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    path = tmp_path / "some" / "more" / "out.jsonl"
    write(str(path), [batch(["x"])])
    assert path.read_text() == "x\n"


def test_a_name_that_looks_compressed_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl.gz"
    write(str(path), [batch(["x"])], [batch(["y"])])
    assert path.read_text() == "x\ny\n"


def failure(path: str, *collections: Sequence[pa.RecordBatch]) -> str:
    with pytest.raises((FileWriteError, RuntimeError)) as stopped:
        write(path, *collections)
    text = str(stopped.value)
    assert "FileWriteError" in text or isinstance(stopped.value, FileWriteError)
    return text


@pytest.mark.parametrize("batches", [[], [batch(["x"])]])
def test_a_folder_that_cannot_be_made_is_told_with_the_path(
    tmp_path: Path, batches: list[pa.RecordBatch]
) -> None:
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "out.jsonl"
    message = failure(str(path), batches)
    assert f"{path}: " in message
    assert "see that the folder can be written" in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "choose another path" in failure(str(tmp_path / "out.jsonl"), [batch(["x"])])


def test_a_refused_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, **_: object) -> io.BytesIO:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr("pipeline_io.files.FileSystems.create", refuse)
    assert "choose another path" in failure(str(tmp_path / "out.jsonl"), [batch(["x"])])


@needs_dev_full
def test_a_full_disk_is_told_and_the_file_of_the_run_before_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.jsonl"
    write(str(path), [batch(["before"])])
    monkeypatch.setattr(
        "pipeline_io.files.FileSystems.create", lambda *_, **__: Path("/dev/full").open("wb")
    )
    message = failure(str(path), [batch(["x" * 3_000_000])])
    assert "the disk is full; free room and run again" in message
    assert "The file of an earlier run is untouched" in message
    assert "xxxx" not in message
    assert path.read_text() == "before\n"


def test_a_step_that_fails_leaves_the_file_of_the_run_before(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write(str(path), [batch(["before"])])

    def fail(_: pa.RecordBatch) -> pa.RecordBatch:
        message = "the step before"
        raise ValueError(message)

    with pytest.raises((ValueError, RuntimeError), match="the step before"), beam.Pipeline() as run:
        batches = run | beam.Create([batch(["x"])], reshuffle=False)
        _ = (batches | "Good" >> beam.Map(lambda one: one), batches | beam.Map(fail)) | WriteLines(
            str(path)
        )
    assert path.read_text() == "before\n"


def test_a_part_is_written_as_its_batches_come(tmp_path: Path) -> None:
    path = str(tmp_path / "out.jsonl")
    big = batch(["x" * 1_000] * 1_000)
    step = files._WritePart(path, 0)  # noqa: SLF001  (the memory of one step, without a runner's)
    step.start_bundle()
    tracemalloc.start()
    for _ in range(50):
        step.process(big)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    before_last = pa.total_allocated_bytes()
    assert held < 1_000_000
    assert peak < 10_000_000
    assert before_last < 10_000_000
    (part,) = step.finish_bundle()
    assert Path(part.value.path).stat().st_size == 50 * 1_001_000
