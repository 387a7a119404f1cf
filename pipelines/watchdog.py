"""Says so when a running job stands still, with the likely cause: a runner hangs without a word.

A job whose topics are quiet stands still as well, so this never ends a job.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence

SILENT_SECONDS = 60
"""Longer than the slowest start of a job that was seen on a busy machine, which was 45 s."""
POLL_SECONDS = 5
CONNECT_SECONDS = 2

Suspect = Callable[[], str | None]
"""Looks at one thing that a job needs: what is wrong with it and the next step, or None."""

_LOG = logging.getLogger(__name__)


def unreachable(what: str, address: str, next_step: str) -> Suspect:
    """Suspects a server at HOST:PORT that takes no connection."""

    def look() -> str | None:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
        except OSError as error:
            return f"{what} at {address} does not answer ({error}); {next_step}"
        return None

    return look


def job_ended(state: Callable[[], str]) -> Suspect:
    """Suspects the job itself: `state` gives the runner's word for it."""

    def look() -> str | None:
        try:
            said = state()
        except Exception as error:  # The question is the check: whatever it dies of is an answer.
            return f"the runner does not say how the job is ({type(error).__name__})"
        return None if said == "RUNNING" else f"the runner says that the job is {said}"

    return look


@dataclasses.dataclass
class Watchdog:
    """Compares what a job has done with what it had done before.

    Args:
        progress: a number that grows with the work, such as the records so far.
        suspects: what is asked when nothing has grown, the likeliest first.
        silent_seconds: how long nothing may grow.
    """

    progress: Callable[[], int]
    suspects: Sequence[Suspect] = ()
    silent_seconds: float = SILENT_SECONDS

    _seen: int = dataclasses.field(default=0, init=False)
    _since: float | None = dataclasses.field(default=None, init=False)
    _told: bool = dataclasses.field(default=False, init=False)

    def look(self, now: float) -> str | None:
        """What is to be said at the time `now` (seconds of a clock that never goes back)."""
        seen = self.progress()
        if self._since is None or seen != self._seen:
            was_told, self._told = self._told, False
            self._seen, self._since = seen, now
            return f"the job moves again: {seen:,} records" if was_told else None
        silent = now - self._since
        if self._told or silent < self.silent_seconds:
            return None
        self._told = True
        causes = [cause for suspect in self.suspects if (cause := suspect()) is not None]
        done = f"still at {seen:,} records" if seen else "not one record so far"
        likely = "; ".join(causes) or (
            "all servers that it needs answer: either there is nothing to read, or the runner "
            "has stopped without a word: look into its log, and start the job again"
        )
        return f"no progress for {silent:.0f} s, {done}: {likely}"


@contextlib.contextmanager
def watched(watchdog: Watchdog, say: Callable[[str], None] = _LOG.warning) -> Iterator[None]:
    """Looks every POLL_SECONDS for as long as it is entered."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(POLL_SECONDS):
            if (message := watchdog.look(time.monotonic())) is not None:
                say(message)

    thread = threading.Thread(target=watch, name="watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(POLL_SECONDS)
