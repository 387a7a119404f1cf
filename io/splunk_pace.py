"""A limit of events a second, shared by all writers of a process."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable

_BURST_SECONDS = 1.0


class Pace:
    """A token bucket of `per_second` that holds a second's worth; takers wait in their order."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        if not per_second > 0:
            message = f"a pace of {per_second!r} a second lets nothing through; expected more"
            raise ValueError(message)
        self._rate = per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = clock() - _BURST_SECONDS

    def take(self, count: int) -> float:
        """Takes `count` at once; the seconds to wait before they may go."""
        with self._lock:
            now = self._clock()
            start = max(self._free_at, now - _BURST_SECONDS)
            self._free_at = start + count / self._rate
            return max(0.0, self._free_at - now)


@functools.cache
def shared_pace(place: tuple[str, ...], per_second: float) -> Pace:
    """The one pace of this process for these URLs, as a worker has several writers."""
    return Pace(per_second)
