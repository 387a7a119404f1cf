"""Reads the partitions of a change stream by several threads, and tells what they say in order."""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from pipeline_io.spanner_config import SpannerConfig
from pipeline_io.spanner_errors import (
    ANSWERS,
    no_session,
    shown,
    stop_error,
    unavailable_error,
    worth_a_retry,
)
from pipeline_io.spanner_stream_description import ChangeStreamError
from pipeline_io.spanner_stream_partitions import Partition, Partitions, Piece
from pipeline_io.spanner_stream_records import Child, DataChange, Heartbeat, StreamRecord

SLICE_SECONDS = 20.0
"""How long one query goes on where every partition has a reader: each is a request, and a new
partition waits for no longer than this where there are fewer readers."""
_LEAST_SLICE_US = 1_000_000
_HELD_PIECES = 2_000
_MOST_WAIT_SECONDS = 5.0
_STOP_SECONDS = 10.0


class Records(Protocol):
    """What is asked: `ChangeStreamSession.records`."""

    def __call__(
        self, stream: str, token: str | None, start_us: int, end_us: int | None, heartbeat_ms: int
    ) -> Iterator[StreamRecord]: ...


@dataclasses.dataclass(frozen=True)
class ReaderConfig:
    """readers: threads. heartbeat_ms: 1,000 to 300,000. end_us: where reading ends, microseconds
    since 1970; None goes on."""

    stream: str
    database: SpannerConfig
    readers: int = 32
    heartbeat_ms: int = 10_000
    end_us: int | None = None


