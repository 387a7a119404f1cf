"""Polling a shard of a table: what has changed since the last poll, each change once.

A poll reads the rows between the last one's bound, less the overlap, and the bound of now, below
the oldest open transaction. What was told before is known by its content and left out. A sweep by
a schedule finds what update times do not tell.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Generator, Iterator

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_io.audit_errors import AuditError, SchemaChanged
from pipeline_io.audit_state import AuditState, Held, Progress
from pipeline_io.audit_sweep import Sweep
from pipeline_io.audit_tables import (
    UPDATED_US,
    AuditDatabase,
    Bound,
    Cursor,
    PolledTable,
    Shard,
)
from pipeline_io.audit_versions import VERSION_SCHEMA, changes_of, ids_of

_LOGGER = logging.getLogger(__name__)
SWEEP_SECONDS = 3_600.0
# Without sweeps a version is forgotten when no poll can read it again: an hour that a wall shows
# twice, and some more.
_FORGET_US = 3 * 3_600_000_000


class Poll:
    """Polls one shard of one table.

    Args:
        table: as the database describes it; `table` is the description that the latest batches
            have, which grows when the source gets columns.
        source: the name under which the state is kept.
        sweep_seconds: from one sweep to the next; None for none, and then versions are kept for
            the overlap alone and a delete is never seen.
        sweep_rows: keys that a sweep reads in one poll, before it lets the next poll run; None
            for all of them.
        sweep_content: a sweep reads whole rows, and so finds those that were changed without
            their time; else it reads keys and times alone.
    """

    def __init__(
        self,
        database: AuditDatabase,
        state: AuditState,
        table: PolledTable,
        shard: Shard = Shard(),  # noqa: B008  # frozen
        *,
        source: str,
        sweep_seconds: float | None = SWEEP_SECONDS,
        sweep_rows: int | None = None,
        sweep_content: bool = False,
    ) -> None:
        self.table = table
        self.shard = shard
        self.bound: Bound | None = None
        self._database = database
        self._state = state
        self._source = source
        self._sweep_us = None if sweep_seconds is None else round(sweep_seconds * 1_000_000)
        self._sweep_rows = sweep_rows
        self._sweep_content = sweep_content
        self._sweep: Sweep | None = None
        self._has_told = False

    def changes(
        self, token: str, *, sweep: bool | None = None
    ) -> Generator[pa.RecordBatch, None, None]:
        """Batches of changes: the table's columns, `_op`, `_updated_us`, `_revision`, `_ts_ms`.

        A delete has the key's columns and those of the change; the others are NULL. Each batch is
        pending in the state under the token before it is yielded: `state.commit(token)` when all
        that were taken are durable, in between or at the end.

        Args:
            sweep: whether to sweep; None for the schedule.

        Raises AuditError, SchemaChanged, LeaseHeld.
        """
        held = self._state.begin(self._source, self.table, self.shard, token)
        self._describe()
        bound = self.bound = self._database.upper_bound(held.progress.cursor_us)
        if bound.us <= 0:
            _LOGGER.warning("%s: %s", self.table.label, bound.why, extra=self._subject)
            return
        _LOGGER.debug("%s: up to %d, %s", self.table.label, bound.us, bound.why)
        begins = self._sweep is None and (self._is_due(held, bound) if sweep is None else sweep)
        yield from self._polled(held, bound, whole=begins and self._sweep_content)
        done = self._done(held.progress, bound)
        self._state.store(held, _nothing(), done)
        if begins:
            self._sweep = Sweep(self._database, self._state, self.table, self.shard)
            self._sweep.start(held)
        if self._sweep is not None:
            yield from self._swept(self._sweep, held, done, bound)

    def close(self) -> None:
        """Ends a sweep that is under way; the state and the database are closed by their owner."""
        if self._sweep is not None:
            self._sweep.close()
            self._sweep = None

    @property
    def _subject(self) -> dict[str, str]:
        """What log messages are about."""
        return {"table": self.table.label}

    def _describe(self) -> None:
        """The table as it is now."""
        before, now = self.table, self._database.describe(self.table.request)
        gone = [name for name in before.columns.names if name not in now.columns.names]
        if gone or now.key != before.key:
            message = (
                f"{before.label}: the columns {', '.join(map(repr, gone)) or 'of its key'} are not "
                "what they were when polling began: dropped or renamed; start again to go on with "
                f"the columns {', '.join(now.columns.names)}"
            )
            raise SchemaChanged(message)
        if now.columns != before.columns:
            _LOGGER.warning(
                "%s: its columns have changed; rows are now %s",
                now.label,
                _shown(now.columns),
                extra=self._subject,
            )
        self.table = now
        if not self._has_told:
            self._has_told = True
            for warning in (*now.warnings, *self._database.unseen(now)):
                _LOGGER.warning("%s", warning, extra=self._subject)

    def _polled(self, held: Held, bound: Bound, *, whole: bool) -> Iterator[pa.RecordBatch]:
        progress = held.progress
        after = None
        if progress.cursor_us is not None and not whole:
            # A clock that was set back is followed: what it writes has times before the cursor.
            start = min(progress.cursor_us, bound.us) - self.table.request.overlap_us
            after = Cursor(start)
        op_of_new = "r"
        if progress.passed:
            op_of_new = "u" if self._sweep_us is None else "c"
        for batch in self._read(after, bound):
            texts, ids = ids_of(self.table, batch)
            changes, versions = changes_of(
                self.table,
                batch,
                texts,
                ids,
                self._state.known(held, ids),
                op_of_new=op_of_new,
                ts_ms=bound.now_us // 1_000,
                floor_us=held.progress.floor_us(self.table.request.overlap_us),
            )
            if not progress.passed:
                last = pc.max(batch.column(UPDATED_US)).as_py()
                progress = dataclasses.replace(progress, cursor_us=min(last, bound.us))
            self._state.store(held, versions, progress)
            if changes.num_rows:
                yield changes

    def _read(self, after: Cursor | None, bound: Bound) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._database.changed(self.table, self.shard, after, bound.us)
        except SchemaChanged:
            raise
        except AuditError:
            # A column that was dropped since the table was described says so itself.
            self._describe()
            raise

    def _done(self, progress: Progress, bound: Bound) -> Progress:
        forget = None
        if self._sweep_us is None:
            forget = bound.us - 2 * self.table.request.overlap_us - _FORGET_US
        swept = progress.swept_us if progress.passed else bound.now_us
        return Progress(bound.us, passed=True, swept_us=swept, forget_us=forget)

    def _swept(
        self, sweep: Sweep, held: Held, progress: Progress, bound: Bound
    ) -> Iterator[pa.RecordBatch]:
        try:
            yield from sweep.run(held, progress, bound, self._sweep_rows)
        except BaseException:
            # The moment that it read is gone: the next poll begins another one.
            self.close()
            raise
        if not sweep.is_done:
            return
        self.close()
        done = dataclasses.replace(progress, swept_us=bound.now_us)
        self._state.store(held, _nothing(), done)
        _LOGGER.info("%s (shard %s): swept: %s", self.table.label, self.shard, sweep.counts)

    def _is_due(self, held: Held, bound: Bound) -> bool:
        if self._sweep_us is None or not held.progress.passed:
            return False
        last = held.progress.swept_us
        # Also when the clock was set back behind the last one.
        return last is None or not last <= bound.now_us < last + self._sweep_us


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema=VERSION_SCHEMA)


def _shown(columns: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in columns)
