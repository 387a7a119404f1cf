"""A streaming pull that is opened again whenever it ends."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from pipeline_io.pubsub_errors import PubsubError, Recovery, recovery, shown
from pipeline_io.pubsub_pull_calls import PullRequest, SubscriberCalls
from pipeline_io.pubsub_subscription import SubscriptionConfig
from pipeline_io.pubsub_subscription_errors import ReadOutage, stop_error, unavailable_error

HEARTBEAT_SECONDS = 30.0
"""How often a stream says that it is there, as Google's own clients do."""
STEADY_SECONDS = 10.0
"""A stream that was open for this long had no outage before it."""
FIRST_BACKOFF_SECONDS = 0.1
MOST_BACKOFF_SECONDS = 5.0


class PullStream:
    """Pulls in `run` until it is closed, or fails for good.

    Args:
        outage: shared by the streams of a reader.
        receive: takes the received messages of a response; it may wait, which holds Pub/Sub up.
        fail: takes the error that no waiting mends.
        limited: whether Pub/Sub counts what is outstanding.
    """

    def __init__(
        self,
        config: SubscriptionConfig,
        calls: SubscriberCalls,
        outage: ReadOutage,
        receive: Callable[[Any], None],
        fail: Callable[[PubsubError], None],
        *,
        limited: bool,
    ) -> None:
        self._config = config
        self._calls = calls
        self._outage = outage
        self._receive = receive
        self._fail = fail
        self._limited = limited
        self._client_id = uuid.uuid4().hex
        self._closed = threading.Event()
        self._ended = threading.Event()
        self._call: Any = None

    def close(self) -> None:
        """Lets `run` end: Pub/Sub first, which puts no more into a stream that it has closed."""
        self._closed.set()
        self._ended.set()

    def cancel(self) -> None:
        """Ends a stream that Pub/Sub does not."""
        if self._call is not None:
            self._call.cancel()

    def run(self) -> None:
        outage = self._outage
        backoff = FIRST_BACKOFF_SECONDS
        while not self._closed.is_set():
            opened = time.monotonic()
            code, details = self._pull()
            if self._closed.is_set():
                return
            if recovery(code, details) is not Recovery.RETRY:
                self._fail(stop_error(self._config, code, details))
                return
            if time.monotonic() - opened > STEADY_SECONDS:
                outage.ended()
                backoff = FIRST_BACKOFF_SECONDS
            said = shown(code, details)
            outage.goes_on(said)
            if outage.seconds > self._config.stall_seconds:
                self._fail(unavailable_error(self._config, outage.seconds, said))
                return
            # Spreads the load; nothing secret.
            self._closed.wait(backoff * random.uniform(0.5, 1))  # noqa: S311
            backoff = min(2 * backoff, MOST_BACKOFF_SECONDS)

    def _pull(self) -> tuple[grpc.StatusCode, str]:
        """Reads one stream to its end; says how it ended."""
        ended = self._ended = threading.Event()
        if self._closed.is_set():
            ended.set()
        try:
            call = self._call = self._calls.stream(self._requests(ended))
            for response in call:
                self._outage.ended()
                if response.received_messages:
                    self._receive(response.received_messages)
        except grpc.RpcError as error:
            status: Any = error
            return status.code(), status.details() or ""
        except ValueError as error:
            # gRPC's word for a channel that was closed.
            return grpc.StatusCode.CANCELLED, str(error)
        finally:
            ended.set()
        return grpc.StatusCode.UNAVAILABLE, "the stream ended"

    def _requests(self, ended: threading.Event) -> Iterator[Any]:
        yield self._calls.first_request(self._client_id, limited=self._limited)
        while not ended.wait(HEARTBEAT_SECONDS):
            yield PullRequest()
