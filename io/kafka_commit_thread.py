"""Offsets of partitions, committed beside the bundles that they are of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from pipeline_io.kafka_positions import Partition

Value = TypeVar("Value", int, tuple[int, str])
"""What is committed for a partition: an offset, or one with the id of its topic. More is newer."""


class CommitThread(Generic[Value]):
    """Has the newest of each partition committed by a thread of its own, never backwards.

    Bundles do not wait for the group's coordinator, which may be away. Safe to be used by several
    threads.

    Args:
        commit: says why the values are not committed, or None. What it raises ends the thread, and
            is kept in `broken`.
        name: of the thread.
        every_seconds: it commits at most so often; so often, too, what could not be committed.
    """

    def __init__(
        self,
        commit: Callable[[Mapping[Partition, Value]], str | None],
        name: str,
        every_seconds: float,
    ) -> None:
        self.broken: Exception | None = None
        self._commit: Callable[[Mapping[Partition, Value]], str | None] = commit
        self._name = name
        self._every_seconds = every_seconds
        self._committing, self._changed = threading.Lock(), threading.Condition()
        self._noted: dict[Partition, Value] = {}
        self._committed: dict[Partition, Value] = {}
        self._hurries = self._is_closed = False
        self._thread: threading.Thread | None = None

    def note(self, values: Mapping[Partition, Value]) -> None:
        """To be committed, unless something newer is known of a partition."""
        with self._changed:
            self._noted |= _newer(values, self._noted)

    def wake(self) -> None:
        """Has what is noted committed, at once or when it is time."""
        with self._changed:
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def commit_now(
        self, commit: Callable[[Mapping[Partition, Value]], str | None] | None = None
    ) -> str | None:
        """Commits in the caller's thread, after what the other one is at. Why it could not.

        Raises what `commit` raises, which stands in for that of the thread.
        """
        with self._committing:
            with self._changed:
                left = self._left()
            why = (commit or self._commit)(left) if left else None
            with self._changed:
                if why is None:
                    self._committed |= left
                self._changed.notify_all()
        return why

    def settle(self, seconds: float) -> bool:
        """Waits until all is committed; whether it is."""
        with self._changed:
            self._hurries = True
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._left(), seconds)
            finally:
                self._hurries = False

    def close(self) -> None:
        """Ends the thread, and waits for what it is at; what is left stays so."""
        with self._changed:
            self._is_closed, thread = True, self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    def _left(self) -> dict[Partition, Value]:
        return _newer(self._noted, self._committed)

    def _run(self) -> None:
        try:
            while self._waits_for_some():
                why = self.commit_now()
                self._pause(has_failed=why is not None)
        except Exception as error:
            self.broken = error

    def _waits_for_some(self) -> bool:
        """Whether there is something to commit now; not once this is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._left())
            return not self._is_closed

    def _pause(self, *, has_failed: bool) -> None:
        # What has failed is not asked for again at once, whoever hurries.
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closed or (self._hurries and not has_failed), self._every_seconds
            )


def _newer(
    values: Mapping[Partition, Value], than: Mapping[Partition, Value]
) -> dict[Partition, Value]:
    return {key: value for key, value in values.items() if key not in than or value > than[key]}
