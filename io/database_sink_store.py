"""Rows stored in a table, in transactions: a bad row is refused alone, a failed one is repeated."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy
import sqlalchemy.exc
import tenacity

from pipeline_io.database import RetryPolicy
from pipeline_io.database_sink_check import statements_for, try_rights
from pipeline_io.database_sink_engine import writing_engine
from pipeline_io.database_sink_errors import Verdict, code, told, verdict
from pipeline_io.database_sink_rows import DELETES, PLACE, RefusedRow, newest, unfit_rows
from pipeline_io.database_sink_statements import Statement, Statements
from pipeline_io.database_sink_table import (
    DatabaseTable,
    SinkAccessError,
    SinkTableError,
    SinkUnavailable,
)

_LOGGER = logging.getLogger(__name__)
_ARROW: Any = pa
_COMPUTE: Any = pc
_T = TypeVar("_T")
_ERRORS = (sqlalchemy.exc.SQLAlchemyError, OSError)

# Databases that have no NaN and no infinities, or make NULL of them.
_WITHOUT_NAN = ("mysql", "mariadb", "sqlite")


class DatabaseStore:
    """Stores rows of one table; not for several threads.

    counts: rows, deletes, transactions, retries, refused, since they were taken last.

    Args:
        sleep: waits so many seconds.
    """

    def __init__(self, table: DatabaseTable, sleep: Callable[[float], None] = time.sleep) -> None:
        self.table = table
        self.counts: Counter[str] = Counter()
        self._sleep = sleep
        self._policy = RetryPolicy(attempts=table.max_retries + 1)
        self._engine: sqlalchemy.Engine | None = None
        self._statements: Statements | None = None

    def open(self, *, tries_rights: bool = False) -> None:
        """Connects and holds the table against the rows. Raises SinkError, SecretError."""

        def look() -> Statements:
            with self._connected().begin() as connection:
                made = statements_for(connection, self.table)
                if tries_rights:
                    try_rights(connection, made)
                    connection.rollback()
                return made

        self._statements = self._again(look)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def write(self, rows: Any) -> list[RefusedRow]:
        """Stores rows (`stored_rows`); gives those that are refused, by their PLACE.

        Raises SinkError: the database is away, or refuses all rows.
        """
        if self._statements is None:
            self.open()
        made = self._statements
        if made is None:
            message = f"{self.table} was not opened"
            raise RuntimeError(message)
        kind = self.table.database.kind
        refused = unfit_rows(rows, self.table, takes_no_nan=kind in _WITHOUT_NAN)
        if refused:
            places = pa.array([one.place for one in refused], pa.int64())
            rows = rows.filter(_COMPUTE.invert(_COMPUTE.is_in(rows[PLACE], places)))
        rows = newest(rows, self.table)
        late: list[tuple[Sequence[Statement], Any]] = []
        for first in range(0, rows.num_rows, self.table.max_rows):
            part = rows.slice(first, self.table.max_rows)
            deletes = part.filter(part[DELETES])
            stores = part.filter(_COMPUTE.invert(part[DELETES]))
            # Deletes first: what they free may be taken by the rows that come.
            late += [(made.delete, row) for row, _ in self._stored(made.delete, deletes)]
            late += [(made.store, row) for row, _ in self._stored(made.store, stores)]
        # Another row may have been in the way that has gone since.
        for statements, row in late:
            for one, why in self._stored(statements, row):
                (place,) = one[PLACE].to_pylist()
                refused.append(RefusedRow(place, "RefusedByDatabase", why))
        self.counts["refused"] += len(refused)
        return refused

    def _stored(self, statements: Sequence[Statement], rows: Any) -> list[tuple[Any, str]]:
        """Stores rows in one transaction, or in two halves; gives single rows that are refused,
        and why."""
        if not rows.num_rows:
            return []
        try:
            self._again(lambda: self._run(statements, rows))
        except _RowRefused as refused:
            if rows.num_rows == 1:
                said = self.table.database.without_password(str(refused))
                return [(rows, f"{self.table} refuses the row: {said}")]
            middle = rows.num_rows // 2
            halves = (rows.slice(0, middle), rows.slice(middle))
            return [one for half in halves for one in self._stored(statements, half)]
        self.counts["deletes" if rows[DELETES][0].as_py() else "rows"] += rows.num_rows
        return []

    def _run(self, statements: Sequence[Statement], rows: Any) -> None:
        with self._connected().begin() as connection:
            for statement in statements:
                connection.execute(statement.text, statement.parameters(rows))
        self.counts["transactions"] += 1

    def _connected(self) -> sqlalchemy.Engine:
        if self._engine is None:
            self._engine = writing_engine(self.table.database)
        return self._engine

    def _again(self, work: Callable[[], _T]) -> _T:
        """What `work` gives, tried again while the database is away or another writer is in the
        way. Raises SinkError, _RowRefused."""
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._policy.attempts),
            wait=tenacity.wait_random_exponential(
                multiplier=self._policy.first_delay_seconds, max=self._policy.longest_delay_seconds
            ),
            retry=tenacity.retry_if_exception(_is_worth_a_retry),
            sleep=self._sleep,
            before_sleep=self._tell,
            reraise=True,
        )
        try:
            return retrying(work)
        except _ERRORS as error:
            if verdict(error) is Verdict.ROW:
                raise _RowRefused(self._said(error)) from None
            raise self._stopped(error) from None

    def _tell(self, state: tenacity.RetryCallState) -> None:
        self.counts["retries"] += 1
        error = state.outcome.exception() if state.outcome else None
        _LOGGER.warning(
            "%s: attempt %d of %d: %s; next attempt in %.1f s",
            self.table,
            state.attempt_number,
            self._policy.attempts,
            self._masked(error),
            state.next_action.sleep if state.next_action else 0,
            extra={"table": self.table.name},
        )

    def _masked(self, error: BaseException | None) -> str:
        return "" if error is None else self.table.database.without_password(self._said(error))

    def _said(self, error: BaseException) -> str:
        return code(error) if self.table.hides_values else told(error)

    def _stopped(self, error: BaseException) -> Exception:
        said = self._masked(error)
        match verdict(error):
            case Verdict.RETRY:
                return SinkUnavailable(
                    f"{self.table} is unavailable: it was tried {self._policy.attempts} times, the "
                    f"last answer is {said!r}; check that the database is up and can be reached "
                    "from the workers (address, port, firewall), then start the pipeline again"
                )
            case Verdict.ACCESS:
                return SinkAccessError(
                    f"{self.table} refuses access: {said!r}; check user, password and the rights "
                    "to SELECT, INSERT, UPDATE and DELETE"
                )
        return SinkTableError(
            f"{self.table} refuses the statement: {said!r}; check the table and its columns"
        )


class _RowRefused(Exception):
    """The database refuses a value of some row."""


def _is_worth_a_retry(error: BaseException) -> bool:
    return isinstance(error, _ERRORS) and verdict(error) is Verdict.RETRY
