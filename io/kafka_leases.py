"""The readers of a process, each used by one bundle at a time.

A runner that makes bundles final keeps the DoFn that made one until then, and goes on with another;
a reader of each would fetch everything twice. So a DoFn borrows the reader of its share.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pipeline_io.kafka_partitions import PartitionReader

ReaderKey = tuple[str, int]
"""A run of the pipeline, and the number of a share."""


class _Kept(NamedTuple):
    reader: PartitionReader
    lent_at: float


IDLE_SECONDS = 120.0
"""A share that another worker has taken over does not come back; its reader holds tens of MB."""


class Readers:
    """Lends readers. Safe to be used by several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: dict[ReaderKey, _Kept] = {}
        self._users = 0

    def open(self) -> None:
        """Another DoFn is there that may borrow."""
        with self._lock:
            self._users += 1

    def close(self) -> None:
        """A DoFn is gone; with the last one go the readers."""
        with self._lock:
            self._users -= 1
            gone = list(self._idle.values()) if self._users <= 0 else []
            if gone:
                self._idle.clear()
        for kept in gone:
            kept.reader.close()

    @contextlib.contextmanager
    def lend(
        self, key: ReaderKey, make: Callable[[], PartitionReader]
    ) -> Iterator[PartitionReader]:
        """The reader of a share, or a new one where it is lent already or not there.

        A reader whose use ended in an exception is closed: where it stands is unknown.
        """
        with self._lock:
            now = self._clock()
            kept = self._idle.pop(key, None)
            old = {k for k, found in self._idle.items() if now - found.lent_at > IDLE_SECONDS}
            gone = [self._idle.pop(k) for k in old]
        for idle in gone:
            idle.reader.close()
        reader = kept.reader if kept is not None else make()
        try:
            yield reader
        except BaseException:
            reader.close()
            raise
        with self._lock:
            stays = self._users > 0 and key not in self._idle
            if stays:
                self._idle[key] = _Kept(reader, self._clock())
        if not stays:
            reader.close()


READERS = Readers()
"""Those of this process."""
