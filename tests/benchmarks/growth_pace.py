"""How fast the machine itself is while something is measured.

A virtual machine's processor becomes faster and slower within minutes, by more than the 5 % that
growth is judged by. Each few seconds a thread measures the CPU of a small work that is always the
same. It is told beside the figures, and they are not divided by it: two busy cores slow each other
down, so that it is also higher where the measured work itself keeps both busy, as its start does.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable

from tests.benchmarks.check_cpu import reference

PERIOD_SECONDS = 3.0
"""The work takes some 20 ms: less than 1 % of one core."""
BEFORE_SECONDS = 15.0
"""How long before a short measurement samples count for it, too."""


class Pace:
    """CPU seconds of the reference work, sampled while the block runs."""

    def __init__(
        self,
        work: Callable[[], object] = reference,
        period_seconds: float = PERIOD_SECONDS,
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._work = work
        self._period_seconds = period_seconds
        self._clock = clock
        self._samples: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pace", daemon=True)

    def __enter__(self) -> Pace:
        self._work()
        self._sample()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._period_seconds):
            self._sample()

    def _sample(self) -> None:
        began = self._clock()
        self._work()
        spent = self._clock() - began
        self._samples.append((time.perf_counter(), spent))

    def over(self, seconds: float) -> float:
        """CPU seconds of the reference work, the median of the last so many seconds."""
        since = time.perf_counter() - seconds - BEFORE_SECONDS
        kept = [spent for moment, spent in list(self._samples) if moment >= since]
        return statistics.median(kept or [self._samples[-1][1]])
