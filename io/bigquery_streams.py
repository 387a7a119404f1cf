"""Streams of a writer's own: made, ended and committed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import grpc
import tenacity
from google.cloud.bigquery_storage_v1 import types

from pipeline_io.bigquery_answers import answer_of_end
from pipeline_io.bigquery_channel import ask
from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_errors import (
    BigQueryError,
    Recovery,
    recovery,
    shown,
    stop_error,
    unavailable_error,
)
from pipeline_io.bigquery_outage import Outage

# CreateWriteStream may take half a minute when many are made at a time.
_CALL_SECONDS = 60.0
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 15.0

_Type = types.WriteStream.Type
_ErrorCode = types.StorageError.StorageErrorCode


class Streams:
    """The streams of one table. Every call is tried again for `retry_seconds`.

    Pending streams that have ended are remembered until they are committed. All methods raise
    BigQueryError.

    on_made: told of each stream, by its name, before a row goes there; what it raises goes up.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        config: BigQueryConfig,
        table: str,
        stopped: threading.Event,
        on_made: Callable[[str], None] | None = None,
    ) -> None:
        self.config = config
        self._on_made = on_made
        self.path = config.table_path(table)
        self._channel = channel
        self._stopped = stopped
        self._ended: list[str] = []
        self._name = config.table_name(table)

    def make(self) -> str:
        """The name of a new stream: committed with each append, or pending."""
        kind = _Type.PENDING if self.config.pending else _Type.COMMITTED
        body = types.CreateWriteStreamRequest(
            parent=self.path, write_stream=types.WriteStream(type_=kind)
        )
        answer = self._ask(
            "CreateWriteStream",
            f"parent={self.path}",
            types.CreateWriteStreamRequest.serialize(body),
            f"no stream can be made for {self._name}",
        )
        name = str(types.WriteStream.deserialize(answer).name)
        if self._on_made is not None:
            self._on_made(name)
        return name

    def end(self, stream: str) -> int:
        """Takes no more rows into a stream; how many it has."""
        body = types.FinalizeWriteStreamRequest(name=stream)
        answer = self._ask(
            "FinalizeWriteStream",
            f"name={stream}",
            types.FinalizeWriteStreamRequest.serialize(body),
            f"a stream of {self._name} cannot be ended",
        )
        if self.config.pending:
            self._ended.append(stream)
        return int(types.FinalizeWriteStreamResponse.deserialize(answer).row_count)

    def commit(self) -> None:
        """Makes the rows of ended streams seen, all at once."""
        if not self._ended:
            return
        body = types.BatchCommitWriteStreamsRequest(parent=self.path, write_streams=self._ended)
        answer = self._ask(
            "BatchCommitWriteStreams",
            f"parent={self.path}",
            types.BatchCommitWriteStreamsRequest.serialize(body),
            f"rows of {self._name} cannot be committed",
        )
        response = types.BatchCommitWriteStreamsResponse.deserialize(answer)
        # The answer to an earlier try may have been lost.
        errors = [
            error
            for error in response.stream_errors
            if error.code != _ErrorCode.STREAM_ALREADY_COMMITTED
        ]
        if errors:
            message = (
                f"rows of {self._name} cannot be committed: "
                f"{errors[0].code.name}: {errors[0].error_message}; none of them is stored, and "
                "the next run writes them again"
            )
            raise BigQueryError(message)
        self._ended = []

    def _ask(self, method: str, resource: str, body: bytes, what: str) -> bytes:
        outage = Outage(what, self.config.retry_seconds)
        retrying = waiting(
            self.config,
            self._stopped,
            _is_worth_a_retry,
            lambda error: outage.goes_on(_said(error)),
        )
        try:
            answer: bytes = retrying(ask, self._channel, method, resource, body, _CALL_SECONDS)
        except grpc.RpcError as error:
            code, details = error.code(), error.details() or ""
            if recovery(code, details) is Recovery.RETRY:
                seconds = self.config.retry_seconds
                raise unavailable_error(self.config, what, seconds, shown(code, details)) from error
            raise stop_error(self.config, what, code, details) from error
        outage.ended()
        return answer


def end_if_there(
    channel: grpc.Channel, config: BigQueryConfig, stream: str, stopped: threading.Event
) -> None:
    """Takes no more rows into a stream of another writer; one that is gone is as good.

    Raises BigQueryError.
    """
    table = stream.partition("/streams/")[0].rpartition("/")[2]
    try:
        Streams(channel, config, table, stopped).end(stream)
    except BigQueryError as error:
        cause: Any = error.__cause__
        if not isinstance(cause, grpc.RpcError) or cause.code() is not grpc.StatusCode.NOT_FOUND:
            raise


def waiting(
    config: BigQueryConfig,
    stopped: threading.Event,
    again: Callable[[BaseException], bool],
    tell: Callable[[BaseException], None],
) -> tenacity.Retrying:
    """Tries again with random waits below an exponential bound, so that workers do not come back
    all at once."""

    def before(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if error is not None:
            tell(error)

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(again),
        wait=tenacity.wait_random_exponential(
            multiplier=_FIRST_WAIT_SECONDS, max=_LONGEST_WAIT_SECONDS
        ),
        stop=tenacity.stop_after_delay(config.retry_seconds)
        | tenacity.stop_when_event_set(stopped),
        sleep=tenacity.sleep_using_event(stopped),
        before_sleep=before,
        reraise=True,
    )


def _is_worth_a_retry(error: BaseException) -> bool:
    if not isinstance(error, grpc.RpcError):
        return False
    call: Any = error
    return recovery(call.code(), call.details() or "") is Recovery.RETRY


def _said(error: BaseException) -> str:
    return str(answer_of_end(error)) if isinstance(error, grpc.RpcError) else str(error)
