"""One writer of a dataset at a time: whoever comes next locks out those before it.

A writer that was killed may have sent rows that BigQuery stores a moment later, and one that was
thought dead may go on. What a new writer reads is the truth only when no stream of theirs takes
rows any more.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Protocol

import pyarrow as pa

from pipeline_io.bigquery_errors import BigQueryError

TABLE = "_writers"
COLUMNS = (
    ("ordinal", "INT64"),
    ("writer", "STRING"),
    ("kind", "STRING"),
    ("stream", "STRING"),
)
"""Of the table that writers meet in; kinds are claim, stream and owner."""

_CLAIM, _STREAM, _OWNER = "claim", "stream", "owner"
_FIELDS: list[pa.Field[Any]] = [
    pa.field("ordinal", pa.int64()),
    *(pa.field(name, pa.string()) for name in ("writer", "kind", "stream")),
]
SCHEMA = pa.schema(_FIELDS)


class BigQueryWriterError(BigQueryError):
    """Another run has taken a dataset over: the pipeline stops."""


class _Sink(Protocol):
    def append(self, name: str, rows: pa.RecordBatch) -> None: ...

    def flush(self) -> None: ...


class OnlyWriter:
    """A claim to be the only writer of a dataset.

    A writer tells of a stream before it looks whether its claim is still the newest, and only then
    appends. A new one claims before it looks for streams. So whichever comes first, a stream is
    either ended by the new writer, or never used by the old one.

    Args:
        sink: writes rows that a query sees when `flush` returns; the table is there.
        query: runs SQL in which `{dataset}` is the dataset.
        end: ends a stream, which may be gone.
        what: the dataset, for messages.
    """

    def __init__(
        self,
        sink: _Sink,
        query: Callable[[str], pa.Table],
        end: Callable[[str], None],
        what: str,
    ) -> None:
        self._sink = sink
        self._query = query
        self._end = end
        self._what = what
        self._place = (0, uuid.uuid4().hex)

    def take(self) -> None:
        """Locks out all writers before: when it returns, nothing of theirs is stored any more.

        Raises BigQueryError.
        """
        ordinal, _ = self._newest()
        self._place = (ordinal + 1, self._place[1])
        self._tell(_CLAIM)
        self._check()
        for stream in self._streams():
            self._end(stream)
        # Streams of the writers before this one need not be ended again by the next.
        self._tell(_OWNER)

    def announce(self, stream: str) -> None:
        """To be called before the first row goes to a stream. Raises BigQueryWriterError."""
        self._tell(_STREAM, stream)
        self._check()

    def _tell(self, kind: str, stream: str | None = None) -> None:
        ordinal, writer = self._place
        row = {"ordinal": ordinal, "writer": writer, "kind": kind, "stream": stream}
        self._sink.append(TABLE, pa.RecordBatch.from_pylist([row], schema=SCHEMA))
        self._sink.flush()

    def _check(self) -> None:
        newest = self._newest()
        if newest > self._place:
            message = (
                f"{self._what} was taken over by another run that writes there exactly once "
                f"(writer {newest[1]}, number {newest[0]}; this one has number {self._place[0]}); "
                "let one run alone write: stop the other, and start this one again"
            )
            raise BigQueryWriterError(message)

    def _newest(self) -> tuple[int, str]:
        rows = self._query(
            f"SELECT ordinal, writer FROM {{dataset}}.{TABLE} "  # noqa: S608
            f"WHERE kind = '{_CLAIM}' ORDER BY ordinal DESC, writer DESC LIMIT 1"
        ).to_pylist()
        return (int(rows[0]["ordinal"]), str(rows[0]["writer"])) if rows else (0, "")

    def _streams(self) -> list[str]:
        """Streams of other writers that may still take rows."""
        rows = self._query(
            f"SELECT DISTINCT stream FROM {{dataset}}.{TABLE} "  # noqa: S608
            f"WHERE kind = '{_STREAM}' AND writer != '{self._place[1]}' AND ordinal >= "
            f"(SELECT IFNULL(MAX(ordinal), 0) FROM {{dataset}}.{TABLE} WHERE kind = '{_OWNER}') "
            "ORDER BY stream"
        ).to_pylist()
        return [str(row["stream"]) for row in rows]
