"""Asks a Kafka cluster for groups, commits and the offsets of partitions."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import confluent_kafka
from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    TopicPartition,
)
from confluent_kafka.admin._listoffsets import OffsetSpec

from kami.errors import KamiError
from kami.kafka_broker import Broker
from kami.kafka_errors import BUSY, client_error, error_for
from kami.lag import Edges, Partition
from kami.lag_question import Group, Question

_K = TypeVar("_K")
_PAUSE_SECONDS = 0.2
_LEAST_SECONDS = 1.0
_ON_GROUP = "DESCRIBE on the group"
_ON_TOPIC = "DESCRIBE on the topic"


class LagCluster:
    """One round of questions. What cannot be had is left out, and is one of `failures`.

    Args:
        seconds: how long all of them may take, while brokers are busy or away.
    """

    def __init__(self, broker: Broker, seconds: float) -> None:
        self._broker = broker
        self._deadline = time.monotonic() + seconds
        self.failures: list[KamiError] = []

    @property
    def left(self) -> float:
        """Seconds until the deadline; a little at least, so that every question is asked once."""
        return max(_LEAST_SECONDS, self._deadline - time.monotonic())

    def topics(self) -> dict[str, int]:
        """topic -> its number of partitions. Raises UnreachableError."""
        what = "listing the topics"
        try:
            listed = self._broker.client.list_topics(timeout=self.left).topics
        except confluent_kafka.KafkaException as error:
            raise self._error(what, _ON_TOPIC, client_error(error)) from error
        return {name: len(topic.partitions) for name, topic in listed.items() if not topic.error}

    def group_names(self, question: Question) -> list[str]:
        """The named groups, and all that there are of the patterns."""
        if not question.has_patterns:
            return sorted(set(question.groups))
        what, client = "listing the groups", self._broker.client
        answers = self._ask(
            what,
            _ON_GROUP,
            [""],
            lambda _: {"": client.list_consumer_groups(request_timeout=self.left)},
        )
        listed = answers[""].valid or () if answers else ()
        # Each broker knows its own groups: those of one that does not answer are missing.
        for error in (answers[""].errors or ()) if answers else ():
            self.failures.append(self._error(what, _ON_GROUP, client_error(error)))
        found = {one.group_id for one in listed if question.wants_group(one.group_id)}
        return sorted(found.union(question.named_groups))

    def groups(self, names: Sequence[str]) -> Iterator[Group]:
        """Yields the groups that can be read."""
        client = self._broker.client
        committed = self._ask(
            "reading the offsets of group",
            _ON_GROUP,
            names,
            # Brokers take one group a request.
            lambda left: {
                name: client.list_consumer_group_offsets(
                    [ConsumerGroupTopicPartitions(name)], request_timeout=self.left
                )[name]
                for name in left
            },
        )
        described = self._ask(
            "describing group",
            _ON_GROUP,
            names,
            lambda left: client.describe_consumer_groups(list(left), request_timeout=self.left),
        )
        for name in names:
            if name in committed and name in described:
                yield _group(name, committed[name], described[name])

    def edges(self, partitions: Collection[Partition], isolation: str) -> dict[Partition, Edges]:
        """The offsets of partitions, as a consumer of that isolation sees them."""
        latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        earliest: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
        starts = self._offsets(partitions, earliest, IsolationLevel.READ_UNCOMMITTED)
        highs = self._offsets(starts, latest, IsolationLevel.READ_UNCOMMITTED)
        ends = highs
        if isolation == "read_committed":
            ends = self._offsets(highs, latest, IsolationLevel.READ_COMMITTED)
        # The end came last: a record in between moves it behind the high watermark.
        return {one: Edges(starts[one], end, max(end, highs[one])) for one, end in ends.items()}

    def _offsets(
        self, partitions: Collection[Partition], spec: OffsetSpec, level: IsolationLevel
    ) -> dict[Partition, int]:
        client = self._broker.client

        def request(left: Sequence[Partition]) -> dict[Partition, Future[Any]]:
            asked = {TopicPartition(*one): spec for one in left}
            sent = client.list_offsets(asked, isolation_level=level, request_timeout=self.left)
            return {Partition(key.topic, key.partition): one for key, one in sent.items()}

        what = "reading the offsets of partition"
        answers = self._ask(what, _ON_TOPIC, sorted(partitions), request)
        return {partition: int(answer.offset) for partition, answer in answers.items()}

    def _ask(
        self,
        what: str,
        right: str,
        keys: Sequence[_K],
        request: Callable[[Sequence[_K]], Mapping[_K, Future[Any]]],
    ) -> dict[_K, Any]:
        """The answers by what was asked for; what is busy is asked again till the deadline."""
        answers: dict[_K, Any] = {}
        left = list(keys)
        while left:
            refused: dict[_K, confluent_kafka.KafkaError] = {}
            for key, future in request(left).items():
                try:
                    answers[key] = future.result()
                except confluent_kafka.KafkaException as error:
                    refused[key] = client_error(error)
            is_over = time.monotonic() >= self._deadline
            left = [key for key, one in refused.items() if not is_over and one.code() in BUSY]
            for key in refused.keys() - set(left):
                name = f"{what} {_text(key)!r}" if key else what
                self.failures.append(self._error(name, right, refused[key]))
            if left:
                time.sleep(_PAUSE_SECONDS)
        return answers

    def _error(self, what: str, right: str, error: confluent_kafka.KafkaError) -> KamiError:
        return error_for(self._broker.brokers, what, right, error)


def _group(name: str, committed: Any, described: Any) -> Group:
    is_dead = described.state == ConsumerGroupState.DEAD
    members = () if is_dead else tuple(described.members)
    return Group(
        name,
        len(members),
        {
            Partition(one.topic, one.partition): one.offset
            for one in committed.topic_partitions or ()
            if one.offset >= 0
        },
        frozenset(
            Partition(one.topic, one.partition)
            for member in members
            for one in (member.assignment.topic_partitions if member.assignment else ())
        ),
    )


def _text(key: object) -> object:
    return f"{key.topic} {key.number}" if isinstance(key, Partition) else key
