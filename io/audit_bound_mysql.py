"""MySQL's and MariaDB's open transactions.

`NOW()` is the begin of the statement: a transaction's rows are never older than its first
statement, and that is never older than a statement that still waits for a lock, before the
transaction begins.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
import sqlalchemy.exc

from pipeline_io.audit_bound import SECOND_US, OpenTransaction, bound_of
from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_tables import Bound

# The list of transactions is up to 0.1 s old, and all its times are whole seconds.
LAG_US = SECOND_US
_NOW = "TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', NOW(6))"
# Begins are told in the server's own zone. In the hour that is shown twice the first one counts.
_STARTED = (
    "UNIX_TIMESTAMP(CONVERT_TZ(t.trx_started, 'SYSTEM', '+00:00')) - IF(CONVERT_TZ(CONVERT_TZ("
    "t.trx_started, 'SYSTEM', '+00:00') - INTERVAL 1 HOUR, '+00:00', 'SYSTEM') = t.trx_started, "
    "3600, 0)"
)
# One statement: NOW() is read before the lists. Transactions that begin later are later.
_OPEN = f"""
SELECT {_NOW} AS now_us, t.trx_mysql_thread_id AS thread, t.trx_id AS name,
  CAST({_STARTED} AS SIGNED) * 1000000 AS since_us,
  t.trx_is_read_only = 1 OR t.trx_autocommit_non_locking = 1 AS reads_only
FROM (SELECT 1 AS one) AS one LEFT JOIN information_schema.INNODB_TRX t ON TRUE
"""  # noqa: S608
_SESSIONS = f"""
SELECT {_NOW} AS now_us, p.ID AS thread, p.USER AS user, p.COMMAND AS command, p.TIME AS seconds,
  p.ID = CONNECTION_ID() AS ours FROM information_schema.PROCESSLIST p
"""  # noqa: S608
_IDLE = {"Sleep", "Daemon", "Binlog Dump", "Binlog Dump GTID", "Quit"}
_NOBODY = "unauthenticated user"
_NEEDS_PROCESS = 1227
_REPLICA = "system user"


class MysqlBound:
    """Tells bounds.

    Args:
        readers: users that only read: their transactions hold nothing back.
    """

    def __init__(self, readers: Sequence[str] = ()) -> None:
        self._readers = set(readers)

    def read(self, connection: sa.Connection, last_us: int | None) -> Bound:
        """The bound now; the session's time zone must be UTC.

        Raises AuditError where other sessions' transactions cannot be seen.
        """
        # A statement that ends between the two lists has begun its transaction, if any, before
        # the second: so sessions are looked at first.
        sessions = connection.execute(sa.text(_SESSIONS)).all()
        try:
            transactions = connection.execute(sa.text(_OPEN)).all()
        except sqlalchemy.exc.DBAPIError as error:
            number = error.orig.args[0] if error.orig is not None and error.orig.args else None
            if number != _NEEDS_PROCESS:
                raise
            raise AuditError(_no_right(connection)) from None
        if any(row.user == _REPLICA for row in sessions):
            message = (
                "this MySQL is a replica: its rows carry the source's times and come later; poll "
                "the source, or poll without open transactions (transactions='ignored'): then "
                "the clock less the overlap is the bound, and the overlap must be longer than the "
                "longest transaction and the replica's lag"
            )
            raise AuditError(message)
        users = {row.thread: row.user for row in sessions}
        reading = {row.thread for row in transactions if row.reads_only and row.thread}
        held = [
            OpenTransaction(row.since_us - LAG_US, self._who(users.get(row.thread), row.thread))
            for row in transactions
            if row.name is not None
            and not row.reads_only
            and users.get(row.thread) not in self._readers
        ]
        held += [
            OpenTransaction(
                row.now_us - int(row.seconds or 0) * SECOND_US - SECOND_US - LAG_US,
                self._who(row.user, row.thread),
            )
            for row in sessions
            if row.command not in _IDLE
            and not row.ours
            and row.thread not in reading
            and row.user not in (*self._readers, _NOBODY)
        ]
        return bound_of(int(sessions[0].now_us) - LAG_US, held, "the clock")

    def _who(self, user: object, thread: object) -> str:
        if user is None:
            return f"a transaction without a session (thread {thread}; see XA RECOVER)"
        return (
            f"a transaction of {user} (thread {thread}; name the user as a reader if it never "
            "writes)"
        )


def _no_right(connection: sa.Connection) -> str:
    user, _, host = str(connection.execute(sa.text("SELECT CURRENT_USER()")).scalar()).partition(
        "@"
    )
    return (
        f"user '{user}'@'{host}' does not see other sessions' transactions; run GRANT PROCESS ON "
        f"*.* TO '{user}'@'{host}', or poll without them (transactions='ignored'): then the clock "
        "less the overlap is the bound"
    )
