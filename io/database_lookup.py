"""Runs the query of a lookup for the keys of a batch."""

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol

import sqlalchemy

from pipeline_io.database import DEFAULT_RETRY, Database, RefusedKeyError, RetryPolicy, with_retries
from pipeline_io.token_bucket import TokenBucket

Row = tuple[object, ...]


class Query(Protocol):
    """What LookupTable and LookupQuery are: a query for keys, built but not run."""

    @property
    def database(self) -> Database: ...

    @property
    def name(self) -> str: ...

    @property
    def keys_per_query(self) -> int: ...

    def lookup_query(self) -> sqlalchemy.Select[Any] | sqlalchemy.TextClause: ...

    def parameters(self, keys: Sequence[Row]) -> Mapping[str, object]: ...

    def rows(self, keys: Sequence[Row], answer: Sequence[Row]) -> Sequence[Row]: ...


class DatabaseLookup:
    """Rows of a database by key, in as few queries as it takes.

    A context manager that connects at the first query and disconnects at the end; it pickles
    while not entered.

    Args:
        queries_per_second: limit for this object (each worker thread has its own), with bursts of
            one second; None for none. Repeated queries count too.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        query: Query,
        retry: RetryPolicy = DEFAULT_RETRY,
        queries_per_second: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.query = query
        self.retry = retry
        self.queries_per_second = queries_per_second
        self.queries = 0
        self.retries = 0
        self._clock = clock
        self._sleep = sleep
        self._engine: sqlalchemy.Engine | None = None
        self._bucket: TokenBucket | None = None

    @property
    def name(self) -> str:
        """What is looked up, for messages."""
        return self.query.name

    @property
    def key_errors(self) -> tuple[type[Exception], ...]:
        """What `fetch` raises when the database refuses the value of some key."""
        return (RefusedKeyError,)

    def __enter__(self) -> "DatabaseLookup":
        self._engine = self.query.database.engine()
        rate = self.queries_per_second
        if rate is not None:
            self._bucket = TokenBucket(rate, max(1, int(rate)), self._clock, self._sleep)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._engine is not None:
            self._engine.dispose()
        self._engine = self._bucket = None

    def fetch(self, keys: Sequence[Row]) -> list[Row]:
        """The rows of the keys: key values as the database gives them, then the wanted columns.

        Raises what `with_retries` raises.
        """
        engine = self._engine
        if engine is None:
            message = f"the lookup of {self.name} is not open; use it in a with statement"
            raise RuntimeError(message)
        statement = self.query.lookup_query()
        rows: list[Row] = []
        for first in range(0, len(keys), self.query.keys_per_query):
            chunk = keys[first : first + self.query.keys_per_query]
            rows.extend(self.query.rows(chunk, self._run(engine, statement, chunk)))
        return rows

    def _run(
        self,
        engine: sqlalchemy.Engine,
        statement: sqlalchemy.Select[Any] | sqlalchemy.TextClause,
        keys: Sequence[Row],
    ) -> Sequence[Row]:
        parameters = self.query.parameters(keys)

        def ask() -> Sequence[Row]:
            if self._bucket is not None:
                self._bucket.take()
            self.queries += 1
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(statement, parameters)]

        return with_retries(
            ask, self.query.database, self.name, self.retry, self._sleep, self._count_retry
        )

    def _count_retry(self) -> None:
        self.retries += 1
