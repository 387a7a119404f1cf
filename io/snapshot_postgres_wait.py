"""Waiting for PostgreSQL's transactions that are open at a snapshot's anchor.

Their changes stand before the anchor's lsn, and a snapshot that is opened before they end has them
not: they would be lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from pipeline_io.snapshot_errors import SnapshotError

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0
_TELL_SECONDS = 10.0
_QUERY_CHARACTERS = 120

# A transaction that has written holds a lock on its own id, until all can see that it has ended.
# pg_current_snapshot() would not do: it leaves out those that are newer than the newest that ended.
_OPEN = """
SELECT lock.transactionid::text, lock.pid, activity.usename, activity.state, activity.query,
  prepared.gid
FROM pg_locks AS lock
LEFT JOIN pg_stat_activity AS activity ON activity.pid = lock.pid
LEFT JOIN pg_prepared_xacts AS prepared ON prepared.transaction = lock.transactionid
WHERE lock.locktype = 'transactionid' AND lock.mode = 'ExclusiveLock' AND lock.granted
  AND coalesce(activity.datname, prepared.database, current_database()) = current_database()
"""


class OpenTransaction(NamedTuple):
    """A transaction that has not ended; `gid` is that of a prepared one."""

    xid: str
    pid: int | None
    user: str | None
    state: str | None
    query: str | None
    gid: str | None

    def __str__(self) -> str:
        if self.gid is not None:
            return f"the prepared transaction {self.gid!r}"
        if self.pid is None:
            return f"transaction {self.xid}"
        query = " ".join((self.query or "").split())[:_QUERY_CHARACTERS]
        return f"pid {self.pid} of user {self.user} ({self.state}: {query})"


def wait_for_open_transactions(
    connection: Any,
    limit_seconds: float,
    tell: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Returns when none of the transactions that have written and are open now is open any more.

    Raises SnapshotError after `limit_seconds`, which names those that are still open.
    """
    begun = clock()
    told_at: float | None = None
    seconds = _FIRST_PAUSE_SECONDS
    first: set[str] | None = None
    while True:
        now_open = [OpenTransaction(*row) for row in connection.execute(_OPEN).fetchall()]
        if first is None:
            first = {each.xid for each in now_open}
        # Those that begin while we wait have their changes behind the anchor.
        still = [each for each in now_open if each.xid in first]
        if not still:
            return
        waited = clock() - begun
        named = "; ".join(str(each) for each in still[:5])
        if waited >= limit_seconds:
            message = (
                f"{len(still)} transactions that were open when the log's position was recorded "
                f"are still open after {waited:.0f} s: {named}; end them (pg_terminate_backend, "
                "ROLLBACK PREPARED), or wait longer with --transaction_wait_seconds"
            )
            raise SnapshotError(message)
        if told_at is None or waited - told_at >= _TELL_SECONDS:
            tell(f"waiting for {len(still)} open transactions to end: {named}")
            told_at = waited
        pause(min(seconds, max(limit_seconds - waited, 0)))
        seconds = min(seconds * 2, _LONGEST_PAUSE_SECONDS)
