"""What a change log has already of records that are read again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import polars as pl
import pyarrow as pa

from kami.tables import archive_of, change_log_of
from kami.warehouse import literal
from pipelines.change_log_sink import OpenLog

PAGE = 1_000_000
"""Offsets of a partition that are asked for at a time: some 100 MB of memory where all of them are
stored."""

_OFFSET, _ID = "_offset", "_event_id"
_IDENTITY = [_OFFSET, _ID]


class _Place(NamedTuple):
    """A partition of a topic, as far as one table has rows of it."""

    table: str
    topic: str
    partition: int


@dataclasses.dataclass
class _Page:
    """What is stored of a partition's offsets from `start` to before `end`."""

    start: int
    end: int
    rows: pl.DataFrame


class StoredRows:
    """Leaves out rows that a log, or the archive of its compacted rows, has already.

    A row is known by its record's topic, partition and offset, and by its event's id: a topic that
    was made anew has other events at the same offsets. What the log has is read when a partition is
    met first, and where its offsets go back; so nobody else may write to the log meanwhile.
    Raises WarehouseError.
    """

    def __init__(self, log: OpenLog) -> None:
        self._log = log
        self._newest: dict[str, dict[tuple[str, int], int]] = {}
        self._pages: dict[_Place, _Page] = {}

    def without(self, table: str, batches: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
        """The rows for a table (by its name in the warehouse) that it does not have.

        batches: all of the table that were made of one batch of records.
        """
        frame = pl.concat([_identities(number, rows) for number, rows in enumerate(batches)])
        known: list[pl.DataFrame] = []
        newest = self._newest_of(table)
        for (topic, partition), part in frame.group_by("_topic", "_topic_partition"):
            place = _Place(table, str(topic), int(partition))
            first, last = part.select(pl.min(_OFFSET), pl.max(_OFFSET).alias("last")).row(0)
            stored_to = newest.get(place[1:], -1)
            if first <= stored_to:
                known.append(part.join(self._stored(place, first, last), on=_IDENTITY, how="semi"))
            newest[place[1:]] = max(last, stored_to)
        if not any(len(part) for part in known):
            return list(batches)
        kept = frame.join(pl.concat(known), on=["batch", "row"], how="anti").sort("batch", "row")
        rows_of = dict(kept.group_by("batch", maintain_order=True).agg("row").iter_rows())
        return [
            batches[number].take(pa.array(rows, pa.int64())) for number, rows in rows_of.items()
        ]

    def _newest_of(self, table: str) -> dict[tuple[str, int], int]:
        """The newest offset that is stored of each partition of a table."""
        if table not in self._newest:
            sql = (
                "SELECT _topic, _topic_partition, MAX(_offset) AS newest FROM {rows} GROUP BY 1, 2"
            )
            found = self._asked(table, sql)
            self._newest[table] = {
                (str(topic), int(partition)): int(newest)
                for topic, partition, newest in (found.iter_rows() if found is not None else ())
            }
        return self._newest[table]

    def _stored(self, place: _Place, first: int, last: int) -> pl.DataFrame:
        page = self._pages.get(place)
        if page is None or first < page.start or last >= page.end:
            end = max(first + PAGE, last + 1)
            sql = (
                f"SELECT _offset, _event_id FROM {{rows}} WHERE _topic = {literal(place.topic)} "  # noqa: S608
                f"AND _topic_partition = {place.partition} "
                f"AND _offset >= {first} AND _offset < {end}"
            )
            found = self._asked(place.table, sql)
            empty = pl.DataFrame(schema={_OFFSET: pl.Int64, _ID: pl.String})
            rows = empty if found is None else found.cast({_OFFSET: pl.Int64, _ID: pl.String})
            page = self._pages[place] = _Page(first, end, rows)
        # What is behind has been compared, and what this run appends itself is not in a page.
        page.start = last + 1
        return page.rows

    def _asked(self, table: str, sql: str) -> pl.DataFrame | None:
        """What a query gives of a table's log and archive; None where neither is there."""
        self._log.sink.flush()
        there = set(self._log.tables())
        names = [name for name in (change_log_of(table), archive_of(table)) if name in there]
        if not names:
            return None
        columns = "_topic, _topic_partition, _offset, _event_id"
        parts = [f"SELECT {columns} FROM {{dataset}}.{self._log.quote(name)}" for name in names]  # noqa: S608
        rows = f"({' UNION ALL '.join(parts)})"
        found = pl.from_arrow(self._log.query(sql.replace("{rows}", rows)))
        assert isinstance(found, pl.DataFrame)  # noqa: S101
        return found


def _identities(number: int, rows: pa.RecordBatch) -> pl.DataFrame:
    """What rows are known by, with the number of their batch and their place in it."""
    columns = rows.select(["_topic", "_topic_partition", *_IDENTITY])
    frame = pl.DataFrame(pa.Table.from_batches([columns])).with_row_index("row")
    return frame.with_columns(
        pl.lit(number).alias("batch"),
        pl.col("row").cast(pl.Int64),
        pl.col("_topic", _ID).cast(pl.String),
        pl.col("_topic_partition", _OFFSET).cast(pl.Int64),
    )
