"""Requests that HEC has taken and no indexer has acknowledged yet."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pipeline_io.splunk_answers import Next
from pipeline_io.splunk_client import Client
from pipeline_io.splunk_errors import SplunkError, stop_error
from pipeline_io.splunk_sending import Sent

_POLL_SECONDS = 1.0


class Acks:
    """Asks every second which requests are acknowledged, in a thread of its own.

    confirmed: called with each that is. again: called with each that is not after `ack_seconds`: a
    collector that restarted has forgotten it. failed: called with the error that ended the asking.
    """

    def __init__(
        self,
        client: Client,
        stopped: threading.Event,
        confirmed: Callable[[Sent], None],
        again: Callable[[Sent], None],
        failed: Callable[[Exception], None],
        poll_seconds: float = _POLL_SECONDS,
    ) -> None:
        self._client = client
        self._stopped = stopped
        self._confirmed = confirmed
        self._again = again
        self._failed = failed
        self._poll_seconds = poll_seconds
        self._lock = threading.Lock()
        self._waiting: dict[str, dict[int, tuple[Sent, float]]] = {}
        threading.Thread(target=self._work, name="splunk-acks", daemon=True).start()

    def add(self, sent: Sent) -> None:
        """A request that was taken, with the id that its answer gave."""
        if sent.ack_id is None:
            message = "a request without ackId cannot be waited for"
            raise ValueError(message)
        until = time.monotonic() + self._client.config.ack_seconds
        with self._lock:
            before = self._waiting.setdefault(sent.url, {}).get(sent.ack_id)
            self._waiting[sent.url][sent.ack_id] = (sent, until)
        if before is not None:
            # The collector has restarted and counts anew: nobody will say of the older one.
            self._again(before[0])

    def _work(self) -> None:
        try:
            while not self._stopped.wait(self._poll_seconds):
                for url in list(self._waiting):
                    self._ask(url)
        except Exception as error:  # whatever it is, the thread that waits raises it
            self._failed(error)

    def _ask(self, url: str) -> None:
        with self._lock:
            ids = list(self._waiting[url])
        if not ids:
            return
        answer, done = self._client.acknowledged(url, ids)
        if answer.next not in (Next.DONE, Next.RETRY):
            raise _refusal(url, answer.said)
        now = time.monotonic()
        with self._lock:
            waiting = self._waiting[url]
            confirmed = [waiting.pop(one)[0] for one in done if one in waiting]
            late = [one for one, (_, until) in waiting.items() if until < now]
            again = [waiting.pop(one)[0] for one in late]
        for sent in confirmed:
            self._confirmed(sent)
        for sent in again:
            self._again(sent)


def _refusal(url: str, said: str) -> SplunkError:
    return stop_error(url, f"it does not say what is acknowledged: {said}")
