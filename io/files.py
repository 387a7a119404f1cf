"""Files of lines: written in parts by the workers, put in place as one when all is done."""

from __future__ import annotations

import errno
import posixpath
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import polars as pl
import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.pvalue import PCollection
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

_PLAIN = CompressionTypes.UNCOMPRESSED
"""Never by the file's name: a path that ends in .gz would be compressed part by part."""

_COPY_BYTES = 1 << 20
"""Bytes copied at a time when parts are put together: more did not make it faster."""


class FileWriteError(OSError):
    """A file that could not be written; what was there before is still there."""


def is_remote(path: str) -> bool:
    """Whether a path is one of a store of objects, such as gs://BUCKET/PATH."""
    return "://" in path


def path_in(folder: str, name: str) -> str:
    """The path of a file in a folder, here or in a store of objects."""
    return posixpath.join(folder, name) if is_remote(folder) else str(Path(folder) / name)


def write_text(path: str, text: str) -> None:
    """Writes a file, here or in a store of objects. Raises FileWriteError."""
    try:
        with create(path) as target:
            target.write(text.encode())
    except Exception as error:  # Each file system has its own; all of them mean the same here.
        raise write_error(path, error) from error


class Part(NamedTuple):
    """One part of a file: where its lines are. Parts are put together in the order of the
    collections, those of one collection in the order in which they were begun (ns)."""

    collection: int
    begun: int
    path: str


def lines_of(batch: pa.RecordBatch) -> pa.Buffer | bytes:
    """The bytes of a batch's first column, each value with a line end behind it."""
    if not batch.num_rows:
        return b""
    column = batch.column(0)
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        column = column.cast(pa.large_binary()).view(pa.large_string())
    series = pl.Series(pl.from_arrow(column)) + "\n"
    whole = series.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.large_string())
    # The values of an Arrow column lie behind each other: they are the lines already.
    _, offsets, data = whole.buffers()
    if data is None or offsets is None:
        return b""
    bounds = pa.Int64Array.from_buffers(pa.int64(), len(whole) + whole.offset + 1, [None, offsets])
    start, end = bounds[whole.offset].as_py(), bounds[len(whole) + whole.offset].as_py()
    lines: pa.Buffer = data.slice(start, end - start)
    return lines


class _WritePart(beam.DoFn):
    """Writes the first column of its batches as lines, one part a bundle; yields the Part.

    Batches are written as they come, so memory does not grow with the bundle.
    """

    def __init__(self, path: str, collection: int) -> None:
        self.path = path
        self.collection = collection
        self._part: Part | None = None
        self._file: Any = None

    def start_bundle(self) -> None:
        self._part = self._file = None

    def process(self, element: pa.RecordBatch) -> None:
        try:
            if self._file is None:
                self._part = Part(self.collection, time.time_ns(), _part_path(self.path))
                self._file = create(self._part.path)
            self._file.write(lines_of(element))
        except Exception as error:
            raise write_error(self.path, error) from error

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._file is None:
            return
        try:
            self._file.close()
        except Exception as error:
            raise write_error(self.path, error) from error
        yield GlobalWindows.windowed_value(self._part)


def _put_together(path: str, parts: Sequence[Part]) -> str:
    """Makes one file of its parts, in their order, and removes them; the file's path."""
    ordered = [part.path for part in sorted(parts)]
    whole = _part_path(path)
    try:
        with create(whole) as target:
            for part_path in ordered:
                with FileSystems.open(part_path, compression_type=_PLAIN) as source:
                    shutil.copyfileobj(source, target, _COPY_BYTES)
        # Only now, and at once: a reader sees the old file or the whole new one.
        FileSystems.rename([whole], [path])
        if ordered:
            FileSystems.delete(ordered)
    except Exception as error:
        raise write_error(path, error) from error
    return path


class WriteLines(beam.PTransform[tuple[PCollection[pa.RecordBatch], ...], PCollection[str]]):
    """Writes the first column of all batches as the lines of one file; yields its path.

    For bounded collections. They are taken as a tuple, unflattened, so that each is written in
    the very stage that makes it. The file appears when everything has been written; a run that
    fails leaves the file of the run before.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def expand(self, collections: tuple[PCollection[pa.RecordBatch], ...]) -> PCollection[str]:
        parts = [
            collection | f"WritePart{number}" >> beam.ParDo(_WritePart(self.path, number))
            for number, collection in enumerate(collections)
        ] | beam.Flatten()
        written: PCollection[str] = (
            parts.pipeline
            | "Path" >> beam.Create([self.path], reshuffle=False)
            | "PutTogether" >> beam.Map(_put_together, parts=beam.pvalue.AsList(parts))
        )
        return written


def _part_path(path: str) -> str:
    return f"{path}.part-{uuid.uuid4().hex}"


def create(path: str) -> Any:
    """A new file to write bytes to; in a store its object is there, whole, when it is closed."""
    return FileSystems.create(path, compression_type=_PLAIN)


def write_error(path: str, error: Exception) -> FileWriteError:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        advice = "the disk is full; free room and run again"
    elif isinstance(error, PermissionError):
        advice = "this user may not write there; choose another path"
    elif is_remote(path):
        advice = "see that the bucket is there and this account may create objects in it"
    else:
        advice = "see that the folder can be written and run again"
    return FileWriteError(f"{path}: {error}: {advice}. The file of an earlier run is untouched")
