"""Several collectors in turn, without those that are down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

FAILURES = 3
"""So many in a row, and a collector is left alone for REST_SECONDS."""
REST_SECONDS = 60.0


class Urls:
    """Hands out URLs in turn. One that fails FAILURES times in a row rests, and is tried by one
    request or a few then; where all rest, the one whose rest ends first is handed out."""

    def __init__(self, urls: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._turn = list(urls)
        self._failures = dict.fromkeys(urls, 0)
        self._rests_until = dict.fromkeys(urls, 0.0)

    def next(self) -> str:
        """The URL for a request."""
        with self._lock:
            now = self._clock()
            awake = [url for url in self._turn if self._rests_until[url] <= now]
            url = awake[0] if awake else min(self._turn, key=self._rests_until.__getitem__)
            self._turn.remove(url)
            self._turn.append(url)
            return url

    def answered(self, url: str) -> None:
        """It took a request, or said what is wrong with it."""
        with self._lock:
            self._failures[url] = 0
            self._rests_until[url] = 0.0

    def failed(self, url: str) -> None:
        """It did not answer, or said that it cannot."""
        with self._lock:
            self._failures[url] += 1
            if self._failures[url] >= FAILURES:
                self._rests_until[url] = self._clock() + REST_SECONDS

    def rests(self, url: str, seconds: float) -> None:
        """It asked to be left alone for that long."""
        with self._lock:
            until = self._clock() + seconds
            self._rests_until[url] = max(self._rests_until[url], until)

    def has_another(self, url: str) -> bool:
        """Whether a request that `url` did not take can go elsewhere at once."""
        with self._lock:
            now = self._clock()
            return any(one != url and rest <= now for one, rest in self._rests_until.items())
