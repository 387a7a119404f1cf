"""Requests to one database of Spanner: reads of whole answers, and transactions that write."""

from __future__ import annotations

import datetime
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import google.auth
import google.auth.exceptions
import grpc
import tenacity
from google.cloud.spanner_v1.services.spanner import SpannerClient
from google.cloud.spanner_v1.services.spanner.transports import SpannerGrpcTransport
from google.cloud.spanner_v1.types import (
    CommitRequest,
    CreateSessionRequest,
    ExecuteSqlRequest,
    Mutation,
    PartialResultSet,
    Session,
    TransactionOptions,
    TransactionSelector,
    Type,
)
from google.protobuf.struct_pb2 import Struct, Value

from pipeline_io.spanner_answer import Answer, answer_of
from pipeline_io.spanner_config import SpannerConfig
from pipeline_io.spanner_errors import (
    ANSWERS,
    no_session,
    refused_rows,
    shown,
    stop_error,
    unavailable_error,
    worth_a_retry,
)

Parameters = Mapping[str, tuple[Type, Value]]
"""Values for `@NAME` in SQL, in Spanner's wire form, with their types."""

_LOGGER = logging.getLogger(__name__)
_Result = TypeVar("_Result")

_SCOPES = ("https://www.googleapis.com/auth/spanner.data",)
_OPTIONS = (
    # A commit may have 100 MB and a row 10, and gRPC's own bound would be another limit.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # Connections that a firewall has dropped are noticed; Google's service allows 30 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # gRPC waits up to two minutes before it connects again; what comes back shall be seen.
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)
# A log of all tries would hide what else it says.
_SECONDS_BETWEEN_WARNINGS = 10.0


class Transaction:
    """A read-write transaction under way: rows that are read are locked until it ends."""

    def __init__(self, read: Callable[[str, Parameters], Answer]) -> None:
        self._read = read
        self.mutations: list[Mutation] = []
        """What the commit will write."""

    def read(self, sql: str, parameters: Parameters) -> Answer:
        """The answer to a query, with the locks that keep it true."""
        return self._read(sql, parameters)


