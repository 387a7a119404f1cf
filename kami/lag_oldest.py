"""The first record at an offset, read from the broker once and kept while a group stands there."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import confluent_kafka
from confluent_kafka import TopicPartition

from kami.lag import Edges, Nothing, Oldest, Partition, Seen

KEPT_SECONDS = 300.0
"""What was read is read again after this: compaction removes records, topics are made anew."""
_POLL_SECONDS = 0.2
_GROUP = "kami-lag"
"""A name that the client library asks for: nothing joins it, and nothing is committed."""
_EOF = confluent_kafka.KafkaError._PARTITION_EOF  # noqa: SLF001


class Asked(NamedTuple):
    """A place to look at.

    Args:
        begin: the first offset that a group still has to read.
        stands: where it stands, which is before `begin` if records were removed.
    """

    partition: Partition
    begin: int
    stands: int


class _Kept(NamedTuple):
    seen: Seen
    read_at: float


class OldestRecords:
    """Looks up the first record at places of partitions, without a group of its own.

    Args:
        config: properties of the client library, with `bootstrap.servers`.
        isolation: `read_committed` or `read_uncommitted`.
        make_consumer, clock: what tests put in place of the client library and the time.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        isolation: str,
        make_consumer: Callable[[dict[str, Any]], Any] = confluent_kafka.Consumer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kept: dict[tuple[Partition, int], _Kept] = {}
        self._clock = clock
        self._consumer = make_consumer(
            {
                **config,
                "group.id": _GROUP,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                # Records that are removed while this asks: the first that is left is the answer.
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "isolation.level": isolation,
                # One record is wanted, and a batch is the least that a broker gives: of partitions
                # whose batch is larger than this, it gives one an answer. 200 partitions with
                # batches of 500 kB take 0.3 s so, and minutes with 64 kB and the usual backoff.
                "fetch.message.max.bytes": 1 << 20,
                "fetch.max.bytes": 8 << 20,
                "fetch.queue.backoff.ms": 5,
                "queued.min.messages": 1,
                "fetch.wait.max.ms": 100,
            }
        )

    def close(self) -> None:
        self._consumer.close()

    def look(
        self, asked: Iterable[Asked], edges: Mapping[Partition, Edges], seconds: float
    ) -> dict[Asked, Seen]:
        """What comes at each place; a place whose partition does not answer in time is missing.

        Args:
            edges: of each partition.
            seconds: how long all of it may take.
        """
        places = set(asked)
        # A place that no group stands at any longer is not asked for again.
        kept = {(one.partition, one.stands) for one in places}
        self._kept = {key: value for key, value in self._kept.items() if key in kept}
        deadline = self._clock() + seconds
        found: dict[Asked, Seen] = {}
        while True:
            wanted: dict[Partition, tuple[Asked, int]] = {}
            for one in sorted(places - found.keys()):
                begin = self._from(one, edges[one.partition].end)
                if isinstance(begin, Seen):
                    found[one] = begin
                # A consumer has one position in a partition: the others wait for the next round.
                elif one.partition not in wanted:
                    wanted[one.partition] = (one, begin)
            if not wanted or self._clock() >= deadline:
                return found
            answers = self._read({key: begin for key, (_, begin) in wanted.items()}, deadline)
            for partition, (one, begin) in wanted.items():
                if partition in answers:
                    found[one] = self._keep(one, begin, answers[partition])
            # Who did not answer would not in the next round either.
            silent = wanted.keys() - answers.keys()
            places = {one for one in places if one in found or one.partition not in silent}

    def _from(self, one: Asked, end: int) -> Seen | int:
        """What is known of a place, or the offset to read from to know it."""
        kept = self._kept.get((one.partition, one.stands))
        if kept is None or self._clock() - kept.read_at > KEPT_SECONDS:
            return one.begin if one.begin < end else Seen(Nothing(one.begin), one.stands)
        ahead, passed = kept.seen
        if isinstance(ahead, Oldest):
            return kept.seen if ahead.offset >= one.begin else one.begin
        begin = max(one.begin, ahead.until)
        return begin if begin < end else Seen(Nothing(begin), passed)

    def _keep(self, one: Asked, begin: int, ahead: Oldest | Nothing) -> Seen:
        key = (one.partition, one.stands)
        before = self._kept.get(key)
        passed = before.seen.passed if before else one.stands
        if begin <= passed:
            passed = max(passed, ahead.offset if isinstance(ahead, Oldest) else ahead.until)
        seen = Seen(ahead, passed)
        self._kept[key] = _Kept(seen, self._clock())
        return seen

    def _read(
        self, begins: Mapping[Partition, int], deadline: float
    ) -> dict[Partition, Oldest | Nothing]:
        """The first record from an offset on, of partitions that answer in time."""
        answers: dict[Partition, Oldest | Nothing] = {}
        failed: set[Partition] = set()
        self._consumer.assign(
            [TopicPartition(one.topic, one.number, begin) for one, begin in begins.items()]
        )
        try:
            while len(answers) + len(failed) < len(begins):
                left = deadline - self._clock()
                if left <= 0:
                    break
                message = self._consumer.poll(min(left, _POLL_SECONDS))
                if message is None or message.topic() is None:
                    continue
                partition = Partition(message.topic(), message.partition())
                if partition not in begins or partition in answers or partition in failed:
                    continue
                ahead = _ahead(message)
                if ahead is None:
                    failed.add(partition)
                else:
                    answers[partition] = ahead
                self._drop(partition, begins.keys() - answers.keys() - failed)
        finally:
            self._consumer.unassign()
        return answers

    def _drop(self, partition: Partition, left: Collection[Partition]) -> None:
        """Ends the reading of a partition that has answered, so that others get their turn."""
        if left:
            self._consumer.incremental_unassign([TopicPartition(*partition)])


def _ahead(message: Any) -> Oldest | Nothing | None:
    """None for a partition that cannot be read."""
    error = message.error()
    if error is None:
        kind, milliseconds = message.timestamp()
        has_time = kind != confluent_kafka.TIMESTAMP_NOT_AVAILABLE
        return Oldest(message.offset(), milliseconds if has_time else None)
    return Nothing(message.offset()) if error.code() == _EOF else None
