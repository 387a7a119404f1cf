"""Rows cut and put together to append requests, which know the batches that they came of."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types

from pipeline_io.bigquery_upsert import CHANGE_TYPE
from pipeline_io.bigquery_upsert_rows import descriptor, serialized

# Their stubs know less than they do.
_ARROW: Any = pa
_Request: Any = types.AppendRowsRequest.pb()

_TRACE = "kamiflow"


class Refused(NamedTuple):
    """A row that is not written, and why.

    table: its name. rows: the batch that was appended. row: in that batch. error_class: a word to
    count by. message: a sentence. mark: what the batch was appended with.
    """

    table: str
    rows: pa.RecordBatch
    row: int
    error_class: str
    message: str
    mark: Any = None


@dataclasses.dataclass(frozen=True)
class Piece:
    """Rows of a batch: as they are sent, and their places in the batch as it was appended."""

    rows: pa.RecordBatch
    batch: pa.RecordBatch
    places: np.ndarray[Any, np.dtype[np.int64]]
    mark: Any = None

    def part(self, start: int, count: int) -> Piece:
        return dataclasses.replace(
            self, rows=self.rows.slice(start, count), places=self.places[start : start + count]
        )

    def without(self, rows: Sequence[int]) -> Piece:
        places = np.delete(np.arange(len(self.places)), list(rows))
        return dataclasses.replace(
            self, rows=self.rows.take(_ARROW.array(places)), places=self.places[places]
        )


@dataclasses.dataclass(eq=False)
class Chunk:
    """The rows of one append request.

    offset: of its first row in a stream with offsets. is_sent: over the call that is open now.
    is_doubtful: it was sent over a call that has ended before the answer, so that it may be stored.
    """

    pieces: tuple[Piece, ...]
    rows: pa.RecordBatch
    offset: int = 0
    is_sent: bool = False
    is_doubtful: bool = False

    @classmethod
    def of(cls, pieces: Sequence[Piece]) -> Chunk:
        batches = [piece.rows for piece in pieces]
        return cls(
            tuple(pieces), batches[0] if len(batches) == 1 else _ARROW.concat_batches(batches)
        )

    @property
    def count(self) -> int:
        return self.rows.num_rows

    @property
    def size(self) -> int:
        """Bytes of the rows, about."""
        return self.rows.nbytes

    def refused(self, table: str, row: int, error_class: str, message: str) -> Refused:
        """One of its rows as it goes back to whoever appended it."""
        for piece in self.pieces:
            if row < len(piece.places):
                place = int(piece.places[row])
                return Refused(table, piece.batch, place, error_class, message, piece.mark)
            row -= len(piece.places)
        message = f"a request of {self.count} rows has no row {row}"
        raise IndexError(message)

    def without(self, rows: Sequence[int]) -> Chunk | None:
        """The same without some rows; None for nothing left."""
        left = [
            piece.without([row - start for row in rows if 0 <= row - start < len(piece.places)])
            for start, piece in self._starts()
        ]
        kept = [piece for piece in left if len(piece.places)]
        return Chunk.of(kept) if kept else None

    def cut(self, at: int) -> tuple[Chunk, Chunk]:
        """Its first rows and the others; neither may be none."""
        first, second = [], []
        for start, piece in self._starts():
            cut = min(max(at - start, 0), len(piece.places))
            first.append(piece.part(0, cut))
            second.append(piece.part(cut, len(piece.places) - cut))
        return tuple(  # type: ignore[return-value]
            Chunk.of([piece for piece in half if len(piece.places)]) for half in (first, second)
        )

    def _starts(self) -> Iterator[tuple[int, Piece]]:
        ends = itertools.accumulate(len(piece.places) for piece in self.pieces)
        for end, piece in zip(ends, self.pieces, strict=True):
            yield end - len(piece.places), piece


def parts(piece: Piece, most_bytes: int) -> Iterator[Piece]:
    """The piece cut into pieces of at most so many bytes, or of one row."""
    rows = piece.rows
    if rows.num_rows <= 1 or rows.nbytes <= most_bytes:
        yield piece
        return
    middle = rows.num_rows // 2
    yield from parts(piece.part(0, middle), most_bytes)
    yield from parts(piece.part(middle, rows.num_rows - middle), most_bytes)


def request(rows: pa.RecordBatch, stream: str, is_first: bool, offset: int | None) -> bytes:
    """A serialised AppendRowsRequest. Only the first of a call names the stream and the columns."""
    body: bytes
    made = _Request()
    if is_first:
        made.write_stream = stream
        made.trace_id = _TRACE
        if CHANGE_TYPE in rows.schema.names:
            of_rows = descriptor(rows.schema).SerializeToString()
            made.proto_rows.writer_schema.proto_descriptor.MergeFromString(of_rows)
        else:
            schema = rows.schema.serialize().to_pybytes()
            made.arrow_rows.writer_schema.serialized_schema = schema
    if offset is not None:
        made.offset.value = offset
    if CHANGE_TYPE in rows.schema.names:
        made.proto_rows.rows.serialized_rows.extend(serialized(rows))
        body = made.SerializeToString()
        return body
    made.arrow_rows.rows.serialized_record_batch = rows.serialize().to_pybytes()
    body = made.SerializeToString()
    return body
