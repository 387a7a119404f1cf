"""A sweep: all keys of a shard are compared with what was told of them.

It finds what no update time tells: deletes, rows that were changed without their time or with an
older one, and rows without a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import polars as pl
import pyarrow as pa

from pipeline_io.audit_digest import key_columns
from pipeline_io.audit_state import AuditState, Held, Progress
from pipeline_io.audit_tables import UPDATED_US, AuditDatabase, Bound, PolledTable, Shard
from pipeline_io.audit_versions import changes_of, deletes_of, ids_of

MISSING_ROWS = 1_000


@dataclasses.dataclass
class SweepCounts:
    """What a sweep has met and found."""

    keys: int = 0
    without_time: int = 0
    changed: int = 0
    deleted: int = 0


class Sweep:
    """One sweep, which may take several polls: `run` goes on where it stopped.

    Deletes are told of keys alone that were known before the sweep's moment, that it has not met,
    and that are not there when they are asked for once more.
    """

    def __init__(
        self, database: AuditDatabase, state: AuditState, table: PolledTable, shard: Shard
    ) -> None:
        self._database = database
        self._state = state
        self._table = table
        self._keys = database.keys(table, shard)
        self._last_poll = 0
        self.counts = SweepCounts()
        self.is_done = False

    def start(self, held: Held) -> None:
        """To be called once, after a poll and before `run`."""
        self._state.start_sweep(held)
        # Versions that are told from now on are not of the moment that is read.
        self._last_poll = held.poll

    def run(
        self, held: Held, progress: Progress, bound: Bound, most_keys: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Changes that the sweep finds, stored as pending before they are yielded.

        Args:
            progress: how far the shard is; kept as it is.
            bound: of the last poll: what is newer, polls will find.
            most_keys: stop after so many keys, and go on at the next call.
        """
        read = 0
        for keys in self._keys:
            read += keys.num_rows
            yield from self._compared(held, progress, bound, keys)
            if most_keys is not None and read >= most_keys:
                return
        for known in self._state.missing(held, self._last_poll, MISSING_ROWS):
            yield from self._deleted(held, progress, bound, known)
        self.is_done = True

    def close(self) -> None:
        """Ends the read of the keys."""
        close = getattr(self._keys, "close", None)
        if close is not None:
            close()

    def _compared(
        self, held: Held, progress: Progress, bound: Bound, keys: pa.RecordBatch
    ) -> Iterator[pa.RecordBatch]:
        texts, ids = ids_of(self._table, keys)
        self._state.note_seen(held, ids)
        self.counts.keys += len(ids)
        frame = pl.DataFrame(
            {"key_id": ids, "row_us": pl.from_arrow(keys.column(UPDATED_US))},
            schema_overrides={"key_id": pl.String, "row_us": pl.Int64},
        ).with_row_index("row")
        known = self._state.known(held, ids).select(
            "key_id", "deleted", "doubtful", known_us="row_us", told=pl.lit(value=True)
        )
        joined = frame.join(known, on="key_id", how="left", maintain_order="left")
        no_time = pl.col("row_us").is_null()
        self.counts.without_time += joined.select(no_time.sum()).item()
        differs = (
            pl.col("told").is_null()
            | pl.col("deleted")
            | (pl.col("row_us") != pl.col("known_us"))
            | pl.col("known_us").is_null()
            # A run that died may not have delivered it: it is told again.
            | pl.col("doubtful")
        )
        # Newer rows are left to polls. Rows without a time are looked at as a whole, each time.
        rows = joined.filter(no_time | (differs & (pl.col("row_us") <= bound.us)))["row"].to_list()
        if not rows:
            return
        chosen = keys.take(pa.array(rows, pa.int64()))
        current = self._database.rows(self._table, chosen)
        texts, ids = ids_of(self._table, current)
        changes, versions = changes_of(
            self._table,
            current,
            texts,
            ids,
            self._state.known(held, ids),
            op_of_new="c",
            ts_ms=bound.now_us // 1_000,
            floor_us=progress.floor_us(self._table.request.overlap_us),
        )
        if changes.num_rows:
            self.counts.changed += changes.num_rows
            self._state.store(held, versions, progress)
            yield changes

    def _deleted(
        self, held: Held, progress: Progress, bound: Bound, known: pl.DataFrame
    ) -> Iterator[pa.RecordBatch]:
        fields = [self._table.columns.field(name) for name in self._table.key]
        columns = key_columns(known["key_text"].to_list(), fields)
        keys = pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))
        # A row that came back, or that is in another shard now, is there.
        _, there = ids_of(self._table, self._database.rows(self._table, keys))
        gone = known.filter(~pl.col("key_id").is_in(there))
        if gone.is_empty():
            return
        changes, versions = deletes_of(self._table, gone, ts_ms=bound.now_us // 1_000)
        self.counts.deleted += changes.num_rows
        self._state.store(held, versions, progress)
        yield changes
