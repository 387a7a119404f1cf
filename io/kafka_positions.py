"""Where a reader stands in each partition: the restriction of a splittable DoFn."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from apache_beam.io.iobase import RestrictionProgress, RestrictionTracker
from apache_beam.transforms.core import RestrictionProvider


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


class PartitionRange(NamedTuple):
    """Offsets of a partition: from `start` up to and without `end`, or for ever if that is None.

    topic_id: what the cluster calls this topic, and no later one of the same name; "" if unknown.
    latest_millis: the largest timestamp of a record before `start` that was read, if any was.
    """

    topic: str
    partition: int
    start: int
    end: int | None = None
    topic_id: str = ""
    latest_millis: int | None = None

    @property
    def key(self) -> Partition:
        return Partition(self.topic, self.partition)

    @property
    def is_done(self) -> bool:
        return self.end is not None and self.start >= self.end


Positions = tuple[PartitionRange, ...]
"""What is still to be read, by partition. Element, restriction and claimed position at once."""


def by_partition(positions: Positions) -> dict[Partition, PartitionRange]:
    return {found.key: found for found in positions}


def remaining(positions: Positions) -> int:
    """Offsets still to be read of the partitions that end; a bound for the number of records."""
    return sum(max(0, (found.end or found.start) - found.start) for found in positions)


@dataclasses.dataclass(frozen=True)
class Share:
    """What one reader of several reads: each partition belongs to one of them, by its name.

    run: names this run of the pipeline; what another run committed binds this one in nothing.
    """

    number: int
    of: int
    run: str
    positions: Positions

    def has(self, partition: Partition) -> bool:
        return zlib.crc32(str(partition).encode()) % self.of == self.number

    def unknown(self, known: Positions, found: Iterable[PartitionRange]) -> Positions:
        """Of the partitions found, those of this reader that are not known yet."""
        keys = {each.key for each in known}
        return tuple(each for each in found if each.key not in keys and self.has(each.key))


def shares(positions: Positions, readers: int, run: str) -> list[Share]:
    """The partitions dealt out to readers; a reader without any is there for partitions to come."""
    whole = [Share(number, readers, run, ()) for number in range(readers)]
    return [
        dataclasses.replace(
            share, positions=tuple(each for each in positions if share.has(each.key))
        )
        for share in whole
    ]


class PositionsTracker(RestrictionTracker):
    """Claims positions: each claim is all positions, none of them behind the one before.

    It splits only where it stands, never further on: two readers of one partition at the same time
    would mix up the order of its records.
    """

    def __init__(self, positions: Positions, *, endless: bool) -> None:
        self._endless = endless
        self._start = positions
        self._claimed = positions
        self._end: Positions | None = None
        self._is_over = False

    def current_restriction(self) -> Positions:
        return self._start if self._end is None else self._end

    def try_claim(self, position: Positions | None) -> bool:
        """Claims all records before `position`, which may know more partitions than before; None
        claims that an endless read is over."""
        if self._end is not None:
            return False
        if position is None:
            self._is_over = True
            return True
        new = by_partition(position)
        for old in self._claimed:
            now = new.get(old.key)
            if now is None or now.start < old.start or now.end != old.end:
                message = f"the claim {now!r} does not follow on {old!r}"
                raise ValueError(message)
        self._claimed = position
        return True

    def try_split(self, fraction_of_remainder: float) -> tuple[Positions, Positions] | None:
        if fraction_of_remainder != 0 or self._end is not None or self._is_done():
            return None
        starts = by_partition(self._start)
        self._end = tuple(
            now._replace(start=starts.get(now.key, now).start, end=now.start)
            for now in self._claimed
        )
        return self._end, self._claimed

    def current_progress(self) -> RestrictionProgress:
        starts: Mapping[Partition, PartitionRange] = by_partition(self._start)
        completed = sum(now.start - starts.get(now.key, now).start for now in self._claimed)
        # Beam divides by the sum of both.
        return RestrictionProgress(completed=completed, remaining=remaining(self._claimed) or 1)

    def _is_done(self) -> bool:
        if self._endless:
            return self._is_over
        return all(found.is_done for found in self._claimed)

    def check_done(self) -> None:
        if self._end is None and not self._is_done():
            message = f"reading stopped at {self._claimed!r}, before the end"
            raise ValueError(message)

    def is_bounded(self) -> bool:
        return not self._endless


class PositionsProvider(RestrictionProvider):
    """The restrictions of Shares; endless ones go on with partitions that are yet to come."""

    def __init__(self, *, endless: bool) -> None:
        self._endless = endless

    def initial_restriction(self, element: Share) -> Positions:
        return element.positions

    def create_tracker(self, restriction: Positions) -> PositionsTracker:
        return PositionsTracker(restriction, endless=self._endless)

    def restriction_size(self, element: Share, restriction: Positions) -> int:
        return 1 if self._endless else remaining(restriction)

    def truncate(self, element: Share, restriction: Positions) -> Positions | None:
        """A pipeline that drains reads to the end where there is one, and else no further."""
        return None if self._endless else restriction
