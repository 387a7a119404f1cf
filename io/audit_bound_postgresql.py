"""PostgreSQL's open transactions.

`now()` is the begin of the transaction, which `pg_stat_activity` tells of each session; of
prepared transactions it is not known.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import sqlalchemy as sa

from pipeline_io.audit_bound import (
    OpenTransaction,
    begins_of_unknown,
    bound_of,
    held_by_unknown,
)
from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_tables import Bound

APPLICATION = "kamiflow audit"
"""The name by which our own sessions are known: they only read."""

_US = "(extract(epoch from date_trunc('second', {0}))::bigint * 1000000 + extract(microseconds from {0})::bigint % 1000000)"  # noqa: E501

_RIGHTS = """
SELECT pg_is_in_recovery(), pg_has_role('pg_read_all_stats', 'USAGE'), current_user,
  EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
    AND state = 'disabled' AND backend_type = 'client backend')
"""
# One statement: its clock is read before the list. Transactions that begin later are later.
_OPEN = f"""
SELECT {_US.format("statement_timestamp()")} AS now_us, a.pid, a.usename, a.application_name,
  {_US.format("a.xact_start")} AS since_us
FROM (SELECT 1) AS one LEFT JOIN pg_stat_activity a ON a.datname = current_database()
  AND a.xact_start IS NOT NULL AND a.pid <> pg_backend_pid()
  AND (a.backend_type NOT IN ('autovacuum worker', 'autovacuum launcher', 'walsender',
    'parallel worker') OR (a.backend_type = 'walsender' AND a.backend_xid IS NOT NULL))
  AND NOT (a.application_name = :application AND coalesce(a.usename = current_user, FALSE))
  AND NOT coalesce(a.usename = ANY (CAST(:readers AS text[])), FALSE)
"""  # noqa: S608
_PREPARED = """
SELECT gid, transaction::text FROM pg_prepared_xacts
WHERE database = current_database() AND NOT owner = ANY (CAST(:readers AS text[]))
"""


class PostgresqlBound:
    """Tells bounds, and remembers which prepared transactions it has seen.

    Args:
        readers: users that only read: their transactions hold nothing back.
    """

    def __init__(self, readers: Sequence[str] = ()) -> None:
        self._readers = list(readers)
        self._prepared: dict[str, int | None] = {}
        self._known_us: int | None = None
        # What was seen prepared belongs to the list of open ones before it.
        self._lock = threading.Lock()

    def read(self, connection: sa.Connection, last_us: int | None) -> Bound:
        """The bound now. The connection's statements must be transactions of their own.

        Raises AuditError where other sessions' transactions cannot be seen.
        """
        self._check_rights(connection)
        with self._lock:
            return self._read(connection, last_us)

    def _read(self, connection: sa.Connection, last_us: int | None) -> Bound:
        readers = {"readers": self._readers}
        # The open ones first: what is prepared in between is in both lists, and what is committed
        # in between is seen by the read that follows.
        open_now = connection.execute(sa.text(_OPEN), {**readers, "application": APPLICATION}).all()
        prepared = connection.execute(sa.text(_PREPARED), readers).all()
        now_us: int = open_now[0].now_us
        bound = bound_of(
            now_us,
            [
                OpenTransaction(row.since_us, self._who(row.usename, row.application_name, row.pid))
                for row in open_now
                if row.pid is not None
            ],
            "the clock",
        )
        names = [f"the prepared transaction {row[0]!r} ({row[1]})" for row in prepared]
        least = self._known_us if self._known_us is not None else last_us
        self._prepared = begins_of_unknown(names, self._prepared, least)
        # A transaction that is first seen prepared at the next poll was open here, or began later.
        self._known_us = bound.us
        return held_by_unknown(bound, self._prepared)

    def _who(self, user: object, application: object, pid: object) -> str:
        return (
            f"a transaction of {user} ({application or 'no application_name'}, pid {pid}; name the "
            "user as a reader if it never writes)"
        )

    def _check_rights(self, connection: sa.Connection) -> None:
        standby, may_see, user, hidden = connection.execute(sa.text(_RIGHTS)).one()
        if standby:
            message = (
                "this PostgreSQL is a standby, on which the primary's open transactions are not to "
                "be seen; poll the primary, or poll without them (transactions='ignored'): then "
                "the clock less the overlap is the bound, and the overlap must be longer than the "
                "longest transaction and the replica's lag"
            )
            raise AuditError(message)
        if not may_see:
            message = (
                f"user {user!r} does not see when other sessions' transactions began; run "
                f'GRANT pg_read_all_stats TO "{user}", or poll without them '
                "(transactions='ignored'): then the clock less the overlap is the bound"
            )
            raise AuditError(message)
        if hidden:
            message = (
                "a session of this database has track_activities = off and so hides when its "
                "transaction began; set it on, or poll with transactions='ignored'"
            )
            raise AuditError(message)
