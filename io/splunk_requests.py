"""Events gathered into requests, and requests taken apart again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from pipeline_io.splunk_events import NO_TIME, Events


@dataclasses.dataclass(frozen=True)
class Piece:
    """The events `start` to before `end` of a batch."""

    events: Events
    start: int
    end: int

    @property
    def count(self) -> int:
        return self.end - self.start

    @property
    def size(self) -> int:
        return int(self.events.bounds[self.end] - self.events.bounds[self.start])


@dataclasses.dataclass(frozen=True)
class Request:
    """Events that are sent together, of one or more batches, in the order they came."""

    pieces: tuple[Piece, ...]

    @property
    def count(self) -> int:
        return sum(piece.count for piece in self.pieces)

    @property
    def size(self) -> int:
        """Bytes before compression."""
        return sum(piece.size for piece in self.pieces)

    def body(self) -> bytes:
        """The events one behind the other, as HEC takes them."""
        return b"".join(piece.events.between(piece.start, piece.end) for piece in self.pieces)

    def part(self, start: int, end: int) -> Request:
        """The events `start` to before `end` of this request."""
        return Request(tuple(self._between(start, end)))

    def without(self, number: int) -> Request:
        """All events but one."""
        return Request((*self._between(0, number), *self._between(number + 1, self.count)))

    def halves(self) -> tuple[Request, Request]:
        middle = self.count // 2
        return self.part(0, middle), self.part(middle, self.count)

    def oldest_ms(self) -> int | None:
        """The earliest time of its records, ms since the epoch; None where none has one."""
        times = np.concatenate([one.events.times_ms[one.start : one.end] for one in self.pieces])
        times = times[times != NO_TIME]
        return int(times.min()) if len(times) else None

    def _between(self, start: int, end: int) -> Iterator[Piece]:
        before = 0
        for piece in self.pieces:
            first = max(piece.start, piece.start + start - before)
            last = min(piece.end, piece.start + end - before)
            if first < last:
                yield Piece(piece.events, first, last)
            before += piece.count


class Gatherer:
    """Gathers events into requests of at most `max_events` and `max_bytes`; a larger event goes
    alone. What is left waits for more until `due`. Not for several threads."""

    def __init__(
        self,
        max_events: int,
        max_bytes: int,
        linger_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._linger = linger_seconds
        self._clock = clock
        self._pieces: list[Piece] = []
        self._count = self._size = 0
        self.due: float | None = None
        """When the open request is to be sent, by the clock: armed once, by its first event."""

    def add(self, events: Events) -> Iterator[Request]:
        """Yields the requests that are full."""
        start, bounds = 0, events.bounds
        while start < len(events):
            room = self._max_bytes - self._size
            fits = int(np.searchsorted(bounds, bounds[start] + room, side="right")) - 1
            end = min(fits, start + self._max_events - self._count, len(events))
            if end <= start and self._pieces:
                yield self._closed()
                continue
            end = max(end, start + 1)
            piece = Piece(events, start, end)
            if self.due is None:
                self.due = self._clock() + self._linger
            self._pieces.append(piece)
            self._count += piece.count
            self._size += piece.size
            if self._count >= self._max_events or self._size >= self._max_bytes:
                yield self._closed()
            start = end

    def close(self) -> Request | None:
        """The open request, if there is one."""
        return self._closed() if self._pieces else None

    def _closed(self) -> Request:
        request = Request(tuple(self._pieces))
        self._pieces, self._count, self._size, self.due = [], 0, 0, None
        return request
