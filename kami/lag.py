"""How far a consumer group is behind: from offsets, and the time of the oldest record to come."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Literal, NamedTuple

Reset = Literal["unknown", "earliest", "latest"]
"""Where a group begins in a partition without a commit, as far as it is known."""

NO_COMMIT = "no commit"
NO_TOPIC = "the topic is gone"
NO_PARTITION = "the partition is gone"
NO_ANSWER = "not read"
NO_TIME = "the record has no time"


class Partition(NamedTuple):
    """One partition of a topic."""

    topic: str
    number: int


class Edges(NamedTuple):
    """Offsets of a partition.

    Args:
        start: of the first record that the broker still keeps.
        end: behind the last record that the group may read: the high watermark, or the last stable
            offset for groups that read what is committed alone.
        high: the high watermark, behind the last record there is.
    """

    start: int
    end: int
    high: int


class Oldest(NamedTuple):
    """The first record at a position or after it.

    Args:
        offset: its own; more than the position where compaction or transactions left no records.
        milliseconds: its time since 1970; None: it has none.
    """

    offset: int
    milliseconds: int | None


class Nothing(NamedTuple):
    """No record is there from a position up to an offset: markers of transactions at most."""

    until: int


class Seen(NamedTuple):
    """What comes where a group stands.

    Args:
        ahead: the first record, or nothing up to some offset.
        passed: from the commit up to this offset there was no record when it was looked.
    """

    ahead: Oldest | Nothing
    passed: int


class Position(NamedTuple):
    """Where a group stands in a partition.

    Args:
        committed: the offset that it reads next; None: it has committed none.
    """

    group: str
    partition: Partition
    committed: int | None

    def next_offset(self, edges: Edges, reset: Reset) -> int | None:
        """The first offset that it still has to read; None: that is unknown."""
        if self.committed is not None:
            return max(self.committed, edges.start)
        return {"earliest": edges.start, "latest": edges.end}.get(reset)


@dataclasses.dataclass(frozen=True)
class Lag:
    """How far a group is behind in a partition.

    Args:
        edges: None: the partition is gone, or was not read.
        records: at most so many are to be read: gaps behind the first of them count; None: unknown.
        seconds: the age of the first of them, 0 without one, and for a record whose time is still
            to come; None: unknown.
        oldest: that record.
        lost: offsets that the broker removed before the group read them; None: unknown.
        ahead: offsets by which the commit is beyond the end: of another life of the topic.
        uncommitted: of a group without a commit here: the offsets that there are; else None.
        note: what is out of the ordinary, in words.
    """

    group: str
    partition: Partition
    committed: int | None = None
    edges: Edges | None = None
    records: int | None = None
    seconds: float | None = None
    oldest: Oldest | None = None
    lost: int | None = None
    ahead: int | None = None
    uncommitted: int | None = None
    note: str = ""

    @property
    def is_gone(self) -> bool:
        """Whether there is nothing left that the group could read."""
        return self.note in (NO_TOPIC, NO_PARTITION)

    @property
    def is_unread(self) -> bool:
        """Whether there is something, and it did not answer."""
        return self.note == NO_ANSWER


def gone(position: Position, *, topic_exists: bool) -> Lag:
    """Of a commit for what was deleted."""
    note = NO_PARTITION if topic_exists else NO_TOPIC
    return Lag(position.group, position.partition, position.committed, note=note)


def not_read(position: Position, edges: Edges | None = None) -> Lag:
    """Of a partition that did not answer: nothing is known, which is not 0."""
    return Lag(position.group, position.partition, position.committed, edges, note=NO_ANSWER)


def lag_of(position: Position, edges: Edges, seen: Seen | None, now_ms: int) -> Lag:
    """The lag of a group in a partition.

    Args:
        seen: from `position.next_offset` on; None where that is unknown.
        now_ms: milliseconds since 1970.
    """
    lag = Lag(position.group, position.partition, position.committed, edges)
    if position.committed is None:
        lag = dataclasses.replace(lag, uncommitted=edges.end - edges.start, note=NO_COMMIT)
        # Without a record there is nothing to be behind of, wherever the group begins.
        if seen is None and edges.end > edges.start:
            return lag
    oldest = seen.ahead if seen and isinstance(seen.ahead, Oldest) else None
    if oldest and oldest.offset >= edges.end:
        # It came after the offsets were asked for.
        oldest = None
    lost = beyond = 0
    if position.committed is not None:
        lost = max(0, edges.start - max(position.committed, seen.passed if seen else 0))
        beyond = max(0, position.committed - edges.high)
    return dataclasses.replace(
        lag,
        records=edges.end - oldest.offset if oldest else 0,
        seconds=_age(oldest, now_ms),
        oldest=oldest,
        lost=lost,
        ahead=beyond,
        note="; ".join(filter(None, [lag.note, *_notes(lost, beyond, oldest, now_ms)])),
    )


def _age(oldest: Oldest | None, now_ms: int) -> float | None:
    if oldest is None:
        return 0.0
    if oldest.milliseconds is None:
        return None
    return max(0, now_ms - oldest.milliseconds) / 1000


def _notes(lost: int, beyond: int, oldest: Oldest | None, now_ms: int) -> Iterable[str]:
    if lost:
        yield f"{lost} removed unread"
    if beyond:
        yield f"the commit is {beyond} beyond the end"
    if oldest and oldest.milliseconds is None:
        yield NO_TIME
    elif oldest and oldest.milliseconds is not None and oldest.milliseconds > now_ms:
        yield f"the record's time is {(oldest.milliseconds - now_ms) / 1000:g} s from now"
