"""A change stream in memory: keys move between partitions that split and merge, as in Spanner."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from google.api_core.exceptions import ServiceUnavailable

from pipeline_io.spanner_stream_records import (
    Child,
    Children,
    DataChange,
    Heartbeat,
    StreamRecord,
)

Layout = tuple[tuple[int, ...], ...]
"""The keys of each partition."""


@dataclasses.dataclass
class ModelStream:
    """Layouts follow each other at `times`; the first begins at 0.

    commits: (time, key) in order. fails: an answer breaks off after so many records, in turn.
    """

    layouts: Sequence[Layout]
    times: Sequence[int]
    commits: Sequence[tuple[int, int]]
    fails: Iterator[int] = dataclasses.field(default_factory=lambda: iter(()))
    asked: list[str] = dataclasses.field(default_factory=list)

    def first(self) -> list[Child]:
        return [Child(self._token(0, number), 0, ()) for number in range(len(self.layouts[0]))]

    def records(
        self, stream: str, token: str | None, start_us: int, end_us: int | None, heartbeat_ms: int
    ) -> Iterator[StreamRecord]:
        assert token is not None
        assert end_us is not None
        self.asked.append(token)
        whole = self._whole(token, start_us, end_us)
        fails_after = next(self.fails, None)
        if fails_after is None:
            yield from whole
            return
        yield from itertools.islice(whole, fails_after)
        raise unavailable()

    def _whole(self, token: str, start_us: int, end_us: int) -> Iterator[StreamRecord]:
        epoch, number = (int(part) for part in token.split("/"))
        begins, ends = self._span(epoch)
        assert begins <= start_us <= ends
        keys = self.layouts[epoch][number]
        for at, (commit_us, key) in enumerate(self.commits):
            within = max(begins, start_us) <= commit_us <= end_us and commit_us < ends
            if within and key in keys:
                yield change(commit_us, at, key)
        if ends <= end_us:
            children = [
                Child(self._token(epoch + 1, n), int(ends), self._parents(epoch, keys_of_child))
                for n, keys_of_child in enumerate(self.layouts[epoch + 1])
                if set(keys_of_child) & set(keys)
            ]
            # As many records as children: each has one.
            for child in children:
                yield Children((child,))
        else:
            yield Heartbeat(end_us)

    def _span(self, epoch: int) -> tuple[int, float]:
        bounds = [0, *self.times[: len(self.layouts) - 1]]
        ends = bounds[epoch + 1] if epoch + 1 < len(bounds) else float("inf")
        return bounds[epoch], ends

    def _parents(self, epoch: int, keys: Sequence[int]) -> tuple[str, ...]:
        return tuple(
            self._token(epoch, number)
            for number, held in enumerate(self.layouts[epoch])
            if set(held) & set(keys)
        )

    def _token(self, epoch: int, number: int) -> str:
        return f"{epoch}/{number}"


def unavailable() -> Exception:
    """What Google's client raises while Spanner is away; it has no types."""
    made: Any = ServiceUnavailable
    error: Exception = made("the connection broke off")
    return error


def change(commit_us: int, number: int, key: int, kind: str = "INSERT") -> DataChange:
    """The change `number` of a key."""
    keys = f'{{"Id":"{key}"}}'
    types = '[["Id",{"code":"INT64"},true,1]]'
    mods = ((keys, "{}", "{}"),)
    return DataChange(commit_us, f"{number:08}", "1", "T", types, mods, kind, "", False)
