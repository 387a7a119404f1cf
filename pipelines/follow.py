"""Jobs that go on: a pipeline without an end, or on DirectRunner a row of runs that end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from apache_beam.runners.runner import PipelineResult

from pipeline_io.kafka_admin import KeptAdmins, kept_admins
from pipeline_io.kafka_errors import KafkaAccessError
from pipelines.sources import Source, commit_all, offsets_to_read

LOGGER = logging.getLogger(__name__)

POLL_SECONDS = 0.2
"""How often topics are asked for new records between two runs: small beside what a run takes to
start, and one request a partition for the broker."""
WAIT_SECONDS = 0.2
"""How long a signal waits to be seen: a wait without a limit would see none."""
CANCEL_SECONDS = 30.0
"""A runner that has not cancelled by then does not answer any more."""
END_SECONDS = 60.0
"""Threads that still run so long after everything else has ended do not end by themselves."""
QUIET_SECONDS = 60.0
"""After this long without a record a person is told so: a connector may have stopped."""


class Runnable(Protocol):
    """A checked job."""

    def open_sources(self, *, goes_on: bool = False) -> list[Source]: ...

    def run_to_end(self, sources: list[Source]) -> PipelineResult: ...


@contextlib.contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets, in place of ending the process in mid-run."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def stop(*_: object) -> None:
        # Ctrl-C ends a runner that this process has started, too: Beam's own threads would print
        # how their connections to it broke off.
        threading.excepthook = lambda _: None
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Background:
    """A call in a thread of its own, so that this one sees signals meanwhile."""

    def __init__(self, call: Callable[[], object], name: str) -> None:
        self.ended = threading.Event()
        self._call = call
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        try:
            self._call()
        except BaseException as error:  # whatever it is, this thread is not who tells it
            self._error = error
        finally:
            self.ended.set()

    def raise_error(self) -> None:
        """Raises what the call has raised, if it has."""
        if self._error is not None:
            raise self._error


def follow(job: Runnable, sources: list[Source]) -> None:
    """Runs again and again up to the end that the topics have then, until it is told to stop.

    Each run commits its offsets when the sinks have the data; what is stopped in between, by
    whatever means, is read again by the next start. Raises what a run raises.
    """
    quiet_since = time.monotonic()
    quiet = QuietTopics([source.table.name for source in sources])
    # The next run goes on from the group's offsets, so the first start has to be one of them.
    if not offsets_to_read(sources):
        commit_all(sources)
    with stop_requests() as stopped, kept_admins() as admins:
        while not stopped.is_set():
            if offsets_to_read(sources):
                job.run_to_end(sources)
                quiet_since = time.monotonic()
            quiet.look(time.monotonic() - quiet_since)
            stopped.wait(POLL_SECONDS)
            if not stopped.is_set():
                sources = _opened_again(job, admins)


class QuietTopics:
    """Tells a person once when no record has come for QUIET_SECONDS, and anew after some have.

    Args:
        names: the tables that are read.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._is_told = False

    def look(self, seconds: float) -> None:
        """seconds: how long no record has come."""
        if seconds < QUIET_SECONDS:
            self._is_told = False
        elif not self._is_told:
            self._is_told = True
            LOGGER.warning(
                "no new records of %s for %.0f s; if there should be some, look at the "
                "connector's state and at the names of its topics",
                ", ".join(self._names),
                QUIET_SECONDS,
            )


def _opened_again(job: Runnable, admins: KeptAdmins) -> list[Source]:
    """The sources with what has come since. Raises KafkaError."""
    try:
        return job.open_sources(goes_on=True)
    except KafkaAccessError:
        # The password may be another one by now, which a new client reads.
        admins.forget()
        return job.open_sources(goes_on=True)


FLINK_GOES_ON = (
    "Beam's job server does not pass the cancellation on to Flink: there the job goes on, without "
    "a Python worker if that was here; cancel it in Flink (`flink list`, `flink cancel JOB`), or "
    "end a job server whose Flink is local"
)


def until_stopped(result: PipelineResult, after_cancel: str | None = None) -> None:
    """Waits for a pipeline without an end; Ctrl-C and SIGTERM cancel it. Raises what it raises.

    after_cancel: what is left to be done by hand on this runner then.
    """
    with stop_requests() as stopped:
        # Once and without a limit: each call opens streams to the runner that stay open.
        waiting = Background(result.wait_until_finish, "wait-for-pipeline")
        while not waiting.ended.wait(WAIT_SECONDS) and not stopped.is_set():
            pass
        if not waiting.ended.is_set():
            # A runner that the signal has ended already has nothing to cancel.
            with contextlib.suppress(Exception):
                result.cancel()
                waiting.ended.wait(CANCEL_SECONDS)
            if after_cancel is not None:
                LOGGER.warning(after_cancel)
            _end_by_force_if_needed()
            return
        if stopped.is_set():
            return
    waiting.raise_error()


def _end_by_force_if_needed() -> None:
    """Ends this process some time after its main thread, if other threads keep it.

    A worker in this process may wait for a runner that has forgotten it. What it has not confirmed
    is read again by the next start, as after any loss of a worker.
    """

    def watch() -> None:
        threading.main_thread().join()
        time.sleep(END_SECONDS)
        main = threading.main_thread()
        names = [
            each.name for each in threading.enumerate() if not each.daemon and each is not main
        ]
        LOGGER.error(
            "the job was cancelled, but %.0f s later this process has not ended: the threads %s "
            "go on; it is ended by force, and the next start reads again what was not confirmed",
            END_SECONDS,
            ", ".join(sorted(names)),
        )
        os._exit(1)

    threading.Thread(target=watch, name="end-by-force", daemon=True).start()
