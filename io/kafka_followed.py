"""Reads without an end within this process, which end when they are told to.

A runner that runs pipelines in its own process (DirectRunner) knows no cancelling: its bundles
follow on one another for as long as a reader leaves a rest. The reader asks here, by the name of
its run, whether it is to leave none.
"""

from __future__ import annotations

import threading
import time


class FollowedRun:
    """What the launcher tells a reader of this process, and the reader the launcher."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._found_at = time.monotonic()

    def stop(self) -> None:
        """The reader's next bundle is its last one."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        return self._stopped.is_set()

    def note_records(self) -> None:
        self._found_at = time.monotonic()

    def quiet_seconds(self) -> float:
        """How long no record has come."""
        return time.monotonic() - self._found_at


_RUNS: dict[str, FollowedRun] = {}
_LOCK = threading.Lock()


def followed_run(run: str) -> FollowedRun:
    """The one of this process for a run's name."""
    with _LOCK:
        return _RUNS.setdefault(run, FollowedRun())


def forget_run(run: str) -> None:
    with _LOCK:
        _RUNS.pop(run, None)
