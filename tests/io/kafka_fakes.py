"""A Kafka log in memory, and a consumer of it that behaves as the client library's does."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence
from typing import Any

import confluent_kafka
from confluent_kafka import Message, TopicPartition

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_partitions import PartitionReader
from pipeline_io.kafka_positions import Partition, PartitionRange, Positions
from pipeline_io.kafka_source import KafkaSource

CLUSTER = KafkaCluster("127.0.0.1:9092")
EOF = confluent_kafka.KafkaError._PARTITION_EOF  # noqa: SLF001
OUT_OF_RANGE = confluent_kafka.KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001


@dataclasses.dataclass
class FakeLog:
    """Offsets with a record by partition, with gaps between them, and where the partition ends."""

    offsets: dict[Partition, list[int]]
    ends: dict[Partition, int]
    firsts: dict[Partition, int] = dataclasses.field(default_factory=dict)

    def positions(self, *, endless: bool = False) -> Positions:
        return tuple(
            PartitionRange(*key, self.firsts.get(key, 0), None if endless else self.ends[key], "id")
            for key in sorted(self.offsets)
        )

    def append(self, key: Partition) -> int:
        """A record at the end of a partition; its offset."""
        offset = self.ends[key]
        self.offsets[key].append(offset)
        self.ends[key] = offset + 1
        return offset


class FakeConsumer:
    """confluent_kafka.Consumer over a FakeLog, partitions interleaved by chance."""

    def __init__(self, log: FakeLog, seed: int = 0) -> None:
        self.log = log
        self.chance = random.Random(seed)
        self.at: dict[Partition, int] = {}
        self.told_end: set[Partition] = set()
        self.assignments = 0
        self.closed = False

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.assignments += 1
        self.at = {}
        self.told_end = set()
        self.incremental_assign(partitions)

    def incremental_assign(self, partitions: Sequence[TopicPartition]) -> None:
        for each in partitions:
            key = Partition(each.topic, each.partition)
            assert key not in self.at, "assigned twice"
            self.at[key] = each.offset
            self.told_end.discard(key)

    def incremental_unassign(self, partitions: Sequence[TopicPartition]) -> None:
        for each in partitions:
            del self.at[Partition(each.topic, each.partition)]

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = -1
    ) -> tuple[int, int]:
        key = Partition(partition.topic, partition.partition)
        return self.log.firsts.get(key, 0), self.log.ends[key]

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        messages: list[Message] = []
        while len(messages) < num_messages:
            ready = [key for key in sorted(self.at) if self._has_news(key)]
            if not ready:
                break
            key = self.chance.choice(ready)
            offset = self._next(key)
            if self.at[key] < self.log.firsts.get(key, 0):
                messages.append(told(key, self.at[key], OUT_OF_RANGE))
                del self.at[key]
                # As the library does: nothing comes of it until it is assigned anew.
                self.at[key] = self.log.ends[key]
                self.told_end.add(key)
            elif offset is None:
                self.at[key] = self.log.ends[key]
                self.told_end.add(key)
                messages.append(told(key, self.log.ends[key], EOF))
            else:
                self.at[key] = offset + 1
                self.told_end.discard(key)
                messages.append(record(key, offset))
        return messages

    def _has_news(self, key: Partition) -> bool:
        return key not in self.told_end or self._next(key) is not None

    def _next(self, key: Partition) -> int | None:
        return next((at for at in self.log.offsets[key] if at >= self.at[key]), None)

    def close(self) -> None:
        self.closed = True


class Finalizer:
    """Beam's for one bundle: what is to be called when it is final."""

    def __init__(self) -> None:
        self.callbacks: list[Any] = []

    def register(self, callback: Any) -> None:
        self.callbacks.append(callback)


class Watermark:
    """Beam's manual watermark estimator, which refuses to go back."""

    def __init__(self) -> None:
        self.reached: Any = None

    def current_watermark(self) -> Any:
        return self.reached

    def set_watermark(self, timestamp: Any) -> None:
        assert self.reached is None or timestamp > self.reached
        self.reached = timestamp


def record(partition: Partition, offset: int, **given: Any) -> Message:
    """A record as the client library gives it; its value names it."""
    fields: dict[str, Any] = {
        "key": None,
        "value": f"{partition}@{offset}".encode(),
        "timestamp": (1, 1_000 + offset),
        **given,
    }
    return Message(topic=partition.topic, partition=partition.number, offset=offset, **fields)


def told(key: Partition, offset: int, code: int) -> Message:
    """What the library puts in place of a record."""
    error = confluent_kafka.KafkaError(code)
    return Message(topic=key.topic, partition=key.number, offset=offset, error=error)


def source(**given: Any) -> KafkaSource:
    return KafkaSource(CLUSTER, **{"topics": ("t",), **given})


def reader_of(
    consumer: FakeConsumer, configs: list[Mapping[str, object]] | None = None, **given: Any
) -> PartitionReader:
    """A reader with this consumer in place of a real one."""

    def make(config: Mapping[str, object]) -> FakeConsumer:
        if configs is not None:
            configs.append(config)
        return consumer

    return PartitionReader(source(**given), make)
