"""The messages that a reader has and has not acknowledged yet."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

HOLD_SECONDS = 3_600.0
"""How long a message is kept from other readers. After this whoever had it is taken for lost, and
Pub/Sub delivers it again."""


class HeldMessages:
    """Which messages are held, and by which ids Pub/Sub takes word of them.

    Not safe to be used by several threads at a time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ack_ids: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._arrivals: deque[tuple[float, Sequence[str]]] = deque()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._ack_ids)

    def add(self, ids: Sequence[str], ack_ids: Sequence[str], sizes: Sequence[int]) -> list[int]:
        """Holds messages; returns the places of those that were not held already.

        Of a message that is delivered again the new ack id counts.
        """
        if self._ack_ids.keys().isdisjoint(ids) and len(set(ids)) == len(ids):
            places = list(range(len(ids)))
            self._sizes.update(zip(ids, sizes, strict=True))
            self.bytes += sum(sizes)
        else:
            places = []
            for place, (message_id, size) in enumerate(zip(ids, sizes, strict=True)):
                if message_id not in self._sizes:
                    places.append(place)
                    self._sizes[message_id] = size
                    self.bytes += size
        self._ack_ids.update(zip(ids, ack_ids, strict=True))
        self._arrivals.append((self._clock(), ids))
        return places

    def ack_ids(self, ids: Iterable[str] | None = None) -> list[str]:
        """By what Pub/Sub knows these messages, without those that are not held; None for all."""
        if ids is None:
            return list(self._ack_ids.values())
        return [self._ack_ids[each] for each in ids if each in self._ack_ids]

    def remove(self, ids: Iterable[str]) -> None:
        """Holds these messages no longer, if it did."""
        for message_id in ids:
            if self._ack_ids.pop(message_id, None) is not None:
                self.bytes -= self._sizes.pop(message_id)

    def forget_old(self) -> int:
        """Holds no longer what came HOLD_SECONDS ago; how many messages that was."""
        before = len(self)
        while self._arrivals and self._clock() - self._arrivals[0][0] > HOLD_SECONDS:
            self.remove(self._arrivals.popleft()[1])
        return before - len(self)

    def forget_arrivals(self) -> None:
        """Drops what is known of messages that are all gone, so that memory stays flat."""
        while self._arrivals and self._ack_ids.keys().isdisjoint(self._arrivals[0][1]):
            self._arrivals.popleft()
