"""Records by librdkafka's queue are those that the Python client hands over."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Iterator
from typing import Any

import confluent_kafka
import pyarrow as pa
import pytest
from confluent_kafka import KafkaError, Producer, TopicPartition

from pipeline_io import kafka_queue
from pipeline_io.kafka_positions import Partition
from pipeline_io.kafka_queue import ClientQueue, Handed, NativeQueue, RecordQueue, queue_of
from pipeline_io.record_schema import RECORD_SCHEMA
from tests.native_module import skip_without_native
from tests.stack.servers import Kafka
from tests.stack.topics import Topics

EOF = KafkaError._PARTITION_EOF  # noqa: SLF001


class Reading:
    """A consumer and its queue."""

    def __init__(self, brokers: str, kind: str) -> None:
        self.consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": brokers,
                "group.id": "reader",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
            }
        )
        self.queue: RecordQueue = (
            ClientQueue(self.consumer) if kind == "client" else queue_of(self.consumer)
        )
        assert isinstance(self.queue, NativeQueue) == (kind == "native")

    def stand_at(self, positions: dict[Partition, int]) -> None:
        self.queue.expect(list(positions))
        self.consumer.assign([TopicPartition(*key, at) for key, at in positions.items()])

    def to_ends(self, partitions: int, limit: int = 1_000) -> Handed:
        """All up to the ends of so many partitions."""
        found = Handed([], [])
        deadline = time.monotonic() + 30
        while sum(each.error.code() == EOF for each in found.told) < partitions:
            assert time.monotonic() < deadline
            batches, told = self.queue.read(limit, 1.0, 0.02)
            assert sum(batch.num_rows for batch in batches) <= limit
            found = Handed([*found.batches, *batches], [*found.told, *told])
        return found

    def close(self) -> None:
        self.queue.close()
        self.consumer.close()


@pytest.fixture(params=["client", "native"])
def reading(kafka: Kafka, request: pytest.FixtureRequest) -> Iterator[Reading]:
    if request.param == "native":
        skip_without_native()
    reading = Reading(kafka.brokers, request.param)
    yield reading
    reading.close()


@pytest.fixture(scope="module")
def filled(kafka: Kafka) -> Iterator[str]:
    """A topic of two partitions with all that a record can have."""
    topics = Topics(kafka)
    name = topics(partitions=2)
    producer = Producer({"bootstrap.servers": kafka.brokers, "enable.idempotence": True})
    chance = random.Random(7)
    headers: list[Any] = [None, None, [], [("a", b"1"), ("a", None)], [("ü", b"")]]
    for number in range(500):
        value = chance.choice([None, b"", chance.randbytes(chance.randrange(900))])
        key = chance.choice([None, b"", str(number).encode()])
        given = chance.choice(headers) if number >= 200 else None
        millis = 1_700_000_000_000 + number
        producer.produce(name, value, key, number % 2, timestamp=millis, headers=given)
    assert producer.flush(30) == 0
    yield name
    topics.close()


def rows_of(found: Handed) -> list[dict[str, Any]]:
    table: Any = pa.Table.from_batches(found.batches, RECORD_SCHEMA)
    table.validate(full=True)
    rows: list[dict[str, Any]] = table.sort_by([("partition", "ascending")]).to_pylist()
    return rows


def test_both_ways_hand_over_the_same_rows_and_ends(kafka: Kafka, filled: str) -> None:
    skip_without_native()
    found = {}
    for kind in ("client", "native"):
        reading = Reading(kafka.brokers, kind)
        reading.stand_at({Partition(filled, 0): 0, Partition(filled, 1): 3})
        handed = reading.to_ends(2, limit=70)
        found[kind] = rows_of(handed), sorted((told.key, told.offset) for told in handed.told)
        reading.close()
    assert len(found["native"][0]) == 497
    assert found["native"][1] == [((filled, 0), 250), ((filled, 1), 250)]
    # Of headers there is a word more: the client library knows none of a batch without any.
    for row in (row for rows, _ in found.values() for row in rows):
        row["headers"] = row["headers"] or None
    assert found["native"] == found["client"]


def test_another_place_gives_what_stands_there_and_nothing_of_before(
    reading: Reading, filled: str
) -> None:
    first, second = Partition(filled, 0), Partition(filled, 1)
    reading.stand_at({first: 0, second: 0})
    reading.queue.read(10, 5.0, 0.02)
    for start in (200, 100, 0):
        reading.stand_at({first: start})
        rows = rows_of(reading.to_ends(1))
        assert [row["offset"] for row in rows] == list(range(start, 250))
        assert {row["partition"] for row in rows} == {0}
    reading.consumer.incremental_unassign([TopicPartition(*first)])
    reading.queue.expect([second])
    reading.consumer.incremental_assign([TopicPartition(*second, 240)])
    assert [row["offset"] for row in rows_of(reading.to_ends(1))] == list(range(240, 250))


def test_an_offset_that_is_not_there_is_told(reading: Reading, filled: str) -> None:
    reading.stand_at({Partition(filled, 0): 9_999})
    deadline = time.monotonic() + 30
    told: list[Any] = []
    while not told and time.monotonic() < deadline:
        batches, told = reading.queue.read(10, 1.0, 0.02)
        assert batches == []
    ((key, _, error),) = told
    assert key == (filled, 0)
    assert error.code() == KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001
    assert "out of range" in error.str().lower()


def test_a_wait_without_a_record_ends(reading: Reading, topic: Topics) -> None:
    reading.stand_at({Partition(topic(), 0): 0})
    reading.to_ends(1)
    began = time.monotonic()
    assert reading.queue.read(10, 0.5, 0.02) == ([], [])
    assert 0.3 < time.monotonic() - began < 5


def test_large_records_make_smaller_batches(
    kafka: Kafka, topic: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without_native()
    monkeypatch.setattr(kafka_queue, "BATCH_BYTES", 100)
    name = topic()
    producer = Producer({"bootstrap.servers": kafka.brokers, "enable.idempotence": True})
    for size in (60, 50, 10, 200, 1, 1):
        producer.produce(name, b"x" * size)
    producer.flush(30)
    reading = Reading(kafka.brokers, "native")
    reading.stand_at({Partition(name, 0): 0})
    time.sleep(1)
    sizes = [
        [len(value or b"") for value in batch.column("value").to_pylist()]
        for batch in reading.to_ends(1).batches
    ]
    reading.close()
    assert [size for batch in sizes for size in batch] == [60, 50, 10, 200, 1, 1]
    assert all(len(batch) == 1 or sum(batch) <= 100 for batch in sizes)
    assert len(sizes) < 6


def test_a_consumer_may_be_let_go_before_it_is_closed(kafka: Kafka, filled: str) -> None:
    skip_without_native()
    reading = Reading(kafka.brokers, "native")
    reading.stand_at({Partition(filled, 0): 0})
    reading.queue.read(10, 5.0, 0.02)
    del reading
    gc.collect()


def test_a_queue_that_is_closed_says_so(kafka: Kafka) -> None:
    skip_without_native()
    reading = Reading(kafka.brokers, "native")
    reading.close()
    with pytest.raises(RuntimeError, match="closed"):
        reading.queue.read(10, 0.1, 0.02)


def test_a_client_that_is_laid_out_otherwise_is_read_by_itself(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first field of the Python object stands elsewhere, or is no object of the library."""
    skip_without_native()
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.brokers, "group.id": "r"})
    for address in (None, 0x10, id(consumer)):
        monkeypatch.setattr(kafka_queue, "_first_field", lambda _, found=address: found)
        assert isinstance(queue_of(consumer), ClientQueue)
    monkeypatch.undo()
    queue = queue_of(consumer)
    assert isinstance(queue, NativeQueue)
    queue.close()
    consumer.close()
    # A closed client has none any more.
    assert isinstance(queue_of(consumer), ClientQueue)
