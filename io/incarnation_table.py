"""The table that keeps the lives of a source's log: which server's numbers come after which."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import pyarrow as pa

TABLE = "_incarnations"
_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("source", pa.string()),
    ("ordinal", pa.int64()),
    ("identity", pa.string()),
    ("first_seen", pa.timestamp("us", tz="UTC")),
    ("added_by", pa.string()),
]
SCHEMA = pa.schema(_COLUMNS)


class StoredIncarnation(NamedTuple):
    """One life: `identity` is a server uuid, a GTID's domain, or '' where it was counted by hand.

    first_seen: of its first event that was met, by the source's clock.
    """

    ordinal: int
    identity: str
    first_seen: datetime.datetime | None


class _Sink(Protocol):
    def append(self, name: str, rows: pa.RecordBatch) -> None: ...

    def flush(self) -> None: ...


class IncarnationTable:
    """Reads and adds the incarnations of one source.

    Args:
        sink: who writes. query: runs SQL in which `{dataset}` is the dataset.
        source: the source's name for the first row; the next ones have the name that is there.
    """

    def __init__(self, sink: _Sink, query: Callable[[str], pa.Table], source: str) -> None:
        self._sink = sink
        self._query = query
        self._source = source

    def read(self) -> list[StoredIncarnation]:
        """What is stored, by ordinal; an incarnation that was stored twice is there once."""
        rows = self._query(
            "SELECT ordinal, identity, MIN(source) AS source, MIN(first_seen) AS first_seen "
            "FROM {dataset}._incarnations GROUP BY ordinal, identity ORDER BY ordinal"
        ).to_pylist()
        # Whoever stored the first one named the source: a dataset has one.
        self._source = next((row["source"] for row in rows if row["source"]), self._source)
        return [
            StoredIncarnation(int(row["ordinal"]), row["identity"] or "", row["first_seen"])
            for row in rows
        ]

    def add(self, new: Sequence[StoredIncarnation], added_by: str) -> None:
        """Stores incarnations; they are safe when this returns, before any row needs them."""
        if not new:
            return
        columns = [
            pa.array([self._source] * len(new), pa.string()),
            pa.array([each.ordinal for each in new], pa.int64()),
            pa.array([each.identity for each in new], pa.string()),
            pa.array([each.first_seen for each in new], SCHEMA.field("first_seen").type),
            pa.array([added_by] * len(new), pa.string()),
        ]
        self._sink.append(TABLE, pa.RecordBatch.from_arrays(columns, schema=SCHEMA))
        self._sink.flush()
