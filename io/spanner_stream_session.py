"""Queries of a change stream: one partition's records over a span of time, as they come."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from google.api_core import exceptions
from google.cloud.spanner_v1.types import (
    ExecuteSqlRequest,
    TransactionOptions,
    TransactionSelector,
    Type,
    TypeCode,
)
from google.protobuf.struct_pb2 import NullValue, Struct, Value

from pipeline_io.spanner_config import SpannerConfig
from pipeline_io.spanner_errors import SpannerError, no_session, shown
from pipeline_io.spanner_session import SpannerSession
from pipeline_io.spanner_stream_description import ChangeStreamError
from pipeline_io.spanner_stream_records import (
    Child,
    Children,
    StreamRecord,
    microseconds_of,
    records_of,
    text_of,
)

_TYPES = {
    "start": TypeCode.TIMESTAMP,
    "end": TypeCode.TIMESTAMP,
    "token": TypeCode.STRING,
    "heartbeat": TypeCode.INT64,
}
_TOO_OLD = "too far in the past"
_LEAST_HEARTBEAT_MS = 1_000


class StreamExpired(SpannerError):
    """What a stream had to tell is past its retention: changes are lost to it."""


class ChangeStreamSession(SpannerSession):
    """A session whose streams of records can be cancelled. For several threads."""

    def __init__(self, config: SpannerConfig) -> None:
        super().__init__(config)
        self._calls_lock = threading.Lock()
        self._calls: set[Any] = set()
        self._stopped = False

    def now_us(self) -> int:
        """Spanner's time, microseconds since 1970."""
        answer = self.read("the time cannot be asked", "SELECT CURRENT_TIMESTAMP() AS now")
        return microseconds_of(answer.texts("now")[0] or "")

    def first_partitions(self, stream: str, start_us: int) -> list[Child]:
        """The partitions that there are at a time, at least one.

        Raises StreamExpired, ChangeStreamError, SpannerError.
        """

        def ask() -> list[Child]:
            told = self.records(stream, None, start_us, None, _LEAST_HEARTBEAT_MS)
            return [
                child
                for record in told
                if isinstance(record, Children)
                for child in record.partitions
            ]

        found = self._patiently(f"the change stream {stream} cannot be read", ask)
        if not found:
            message = (
                f"{self.config} tells of no partition of the change stream {stream} at "
                f"{text_of(start_us)}; give another --start"
            )
            raise ChangeStreamError(message)
        return found

    def records(
        self, stream: str, token: str | None, start_us: int, end_us: int | None, heartbeat_ms: int
    ) -> Iterator[StreamRecord]:
        """The records of a partition from `start_us` to `end_us`, both included, as they come.

        token: None asks for the partitions that there are at the start. end_us: None is the end of
        the partition.

        Raises StreamExpired, ChangeStreamError, and whatever the call raises (ANSWERS).
        """
        values = {
            "start": text_of(start_us),
            "end": None if end_us is None else text_of(end_us),
            "token": token,
            "heartbeat": str(heartbeat_ms),
        }
        nothing = Value(null_value=NullValue.NULL_VALUE)
        parameters = {
            name: nothing if value is None else Value(string_value=value)
            for name, value in values.items()
        }
        read_only = TransactionOptions.ReadOnly(strong=True)
        request = ExecuteSqlRequest(
            session=self._session(shared=True),
            sql=stream_query(stream),
            transaction=TransactionSelector(single_use=TransactionOptions(read_only=read_only)),
            params=Struct(fields=parameters),
            param_types={name: Type(code=code) for name, code in _TYPES.items()},
        )
        # The end may lie ahead: until then the answer goes on.
        ahead = 0.0 if end_us is None else max(0.0, end_us / 1e6 - time.time())
        call: Any = None
        try:
            call = self._connected().execute_streaming_sql(
                request, retry=None, timeout=ahead + self.config.answer_seconds
            )
            self._hold(call)
            yield from records_of(call)
        except exceptions.OutOfRange as error:
            if _TOO_OLD not in str(error):
                raise
            raise self._expired(stream, start_us, error) from error
        except exceptions.NotFound as error:
            if no_session(error):
                with self._lock:
                    self._sessions.clear()
            raise
        finally:
            with self._calls_lock:
                self._calls.discard(call)

    def cancel(self) -> None:
        """Ends all streams that are being read, and those that begin later."""
        with self._calls_lock:
            self._stopped = True
            calls = list(self._calls)
        for call in calls:
            call.cancel()

    def _hold(self, call: Any) -> None:
        with self._calls_lock:
            self._calls.add(call)
            stopped = self._stopped
        if stopped:
            call.cancel()

    def _expired(self, stream: str, start_us: int, error: BaseException) -> StreamExpired:
        message = (
            f"the change stream {stream} of {self.config} does not have the changes since "
            f"{text_of(start_us)}, which is before its begin or past its retention "
            f"({shown(error)}). What was not read is lost to it: start anew with a new --state, "
            "--start at a time that the stream has, and a new snapshot of the tables after that; "
            f"ALTER CHANGE STREAM {stream} SET OPTIONS (retention_period = '7d') keeps more"
        )
        return StreamExpired(message)


def stream_query(stream: str) -> str:
    """The query of a stream's read function; the name was checked where it was described."""
    return (
        f"SELECT ChangeRecord FROM READ_{stream}(start_timestamp => @start, "  # noqa: S608
        "end_timestamp => @end, partition_token => @token, heartbeat_milliseconds => @heartbeat)"
    )
