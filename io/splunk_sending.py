"""One request brought to the end: sent again while Splunk is away, taken apart where it refuses."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import tenacity

from pipeline_io.splunk_answers import Answer, Next, suspects
from pipeline_io.splunk_client import Client
from pipeline_io.splunk_config import SplunkConfig
from pipeline_io.splunk_errors import SplunkError, stop_error, unavailable_text
from pipeline_io.splunk_events import Refused
from pipeline_io.splunk_outage import Outage
from pipeline_io.splunk_pace import Pace
from pipeline_io.splunk_requests import Piece, Request
from pipeline_io.splunk_urls import Urls

# Random waits below an exponential bound, so that workers do not come back all at once.
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 30.0

# Taken out of a request one by one; where more are wrong, halves need fewer events in all.
_MOST_CULPRITS = 4


class RefusedEvent(NamedTuple):
    """An event that is not in Splunk, and why: the piece of one event, its row in the batch."""

    piece: Piece
    refused: Refused


class Sent(NamedTuple):
    """A request that HEC took. ack_id: where it asks to wait for an acknowledgement."""

    request: Request
    url: str
    seconds: float
    size: int
    ack_id: int | None


Taken = Callable[[Sent], None]


class _Unavailable(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.said)
        self.answer = answer


class Sending:
    """Sends requests. For several threads.

    taken: called with what HEC took, in the thread that sent it. count: called with Counters.
    """

    def __init__(
        self,
        client: Client,
        urls: Urls,
        pace: Pace | None,
        stopped: threading.Event,
        taken: Taken,
        count: Callable[[Counter[str]], None],
    ) -> None:
        self.config: SplunkConfig = client.config
        self._client = client
        self._urls = urls
        self._pace = pace
        self._stopped = stopped
        self._taken = taken
        self._count = count
        self._outage = Outage(self.config)
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Unavailable),
            wait=self._wait,
            stop=tenacity.stop_after_delay(self.config.retry_seconds)
            | tenacity.stop_when_event_set(stopped),
            sleep=tenacity.sleep_using_event(stopped),
            reraise=True,
        )

    def deliver(self, request: Request) -> list[RefusedEvent]:
        """Sends a request, in parts if need be; what of it Splunk refused.

        HEC may have taken events of a request that it answers with an error, those before the one
        that it names: what is sent again has the same event ids. An event is refused only when it
        was refused alone, and one that was taken alone is not sent again. Raises SplunkError.
        """
        refused: list[RefusedEvent] = []
        waiting = [(request, 0)]
        while waiting:
            one, culprits = waiting.pop()
            answer = self._answer(one)
            if answer.next is Next.DONE:
                continue
            if answer.next is Next.RETRY or one.count == 1:
                refused += self._refused(one, answer)
                continue
            is_named = False
            if answer.next is Next.SPLIT and culprits < _MOST_CULPRITS:
                found, one, is_named = self._without_suspects(one, answer)
                refused += found
            if is_named and one.count:
                waiting.append((one, culprits + 1))
            else:
                waiting += [(half, 0) for half in reversed(one.halves()) if half.count]
        return refused

    def _without_suspects(
        self, request: Request, answer: Answer
    ) -> tuple[list[RefusedEvent], Request, bool]:
        """Sends those alone that the answer may blame, until one is refused: the refused, the rest
        of the request, and whether one was."""
        places = suspects(answer, request.count)
        while places:
            place = places.pop(0)
            alone = request.part(place, place + 1)
            request = request.without(place)
            found = self._answer(alone)
            if found.next is not Next.DONE:
                return self._refused(alone, found), request, True
            places = [other - (other > place) for other in places]
        return [], request, False

    def _answer(self, request: Request) -> Answer:
        """The answer to a request: DONE, SPLIT or TOO_LARGE, or RETRY after all tries."""
        try:
            answer: Answer = self._retrying(
                self._attempt, request, self._client.compressed(request.body())
            )
        except _Unavailable as error:
            if self._stopped.is_set():
                message = f"{self.config}: not sent, as the writer was stopped"
                raise SplunkError(message) from None
            return error.answer
        return answer

    def _refused(self, request: Request, answer: Answer) -> list[RefusedEvent]:
        """All events of a request as refused."""
        if answer.next is Next.RETRY:
            seconds = self.config.retry_seconds
            error_class = "SplunkUnavailable"
            message = unavailable_text(self.config, seconds, answer.said)
        elif answer.next is Next.TOO_LARGE:
            error_class = "EventTooLarge"
            message = (
                f"the event has {request.size:,} bytes, more than Splunk takes ({answer.said}); "
                "select fewer or shorter columns, or raise max_content_length in its limits.conf"
            )
        else:
            error_class = "RefusedBySplunk"
            message = f"Splunk refuses the event: {answer.said}"
        return [
            RefusedEvent(
                Piece(piece.events, place, place + 1),
                Refused(int(piece.events.rows[place]), error_class, message),
            )
            for piece in request.pieces
            for place in range(piece.start, piece.end)
        ]

    def _attempt(self, request: Request, body: bytes) -> Answer:
        if self._pace is not None:
            self._stopped.wait(self._pace.take(request.count))
        if self._stopped.is_set():
            raise _Unavailable(Answer(Next.RETRY, "stopped"))
        url = self._urls.next()
        began = time.monotonic()
        answer = self._client.send(url, body)
        self._count(Counter({"requests": 1, _status_class(answer): 1}))
        if answer.next is Next.RETRY:
            self._count(Counter({"retries": 1}))
            self._outage.goes_on(f"{url}: {answer.said}")
            if answer.retry_after is not None:
                self._urls.rests(url, answer.retry_after)
            else:
                self._urls.failed(url)
            if self._urls.has_another(url):
                # That one may wait as long as it likes.
                answer = answer._replace(retry_after=None)
            raise _Unavailable(answer)
        self._urls.answered(url)
        if answer.next is Next.STOP:
            raise stop_error(url, answer.said)
        if answer.next is Next.DONE:
            self._outage.ended()
            if self.config.ack and answer.ack_id is None:
                said = f"{answer.said}, and no ackId in it; set 'sink.ack' = 'false'"
                raise stop_error(url, said)
            seconds = time.monotonic() - began
            self._taken(Sent(request, url, seconds, len(body), answer.ack_id))
        return answer

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.answer.retry_after if isinstance(error, _Unavailable) else None
        jitter = tenacity.wait_random_exponential(
            multiplier=_FIRST_WAIT_SECONDS, max=_LONGEST_WAIT_SECONDS
        )(state)
        if asked is None:
            return jitter
        # The last try is at the end of the time, however long Splunk wants to be left alone.
        left = max(0.0, self.config.retry_seconds - (state.seconds_since_start or 0.0))
        return min(asked + min(jitter, asked), left)


def _status_class(answer: Answer) -> str:
    return f"status_{answer.status // 100}xx" if answer.status else "no_answer"
