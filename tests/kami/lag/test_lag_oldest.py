"""Looking up the oldest record: what is asked of the broker, and what is known without it."""

from __future__ import annotations

import dataclasses
from typing import Any

import confluent_kafka
from confluent_kafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from kami.lag import Edges, Nothing, Oldest, Partition, Seen
from kami.lag_oldest import KEPT_SECONDS, Asked, OldestRecords

PLACE, OTHER = Partition("topic", 0), Partition("topic", 1)
EOF = confluent_kafka.KafkaError._PARTITION_EOF  # noqa: SLF001


@dataclasses.dataclass
class Message:
    """What a consumer gives."""

    place: Partition
    at: int
    time: tuple[int, int] = (confluent_kafka.TIMESTAMP_CREATE_TIME, 0)
    code: int | None = None

    def topic(self) -> str:
        return self.place.topic

    def partition(self) -> int:
        return self.place.number

    def offset(self) -> int:
        return self.at

    def timestamp(self) -> tuple[int, int]:
        return self.time

    def error(self) -> confluent_kafka.KafkaError | None:
        return None if self.code is None else confluent_kafka.KafkaError(self.code)


class Log:
    """A consumer of partitions in memory: offset -> milliseconds or None, and their ends."""

    def __init__(self) -> None:
        self.records: dict[Partition, dict[int, int | None]] = {PLACE: {}, OTHER: {}}
        self.ends = {PLACE: 0, OTHER: 0}
        self.silent: set[Partition] = set()
        self.refused: set[Partition] = set()
        self.reads: list[tuple[Partition, int]] = []
        self.now = 0.0
        self._assigned: dict[Partition, int] = {}

    def append(self, *times: int | None, place: Partition = PLACE) -> None:
        for at in times:
            self.records[place][self.ends[place]] = at
            self.ends[place] += 1

    def marker(self) -> None:
        self.ends[PLACE] += 1

    def edges(self, start: int = 0) -> dict[Partition, Edges]:
        return {place: Edges(start, end, end) for place, end in self.ends.items()}

    def opened(self) -> OldestRecords:
        return OldestRecords({}, "read_committed", lambda _: self, lambda: self.now)

    def assign(self, places: list[TopicPartition]) -> None:
        self._assigned = {Partition(one.topic, one.partition): one.offset for one in places}
        self.reads += self._assigned.items()

    def incremental_unassign(self, places: list[TopicPartition]) -> None:
        for one in places:
            del self._assigned[Partition(one.topic, one.partition)]

    def unassign(self) -> None:
        self._assigned = {}

    def poll(self, seconds: float) -> Any:
        for place, begin in self._assigned.items():
            if place in self.refused:
                code = confluent_kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED
                return Message(place, 0, code=code)
            if place in self.silent:
                continue
            for at, milliseconds in self.records[place].items():
                if at >= begin:
                    # A consumer gives all that it has fetched, whether it is wanted or not.
                    self._assigned[place] = at + 1
                    has_time = milliseconds is not None
                    return Message(place, at, (int(has_time), milliseconds or 0))
            return Message(place, max(begin, self.ends[place]), code=EOF)
        self.now += seconds
        return None


def asked(begin: int, place: Partition = PLACE) -> Asked:
    return Asked(place, begin, begin)


def test_a_record_is_read_once_while_the_group_stands_there() -> None:
    log = Log()
    log.append(100, 200, 300)
    oldest = log.opened()
    for _ in range(3):
        found = oldest.look([asked(1)], log.edges(), 5)
        assert found == {asked(1): Seen(Oldest(1, 200), 1)}
    assert log.reads == [(PLACE, 1)]
    log.now += KEPT_SECONDS + 1
    assert oldest.look([asked(1)], log.edges(), 5)
    assert log.reads == [(PLACE, 1)] * 2


def test_nothing_is_read_at_the_end() -> None:
    log = Log()
    log.append(100)
    assert log.opened().look([asked(1), asked(7)], log.edges(), 5) == {
        asked(1): Seen(Nothing(1), 1),
        asked(7): Seen(Nothing(7), 7),
    }
    assert log.reads == []


def test_markers_are_passed_once_and_the_next_look_begins_behind_them() -> None:
    log = Log()
    log.append(100)
    log.marker()
    oldest = log.opened()
    for _ in range(2):
        assert oldest.look([asked(1)], log.edges(), 5) == {asked(1): Seen(Nothing(2), 2)}
    log.append(500)
    assert oldest.look([asked(1)], log.edges(), 5) == {asked(1): Seen(Oldest(2, 500), 2)}
    assert log.reads == [(PLACE, 1), (PLACE, 2)]


def test_a_record_that_was_removed_is_not_known_any_more() -> None:
    log = Log()
    log.append(100, 200, 300)
    oldest = log.opened()
    oldest.look([asked(0)], log.edges(), 5)
    moved = Asked(PLACE, 2, 0)
    assert oldest.look([moved], log.edges(start=2), 5) == {moved: Seen(Oldest(2, 300), 0)}


def test_groups_at_several_places_of_a_partition_get_their_own_answers() -> None:
    log = Log()
    log.append(100, 200, None)
    log.append(900, place=OTHER)
    places = [asked(0), asked(1), asked(2), asked(0, OTHER)]
    assert log.opened().look(places, log.edges(), 5) == {
        asked(0): Seen(Oldest(0, 100), 0),
        asked(1): Seen(Oldest(1, 200), 1),
        asked(2): Seen(Oldest(2, None), 2),
        asked(0, OTHER): Seen(Oldest(0, 900), 0),
    }


def test_a_partition_that_does_not_answer_is_left_out_and_keeps_no_other_back() -> None:
    for name in ("silent", "refused"):
        log = Log()
        log.append(100, 200)
        log.append(900, place=OTHER)
        getattr(log, name).add(PLACE)
        found = log.opened().look([asked(0), asked(1), asked(0, OTHER)], log.edges(), 5)
        assert found == {asked(0, OTHER): Seen(Oldest(0, 900), 0)}
        assert log.now < 6


@given(
    records=st.lists(st.none() | st.integers(1, 1000), max_size=12),
    steps=st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=8
    ),
)
def test_what_is_kept_says_the_same_as_a_look_at_the_log(
    records: list[int | None], steps: list[tuple[int, int, int]]
) -> None:
    """None among the records is a marker; a step is a commit, a log start and records to come."""
    log = Log()
    oldest = log.opened()
    waiting = iter(records)
    start = 0
    for commit, begin, count in steps:
        for _ in range(count):
            at = next(waiting, 0)
            if at is None:
                log.marker()
            elif at:
                log.append(at)
        end = log.ends[PLACE]
        start = max(start, min(begin, end))
        for gone in [offset for offset in log.records[PLACE] if offset < start]:
            del log.records[PLACE][gone]
        one = Asked(PLACE, max(commit, start), commit)
        ahead, passed = oldest.look([one], log.edges(start), 5)[one]
        left = [offset for offset in log.records[PLACE] if offset >= one.begin]
        if left:
            assert ahead == Oldest(left[0], log.records[PLACE][left[0]])
        else:
            assert isinstance(ahead, Nothing)
            assert ahead.until >= end
        # Of what lies between the commit and there, nothing was a record.
        written = [offset for offset, at in enumerate(records) if at is not None]
        assert not [offset for offset in written if commit <= offset < min(passed, end)]
