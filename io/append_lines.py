"""Lines of a job that does not end: appended to a file, or objects in a folder of a store."""

from __future__ import annotations

import contextlib
import datetime
import os
import posixpath
import uuid
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.filesystems import FileSystems
from apache_beam.pvalue import PCollection

from pipeline_io.files import create, is_remote, lines_of, write_error


def append(path: str, lines: bytes) -> str:
    """Adds whole lines to a file, safe on the disk when it returns; where they are.

    A store of objects knows no appending: there the lines become an object of their own beside
    `path`, with the time in its name. Raises FileWriteError.
    """
    try:
        if not is_remote(path):
            return _append_locally(path, lines)
        place = object_beside(path)
        with create(place) as target:
            target.write(lines)
    except Exception as error:  # Each file system has its own; all of them mean the same here.
        raise write_error(path, error) from error
    return place


def check_store(path: str) -> None:
    """Makes an empty object beside a path, and removes it where it may. Raises FileWriteError."""
    made = append(path, b"")
    with contextlib.suppress(Exception):
        FileSystems.delete([made])


def _append_locally(path: str, lines: bytes) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    # One write to a file opened so is never mixed with that of another worker of this machine.
    with Path(path).open("ab", buffering=0) as target:
        written = target.write(lines)
        while written < len(lines):
            written += target.write(lines[written:])
        os.fsync(target.fileno())
    return path


def object_beside(path: str) -> str:
    """A name that no other object has, with the time in it: 'a/b.jsonl' gives 'a/b-....jsonl'."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%S%f")
    folder, slash, name = path.rpartition("/")
    stem, ending = posixpath.splitext(name)
    return f"{folder}{slash}{stem}-{now}-{uuid.uuid4().hex}{ending}"


class _Append(beam.DoFn):
    def __init__(self, path: str) -> None:
        self.path = path

    def start_bundle(self) -> None:
        self._lines: list[bytes] = []

    def process(self, element: pa.RecordBatch) -> Iterator[str]:
        self._lines.append(bytes(lines_of(element)))
        return iter(())

    def finish_bundle(self) -> None:
        if lines := b"".join(self._lines):
            append(self.path, lines)
        self._lines = []


class AppendLines(beam.PTransform[tuple[PCollection[pa.RecordBatch], ...], None]):
    """Appends the first column of all batches to a file, a bundle's lines when it ends.

    For collections that may have no end; a bundle that is tried again adds its lines again.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def expand(self, collections: tuple[PCollection[pa.RecordBatch], ...]) -> None:
        for number, collection in enumerate(collections):
            _ = collection | f"Append{number}" >> beam.ParDo(_Append(self.path))
