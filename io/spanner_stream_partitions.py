"""The partitions of a change stream: which may be read now, and how far each one is.

Spanner splits and merges partitions as its load asks for. A partition is read only when all those
that it came from have been read to their ends, so that the changes of a key keep their order.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipeline_io.spanner_stream_records import Child, DataChange


class State(enum.Enum):
    """created: not begun. finished: read to its end, and kept while another one waits for it."""

    CREATED = "created"
    RUNNING = "running"
    FINISHED = "finished"


@dataclasses.dataclass(frozen=True)
class Partition:
    """start_us, position_us: microseconds since 1970.

    is_complete: whether all changes of the very microsecond `position_us` have been told; else
    there may be more of them.
    """

    token: str
    parents: tuple[str, ...]
    start_us: int
    position_us: int
    is_complete: bool = False
    state: State = State.CREATED


class Piece(NamedTuple):
    """What a reader tells of a partition: a change, how far it is, or its end.

    change: None where only time went by. children: None while the partition goes on.
    """

    token: str
    position_us: int
    is_complete: bool
    change: DataChange | None = None
    children: tuple[Child, ...] | None = None


class Partitions:
    """All partitions that are not done with, by token."""

    def __init__(self, partitions: Iterable[Partition] = ()) -> None:
        self._of: dict[str, Partition] = {one.token: one for one in partitions}
        self.changed: set[str] = set()
        """Tokens of those that changed, or went, since this was emptied."""

    def __iter__(self) -> Iterator[Partition]:
        return iter(self._of.values())

    def get(self, token: str) -> Partition | None:
        return self._of.get(token)

    def add(self, children: Iterable[Child]) -> None:
        """Children of a partition; both parents of a merge tell of it."""
        for child in children:
            if child.token not in self._of:
                self._put(Partition(child.token, child.parents, child.start_us, child.start_us))

    def apply(self, piece: Piece) -> None:
        """Takes note of what was read."""
        known = self._of[piece.token]
        state = State.RUNNING if piece.children is None else State.FINISHED
        self._put(
            dataclasses.replace(
                known, position_us=piece.position_us, is_complete=piece.is_complete, state=state
            )
        )
        # Before any is dropped: children need their parents.
        self.add(piece.children or ())
        if known.state is State.CREATED or state is State.FINISHED:
            self._drop_unneeded()

    def readable(self, until_us: int) -> list[Partition]:
        """Those that have something to tell up to there, furthest behind first."""
        found = [
            one
            for one in self._of.values()
            if self._is_open(one)
            and (one.position_us, one.is_complete) < (until_us, True)
            and one.start_us <= until_us
        ]
        return sorted(found, key=lambda one: one.position_us)

    def orphans(self, until_us: int) -> list[Partition]:
        """Those that begin before, and wait for a parent that is not there: where all the others
        were read up to there, nobody will tell of it any more."""
        return [
            one
            for one in self._of.values()
            if one.state is State.CREATED
            and one.start_us <= until_us
            and any(parent not in self._of for parent in one.parents)
        ]

    @property
    def unfinished(self) -> int:
        """How many are not read to their ends."""
        return sum(one.state is not State.FINISHED for one in self._of.values())

    @property
    def watermark_us(self) -> int | None:
        """All changes before it have been told; None where nothing is left to read."""
        open_ones = [one.position_us for one in self if one.state is not State.FINISHED]
        return min(open_ones, default=None)

    def take_changes(self) -> tuple[list[Partition], list[str]]:
        """Partitions to be stored, and tokens to be forgotten, since this was called last."""
        tokens, self.changed = sorted(self.changed), set()
        stored = [self._of[token] for token in tokens if token in self._of]
        return stored, [token for token in tokens if token not in self._of]

    def _is_open(self, one: Partition) -> bool:
        if one.state is not State.CREATED:
            return one.state is State.RUNNING
        # A parent that nobody told of yet is no finished one: a partition before it will.
        known = [self._of.get(parent) for parent in one.parents]
        return all(parent is not None and parent.state is State.FINISHED for parent in known)

    def _put(self, one: Partition) -> None:
        self._of[one.token] = one
        self.changed.add(one.token)

    def _drop_unneeded(self) -> None:
        """A finished partition is kept as long as one waits for it: the others told of the same
        children when they ended."""
        needed = {
            parent
            for one in self._of.values()
            if one.state is State.CREATED
            for parent in one.parents
        }
        for token in [
            one.token
            for one in self._of.values()
            if one.state is State.FINISHED and one.token not in needed
        ]:
            del self._of[token]
            self.changed.add(token)
