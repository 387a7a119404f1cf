"""Which replica of a schema registry is asked next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

# Long enough not to run into a dead host's time limit with every request, short enough to have
# a restarted one share the work again soon.
_BEHIND_SECONDS = 60.0

# A server that asks for more than this is a server that is gone.
_LONGEST_REST_SECONDS = 600.0


class Replicas:
    """The replicas in the order to ask them: one that failed is last for a while.

    Serves several threads.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, urls: Sequence[str], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._behind_until = dict.fromkeys(urls, float("-inf"))
        self._resting_until = dict.fromkeys(urls, float("-inf"))

    def in_order(self) -> list[str]:
        """Those that may be asked now; empty if all of them want to be left alone."""
        with self._lock:
            now = self._clock()
            awake = [url for url, until in self._resting_until.items() if until <= now]
            # Among those that failed, first the one that failed first. The sort is stable.
            return sorted(awake, key=lambda url: max(self._behind_until[url], now))

    def failed(self, url: str, rest_seconds: float | None = None) -> None:
        """Puts a replica behind the others; `rest_seconds` is what it asked for (Retry-After)."""
        with self._lock:
            now = self._clock()
            self._behind_until[url] = now + _BEHIND_SECONDS
            if rest_seconds is not None:
                self._resting_until[url] = now + min(rest_seconds, _LONGEST_REST_SECONDS)

    def works(self, url: str) -> None:
        """Has a replica asked in its turn again."""
        with self._lock:
            self._behind_until[url] = float("-inf")

    def rest_seconds(self) -> float:
        """How long until one of them may be asked."""
        with self._lock:
            return max(0.0, min(self._resting_until.values()) - self._clock())
