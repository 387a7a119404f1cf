"""Events sent from threads, several requests at a time."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import NamedTuple

from pipeline_io.splunk_acks import Acks
from pipeline_io.splunk_client import Client
from pipeline_io.splunk_config import SplunkConfig
from pipeline_io.splunk_events import Events
from pipeline_io.splunk_pace import shared_pace
from pipeline_io.splunk_requests import Gatherer, Request
from pipeline_io.splunk_sending import RefusedEvent, Sending, Sent
from pipeline_io.splunk_urls import Urls


class Measured(NamedTuple):
    """Of one request that was confirmed. size: bytes as sent. age_ms: of its oldest record."""

    events: int
    size: int
    latency_ms: int
    age_ms: int | None


class Sender:
    """Gathers events into requests and sends them; `flush` returns when all are confirmed.

    After an error nothing more is sent: make another one. Only one thread may give it events.
    """

    def __init__(self, config: SplunkConfig) -> None:
        self.config = config
        self._client = Client(config)
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._gatherer = Gatherer(
            config.max_events, config.max_bytes, config.linger_seconds, time.monotonic
        )
        self._ready: deque[Request] = deque()
        self._requests = self._bytes = 0
        self._error: Exception | None = None
        self._refused: list[RefusedEvent] = []
        self._counts: Counter[str] = Counter()
        self._measured: list[Measured] = []
        rate = config.max_events_per_second
        pace = shared_pace(config.urls, rate) if rate else None
        self._sending = Sending(
            self._client, Urls(config.urls), pace, self._stopped, self._taken, self._count
        )
        self._acks = (
            Acks(self._client, self._stopped, self._acknowledged, self._again, self._fail)
            if config.ack
            else None
        )
        for number in range(config.max_in_flight):
            # Daemons: an interpreter that ends must not wait until Splunk is back.
            threading.Thread(target=self._work, name=f"splunk-{number}", daemon=True).start()

    @property
    def is_idle(self) -> bool:
        """Whether it can be used for another bundle: nothing is under way, nothing has failed."""
        with self._changed:
            is_open = self._gatherer.due is not None
            return self._error is None and not (self._requests or self._refused or is_open)

    def send(self, events: Events) -> None:
        """Sends events soon; waits while too many bytes are not confirmed yet.

        Raises SplunkError, of whichever request before.
        """
        with self._changed:
            self._raise_error()
            for request in self._gatherer.add(events):
                self._put(request)
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._error is not None or self._bytes <= self.config.outstanding_bytes
            )
            self._raise_error()

    def flush(self) -> list[RefusedEvent]:
        """Waits until every event is confirmed; those refused since they were last asked for.

        Raises SplunkError.
        """
        with self._changed:
            request = self._gatherer.close()
            if request is not None:
                self._put(request)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._error is not None or not self._requests)
            self._raise_error()
        return self.take_refused()

    def take_refused(self) -> list[RefusedEvent]:
        """The events that were refused since this was asked last."""
        with self._changed:
            refused, self._refused = self._refused, []
            return refused

    def take_counts(self) -> tuple[Counter[str], list[Measured]]:
        """What happened since this was asked last: counts by name, and each confirmed request."""
        with self._changed:
            found = self._counts, self._measured
            self._counts, self._measured = Counter(), []
            return found

    def close(self) -> None:
        """Ends the threads; what is not confirmed may be lost or may arrive."""
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()
        self._client.close()

    def _put(self, request: Request) -> None:
        self._ready.append(request)
        self._requests += 1
        self._bytes += request.size

    def _gone(self, request: Request) -> None:
        self._requests -= 1
        self._bytes -= request.size

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (request := self._next()) is not None:
            try:
                refused = self._sending.deliver(request)
            except Exception as error:  # whatever it is, the thread that waits raises it
                self._fail(error)
                return
            with self._changed:
                self._gone(request)
                self._refused += refused
                self._changed.notify_all()

    def _next(self) -> Request | None:
        """The next request to send; waits for one. None when there will be none."""
        with self._changed:
            while not self._stopped.is_set():
                due, now = self._gatherer.due, time.monotonic()
                if due is not None and due <= now:
                    request = self._gatherer.close()
                    if request is not None:
                        self._put(request)
                    due = None
                if self._ready:
                    return self._ready.popleft()
                self._changed.wait(None if due is None else due - now)
            return None

    def _taken(self, sent: Sent) -> None:
        if self._acks is None:
            self._confirm(sent)
            return
        with self._changed:
            self._requests += 1
            self._bytes += sent.request.size
        self._acks.add(sent)

    def _acknowledged(self, sent: Sent) -> None:
        self._confirm(sent)
        with self._changed:
            self._gone(sent.request)
            self._changed.notify_all()

    def _again(self, sent: Sent) -> None:
        with self._changed:
            self._counts["unacknowledged"] += 1
            self._ready.append(sent.request)
            self._changed.notify_all()

    def _confirm(self, sent: Sent) -> None:
        oldest = sent.request.oldest_ms()
        age = None if oldest is None else max(0, int(time.time() * 1000) - oldest)
        count = sent.request.count
        measured = Measured(count, sent.size, int(sent.seconds * 1000), age)
        with self._changed:
            self._counts["sent"] += count
            self._measured.append(measured)

    def _count(self, counts: Counter[str]) -> None:
        with self._changed:
            self._counts.update(counts)

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._stopped.set()
            self._error = self._error or error
            self._changed.notify_all()
