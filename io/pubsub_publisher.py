"""Publish requests sent several at a time, tried again while Pub/Sub is away."""

from __future__ import annotations

import queue
import threading
import zlib
from collections import Counter
from typing import NamedTuple

import grpc
import tenacity
from google.pubsub_v1.types import PublishResponse

from pipeline_io.pubsub_channel import Publish
from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_errors import (
    PubsubError,
    Recovery,
    recovery,
    shown,
    stop_error,
    unavailable_error,
)
from pipeline_io.pubsub_limits import Refused
from pipeline_io.pubsub_outage import Outage
from pipeline_io.pubsub_requests import Request

# Google's own client gives a publish request this long.
_REQUEST_SECONDS = 60.0

# Random waits below an exponential bound, so that workers do not come back all at once.
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 15.0

_Answer = PublishResponse.pb()


class RefusedRequest(NamedTuple):
    """A message that Pub/Sub refused: the request it was in, and its row in the request's rows."""

    request: Request
    refused: Refused


class Publisher:
    """Sends requests from threads of its own; `flush` returns when all are confirmed.

    With ordering keys the requests of a key are sent one after the other, each when the one before
    is confirmed. After an error nothing more is sent: make another one. Not for several threads.
    """

    def __init__(self, publish: Publish, config: PubsubConfig) -> None:
        self.config = config
        self._publish = publish
        self._outage = Outage(config)
        self._changed = threading.Condition()
        self._requests = self._messages = self._bytes = 0
        self._error: Exception | None = None
        self._refused: list[RefusedRequest] = []
        self._counts: Counter[str] = Counter()
        self._stopped = threading.Event()
        threads = config.requests_in_flight
        self._lanes: list[queue.SimpleQueue[Request | None]] = [
            queue.SimpleQueue() for _ in range(threads if config.ordering_key else 1)
        ]
        for number in range(threads):
            lane = self._lanes[number % len(self._lanes)]
            # Daemons: an interpreter that ends must not wait until Pub/Sub is back.
            threading.Thread(
                target=self._work, args=(lane,), name=f"publish-{number}", daemon=True
            ).start()

    @property
    def is_idle(self) -> bool:
        """Whether it can be used for another bundle: nothing is under way, nothing has failed."""
        with self._changed:
            return self._error is None and not self._requests and not self._refused

    def send(self, request: Request) -> None:
        """Sends a request soon; waits while too much is not confirmed yet.

        Raises PubsubError, of whichever request before.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or self._has_room(request))
            self._raise_error()
            self._requests += 1
            self._messages += request.count
            self._bytes += request.size
        # A key has one lane for good, and a lane sends one request at a time.
        self._lanes[lane_of(request.key, len(self._lanes))].put(request)

    def flush(self) -> list[RefusedRequest]:
        """Waits until every request is confirmed; the messages that were refused since the last.

        Raises PubsubError.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or not self._requests)
            self._raise_error()
            refused, self._refused = self._refused, []
            return refused

    def take_counts(self) -> Counter[str]:
        """Requests, messages and bytes confirmed, and retries, since this was asked last."""
        with self._changed:
            counts, self._counts = self._counts, Counter()
            return counts

    def close(self) -> None:
        """Ends the threads; what is not confirmed may be lost or may arrive."""
        self._stopped.set()
        for number in range(self.config.requests_in_flight):
            self._lanes[number % len(self._lanes)].put(None)

    def _has_room(self, request: Request) -> bool:
        # A request over the limit goes alone.
        return not self._requests or (
            self._messages + request.count <= self.config.outstanding_messages
            and self._bytes + request.size <= self.config.outstanding_bytes
        )

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self, lane: queue.SimpleQueue[Request | None]) -> None:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_worth_a_retry),
            wait=tenacity.wait_random_exponential(
                multiplier=_FIRST_WAIT_SECONDS, max=_LONGEST_WAIT_SECONDS
            ),
            stop=tenacity.stop_after_delay(self.config.retry_seconds)
            | tenacity.stop_when_event_set(self._stopped),
            sleep=tenacity.sleep_using_event(self._stopped),
            before_sleep=self._tell,
            reraise=True,
        )
        while (request := lane.get()) is not None:
            refused: list[RefusedRequest] = []
            error = None
            try:
                self._send(request, retrying, refused)
            except Exception as found:  # whatever it is, the thread that waits raises it
                error = found
            with self._changed:
                self._requests -= 1
                self._messages -= request.count
                self._bytes -= request.size
                self._refused += refused
                if error is not None:
                    # What follows would overtake what was not sent.
                    self._stopped.set()
                    self._error = self._error or error
                self._changed.notify_all()

    def _send(
        self, request: Request, retrying: tenacity.Retrying, refused: list[RefusedRequest]
    ) -> None:
        if self._stopped.is_set():
            message = f"{self.config}: not sent, as the writer was stopped"
            raise PubsubError(message)
        try:
            answer = retrying(self._publish, request.body(), _REQUEST_SECONDS)
        except grpc.RpcError as error:
            code, details = error.code(), error.details() or ""
            what = recovery(code, details)
            if what is Recovery.RETRY:
                seconds = self.config.retry_seconds
                raise unavailable_error(self.config, seconds, shown(code, details)) from error
            if what is Recovery.STOP:
                raise stop_error(self.config, code, details) from error
            if request.count > 1:
                for half in request.halves():
                    self._send(half, retrying, refused)
                return
            message = f"Pub/Sub refuses the message: {shown(code, details)}"
            refusal = Refused(request.start, "RefusedByPubsub", message)
            refused.append(RefusedRequest(request, refusal))
            return
        confirmed = len(_Answer.FromString(answer).message_ids)
        if confirmed != request.count:
            message = (
                f"{self.config}: {request.count} messages were sent in a request and {confirmed} "
                f"confirmed; expected an answer of Pub/Sub at {self.config.address}: check what "
                "stands between"
            )
            raise PubsubError(message)
        self._outage.ended()
        with self._changed:
            self._counts.update(requests=1, messages=request.count, bytes=request.size)

    def _tell(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, grpc.RpcError):
            with self._changed:
                self._counts["retries"] += 1
            self._outage.goes_on(shown(error.code(), error.details() or ""))


def lane_of(key: bytes, lanes: int) -> int:
    """Which of `lanes` queues the requests of an ordering key wait in."""
    return zlib.crc32(key) % lanes


def _is_worth_a_retry(error: BaseException) -> bool:
    return (
        isinstance(error, grpc.RpcError)
        and recovery(error.code(), error.details() or "") is Recovery.RETRY
    )