class StreamReader:
    """Pieces of all partitions in an order in which those of one key keep theirs.

    A partition is read on by one thread at a time, by queries of bounded length, and those that
    come of it when it was told to its end.

    Args:
        partitions: as they were committed; the reader goes on from them with a copy.
        records: asks Spanner. cancel: makes what asks end.
        first_wait_seconds: before a query is tried again; each wait is twice the one before.
    """

    def __init__(
        self,
        config: ReaderConfig,
        partitions: Partitions,
        records: Records,
        cancel: Callable[[], None],
        first_wait_seconds: float = 0.1,
    ) -> None:
        self.config = config
        self._partitions = Partitions(partitions)
        self._records = records
        self._cancel = cancel
        self._first_wait_seconds = first_wait_seconds
        self._ready = threading.Condition()
        self._busy: set[str] = set()
        self._stopped = False
        self._active = 0
        self._pieces: queue.Queue[Piece | BaseException | None] = queue.Queue(_HELD_PIECES)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Starts the threads."""
        self._active = self.config.readers
        for number in range(self.config.readers):
            name = f"spanner-stream-{number}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def take(self, most: int, wait_seconds: float) -> list[Piece] | None:
        """What has come, up to `most` pieces; [] where nothing came for so long, None at the end.

        Raises what a reader raised.
        """
        try:
            first = self._pieces.get(timeout=wait_seconds)
        except queue.Empty:
            return []
        taken: list[Piece] = []
        piece: Piece | BaseException | None = first
        while True:
            if isinstance(piece, BaseException):
                raise piece
            if piece is None:
                if not taken:
                    return None
                self._pieces.put(None)
                return taken
            taken.append(piece)
            if len(taken) >= most:
                return taken
            try:
                piece = self._pieces.get_nowait()
            except queue.Empty:
                return taken

    def stop(self) -> None:
        """Ends the threads; one that does not answer ends with the process."""
        with self._ready:
            self._stopped = True
            self._ready.notify_all()
        self._cancel()
        ends = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < ends and any(thread.is_alive() for thread in self._threads):
            # A thread may wait for a place in the queue.
            with contextlib.suppress(queue.Empty):
                while True:
                    self._pieces.get_nowait()
            for thread in self._threads:
                thread.join(0.01)

    def _work(self) -> None:
        try:
            while (claimed := self._claim()) is not None:
                partition, end_us = claimed
                try:
                    self._read(partition, end_us)
                finally:
                    with self._ready:
                        self._busy.discard(partition.token)
                        self._ready.notify_all()
        except BaseException as error:  # whatever it is, this thread is not who tells it
            if not self._stopped:
                self._pieces.put(error)
        finally:
            with self._ready:
                self._active -= 1
                is_last = self._active == 0
            if is_last and not self._stopped:
                self._pieces.put(None)

    def _claim(self) -> tuple[Partition, int] | None:
        """The partition that is furthest behind, and how far to read it now; None at the end."""
        with self._ready:
            while not self._stopped:
                end_us = self.config.end_us
                horizon = end_us if end_us is not None else self._now_us() + 10**12
                readable = self._partitions.readable(horizon)
                free = [one for one in readable if one.token not in self._busy]
                if free:
                    self._busy.add(free[0].token)
                    return free[0], self._slice_end(free[0])
                if not self._busy:
                    self._check_done(horizon)
                    return None
                self._ready.wait()
            return None

    def _slice_end(self, partition: Partition) -> int:
        if self.config.end_us is not None:
            return self.config.end_us
        seconds = SLICE_SECONDS if self._partitions.unfinished <= self.config.readers else 0.0
        least = max(partition.position_us, partition.start_us) + _LEAST_SLICE_US
        return max(self._now_us() + int(seconds * 1e6), least)

    def _check_done(self, horizon: int) -> None:
        orphans = self._partitions.orphans(horizon)
        if orphans:
            message = (
                f"the partition {orphans[0].token!r} of {self.config.stream} waits for "
                f"{list(orphans[0].parents)}, which are not being read: the state does not hold "
                "together. Start anew: a new snapshot, and a new --state"
            )
            raise ChangeStreamError(message)

    def _read(self, partition: Partition, end_us: int) -> None:
        """Reads up to there, patiently."""
        what = f"the change stream {self.config.stream}"
        failing_since: float | None = None
        wait = self._first_wait_seconds
        while not self._stopped:
            before = self._at(partition)
            try:
                self._read_once(before, end_us)
                return
            except ANSWERS as error:
                if self._stopped:
                    return
                if self._at(partition) != before:
                    failing_since, wait = None, self._first_wait_seconds
                if not (worth_a_retry(error) or no_session(error)):
                    raise stop_error(self.config.database, what, error) from error
                failing_since = failing_since or time.monotonic()
                seconds = time.monotonic() - failing_since
                if seconds > self.config.database.retry_seconds:
                    raise unavailable_error(
                        self.config.database, what, seconds, shown(error)
                    ) from error
            with self._ready:
                self._ready.wait_for(lambda: self._stopped, wait * random.uniform(0.5, 1))  # noqa: S311
            wait = min(2 * wait, _MOST_WAIT_SECONDS)

    def _read_once(self, partition: Partition, end_us: int) -> None:
        token = partition.token
        told_us = partition.position_us if partition.is_complete else None
        children: list[Child] = []
        position_us, is_ended = partition.position_us, False
        for record in self._records(
            self.config.stream, token, partition.position_us, end_us, self.config.heartbeat_ms
        ):
            if isinstance(record, DataChange):
                # The start is included, and was told before.
                if record.commit_us != told_us:
                    position_us = record.commit_us
                    self._tell(Piece(token, position_us, False, record))
            elif isinstance(record, Heartbeat):
                if record.at_us >= position_us:
                    position_us = record.at_us
                    self._tell(Piece(token, position_us, True))
            else:
                children += record.partitions
                is_ended = True
        if is_ended:
            self._tell(Piece(token, position_us, True, children=tuple(children)))
        elif not self._stopped:
            self._tell(Piece(token, end_us, True))

    def _at(self, partition: Partition) -> Partition:
        with self._ready:
            return self._partitions.get(partition.token) or partition

    def _tell(self, piece: Piece) -> None:
        # In the queue first: what comes of it may be read as soon as it is noted.
        self._pieces.put(piece)
        with self._ready:
            self._partitions.apply(piece)
            if piece.children is not None:
                self._ready.notify_all()

    def _now_us(self) -> int:
        return int(time.time() * 1e6)