class SpannerSession:
    """Asks a database; connects at the first request. Reads may come from several threads.

    Every request is tried again while Spanner is away, for the config's `retry_seconds`. Raises
    SpannerUnavailable after that, SpannerAccessError and SpannerSchemaError at once.
    """

    def __init__(self, config: SpannerConfig, sleep: Callable[[float], None] = time.sleep) -> None:
        self.config = config
        self._sleep = sleep
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._client: SpannerClient | None = None
        # Names of sessions: one that all reads share at a time, and one for a transaction.
        self._sessions: dict[bool, str] = {}
        self._warned = 0.0

    def read(
        self,
        what: str,
        sql: str,
        parameters: Parameters | None = None,
        *,
        at: datetime.datetime | None = None,
    ) -> Answer:
        """The whole answer to a query; `what` could not be done is the begin of an error.

        at: the time that is read at, for a read that belongs to others; else all that was
        committed before the request is read (a strong read), and the answer tells its time.
        """
        moment: dict[str, Any] = {"strong": True} if at is None else {"read_timestamp": at}
        options = TransactionOptions.ReadOnly(return_read_timestamp=True, **moment)
        selector = TransactionSelector(single_use=TransactionOptions(read_only=options))

        def ask() -> Answer:
            return self._execute(sql, parameters or {}, selector, self._session(shared=True))

        return self._patiently(what, ask)

    def transact(self, what: str, work: Callable[[Transaction], _Result]) -> _Result:
        """What `work` returns, when the mutations that it leaves are committed.

        A transaction that Spanner aborts is done again from its begin, so `work` may run several
        times, each time with what is stored then.

        Raises RefusedRows: Spanner refuses it for what is in it.
        """

        def attempt() -> _Result:
            session = self._session(shared=False)
            options = TransactionOptions(read_write=TransactionOptions.ReadWrite())
            begun = self._connected().begin_transaction(
                session=session, options=options, retry=None, timeout=self.config.answer_seconds
            )
            selector = TransactionSelector(id=begun.id)
            transaction = Transaction(
                lambda sql, parameters: self._execute(sql, parameters, selector, session)
            )
            try:
                result = work(transaction)
                self._connected().commit(
                    CommitRequest(
                        session=session, transaction_id=begun.id, mutations=transaction.mutations
                    ),
                    retry=None,
                    timeout=self.config.answer_seconds,
                )
            except ANSWERS as error:
                # A value that is none of its column's type may be read by before it is written.
                if refusal := refused_rows(self.config, what, error):
                    raise refusal from error
                raise
            return result

        return self._patiently(what, attempt)

    def close(self) -> None:
        """Ends the sessions and the connection; a later request connects again."""
        with self._lock:
            client, channel = self._client, self._channel
            own = self._sessions.get(False)
            self._client, self._channel, self._sessions = None, None, {}
        if client is not None and own is not None:
            try:
                # The session that reads share cannot be deleted; Spanner forgets it.
                client.delete_session(name=own, retry=None, timeout=1.0)
            except ANSWERS:
                _LOGGER.debug("a session of %s is left to end by itself", self.config)
        if channel is not None:
            channel.close()

    def _execute(
        self, sql: str, parameters: Parameters, selector: TransactionSelector, session: str
    ) -> Answer:
        request = ExecuteSqlRequest(
            session=session,
            sql=sql,
            transaction=selector,
            params=Struct(fields={name: value for name, (_, value) in parameters.items()}),
            param_types={name: kind for name, (kind, _) in parameters.items()},
        )
        parts: Iterable[PartialResultSet] = self._connected().execute_streaming_sql(
            request, retry=None, timeout=self.config.answer_seconds
        )
        return answer_of(parts)

    def _session(self, *, shared: bool) -> str:
        with self._lock:
            known = self._sessions.get(shared)
        if known is not None:
            return known
        made = self._connected().create_session(
            CreateSessionRequest(database=self.config.path, session=Session(multiplexed=shared)),
            retry=None,
            timeout=self.config.answer_seconds,
        )
        with self._lock:
            # Another thread may have made one meanwhile: one for all is enough.
            return self._sessions.setdefault(shared, made.name)

    def _connected(self) -> SpannerClient:
        with self._lock:
            if self._client is None:
                self._channel = _channel(self.config)
                self._client = SpannerClient(transport=SpannerGrpcTransport(channel=self._channel))
            return self._client

    def _patiently(self, what: str, call: Callable[[], _Result]) -> _Result:
        def tell(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            if error is not None and no_session(error):
                with self._lock:
                    self._sessions.clear()
                return
            if time.monotonic() - self._warned > _SECONDS_BETWEEN_WARNINGS:
                self._warned = time.monotonic()
                said = "" if error is None else shown(error)
                _LOGGER.warning(
                    "%s: %s answers %s; it is tried again, for %.0f s",
                    *(what, self.config, said, self.config.retry_seconds),
                )

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(
                lambda error: worth_a_retry(error) or no_session(error)
            ),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=5),
            stop=tenacity.stop_after_delay(self.config.retry_seconds),
            sleep=self._sleep,
            before_sleep=tell,
            reraise=True,
        )
        started = time.monotonic()
        try:
            return retrying(call)
        except ANSWERS as error:
            if worth_a_retry(error):
                seconds = time.monotonic() - started
                raise unavailable_error(self.config, what, seconds, shown(error)) from error
            raise stop_error(self.config, what, error) from error


def _channel(config: SpannerConfig) -> grpc.Channel:
    if config.emulator:
        return grpc.insecure_channel(config.emulator, options=_OPTIONS)
    default: Any = google.auth.default
    credentials, _ = default(scopes=_SCOPES)
    channel: grpc.Channel = SpannerGrpcTransport.create_channel(
        config.address, credentials=credentials, scopes=_SCOPES, options=_OPTIONS
    )
    return channel
