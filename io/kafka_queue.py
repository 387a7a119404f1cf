"""What a consumer hands over: batches of records, and what it tells in place of them."""

from __future__ import annotations

import ctypes
import logging
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import confluent_kafka
import pyarrow as pa
from confluent_kafka import KafkaError, Message

from pipeline_io.kafka_library import Library, library
from pipeline_io.kafka_positions import Partition
from pipeline_io.kafka_record_batch import BATCH_BYTES, record_batches
from pipeline_io.record_schema import RECORD_SCHEMA

try:
    from native import kamiflow_native
except ImportError:
    AVAILABLE = False
else:
    AVAILABLE = True

_LOGGER = logging.getLogger(__name__)

_TURN_SECONDS = 0.2
"""How long a wait lasts without a look at the client's callbacks and at signals."""
_FIRST_TURN_SECONDS = 0.005
"""The same, doubled each time, while a partition has told nothing since it was assigned."""
_RECORD_FUNCTIONS = (
    "rd_kafka_consume_batch_queue",
    "rd_kafka_message_destroy",
    "rd_kafka_message_timestamp",
    "rd_kafka_message_headers",
    "rd_kafka_header_get_all",
    "rd_kafka_topic_name",
    "rd_kafka_message_errstr",
)
_NAME_BYTES = 128
_CONSUMER_NAME = re.compile(rb".*#consumer-\d+\Z", re.DOTALL)


class Told(NamedTuple):
    """What the client library tells of a partition in place of a record: its end, an error."""

    key: Partition
    offset: int
    error: KafkaError


class Handed(NamedTuple):
    """Batches of RECORD_SCHEMA in the order of each partition, and what was told besides."""

    batches: list[pa.RecordBatch]
    told: list[Told]


class RecordQueue(Protocol):
    """The records of one consumer, for one thread at a time."""

    def expect(self, partitions: Sequence[Partition]) -> None:
        """To be called before these are assigned to the consumer."""

    def read(self, limit: int, wait_seconds: float, linger_seconds: float) -> Handed:
        """Up to `limit` records: waits for the first, and less long for the others."""

    def close(self) -> None:
        """To be called before the consumer is closed."""


def queue_of(consumer: Any) -> RecordQueue:
    """The fastest way to the records of a consumer that works here."""
    native = library()
    handle = _handle_of(consumer, native) if native is not None and AVAILABLE else None
    if native is None or handle is None:
        return ClientQueue(consumer)
    return NativeQueue(native, consumer, handle)


class ClientQueue:
    """By the Python client alone: some ten objects a record."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._topics: set[str] = set()

    def expect(self, partitions: Sequence[Partition]) -> None:
        self._topics.update(each.topic for each in partitions)

    def read(self, limit: int, wait_seconds: float, linger_seconds: float) -> Handed:
        messages = self._consumer.consume(1, wait_seconds)
        if messages and limit > 1:
            messages += self._consumer.consume(limit - 1, linger_seconds)
        return _handed(messages, next(iter(self._topics)) if len(self._topics) == 1 else None)

    def close(self) -> None:
        pass


def _handed(messages: list[Message], topic: str | None) -> Handed:
    told = [
        Told(_partition(message), int(message.offset() or 0), error)
        for message in messages
        if (error := message.error()) is not None
    ]
    if told:
        messages = [message for message in messages if message.error() is None]
    return Handed(record_batches(messages, topic) if messages else [], told)


def _partition(message: Message) -> Partition:
    return Partition(str(message.topic()), int(message.partition() or 0))


class NativeQueue:
    """By librdkafka's C API: a record is copied once, into the columns.

    The partitions' queues are led into one of our own, so that what the Python client serves
    itself, callbacks above all, stays in the client's queue. Where a partition is assigned anew,
    the library stops it some moments later, and leads its queue nowhere then: so they are led
    until the partition has been heard of. What is of an assignment before is filtered by the
    library.
    """

    def __init__(self, native: Library, consumer: confluent_kafka.Consumer, handle: int) -> None:
        self._library = native
        self._handle = handle
        # Whoever holds the queue holds the consumer: the library needs them destroyed in this
        # order.
        self._consumer = consumer
        self._queue: int = native.queue_new(handle)
        addresses = [native.address(name) for name in _RECORD_FUNCTIONS]
        self._reader = kamiflow_native.QueueReader(addresses, RECORD_SCHEMA, BATCH_BYTES)
        self._unheard: set[Partition] = set()

    def expect(self, partitions: Sequence[Partition]) -> None:
        self._unheard.update(partitions)
        self._lead(partitions)

    def _lead(self, partitions: Iterable[Partition]) -> None:
        for topic, partition in partitions:
            queue = self._library.queue_get_partition(self._handle, topic.encode(), partition)
            if not queue:
                # Its records come by the client's own queue, which is read as well.
                continue
            self._library.queue_forward(queue, self._queue)
            self._library.queue_destroy(queue)

    def read(self, limit: int, wait_seconds: float, linger_seconds: float) -> Handed:
        until = time.monotonic() + wait_seconds
        turn = _FIRST_TURN_SECONDS if self._unheard else _TURN_SECONDS
        while True:
            self._lead(self._unheard)
            if others := self._consumer.consume(limit, 0):
                return _handed(others, None)
            wait = max(0.0, min(turn, until - time.monotonic()))
            batches, news = self._reader.read(
                self._queue, limit, _milliseconds(wait), _milliseconds(linger_seconds)
            )
            told = [
                Told(Partition(topic, partition), offset, KafkaError(code, text))
                for topic, partition, code, offset, text in news
            ]
            if self._unheard:
                self._unheard.difference_update(_partitions_of(batches, told))
            if batches or told or time.monotonic() >= until:
                return Handed(batches, told)
            turn = min(2 * turn, _TURN_SECONDS)

    def close(self) -> None:
        queue, self._queue = self._queue, 0
        if queue:
            self._library.queue_destroy(queue)

    def __del__(self) -> None:
        if getattr(self, "_queue", 0):
            self.close()


def _partitions_of(batches: list[pa.RecordBatch], told: list[Told]) -> set[Partition]:
    found = {each.key for each in told}
    for batch in batches:
        rows = pa.Table.from_batches([batch.select(["topic", "partition"])])
        places = rows.group_by(["topic", "partition"]).aggregate([]).to_pylist()
        found |= {Partition(place["topic"], place["partition"]) for place in places}
    return found


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1_000)


def _handle_of(consumer: Any, native: Library) -> int | None:
    """The address of the library's own object of a consumer, which is the first thing in the
    Python object; None where that cannot be proved, or is of no use."""
    if type(consumer) is not confluent_kafka.Consumer:
        return None
    address = _first_field(consumer)
    try:
        name = _memory(native.name(address)) if address else b""
    except (OSError, OverflowError) as error:
        _LOGGER.debug("records are read by the Python client: %s", error)
        return None
    if address is None or not _CONSUMER_NAME.match(name.split(b"\0")[0]):
        _LOGGER.debug("records are read by the Python client: its objects are laid out otherwise")
        return None
    return address


def _first_field(consumer: Any) -> int | None:
    return ctypes.c_void_p.from_address(id(consumer) + object.__basicsize__).value


def _memory(address: int | None) -> bytes:
    """Of this process. Raises OSError where there is none: nobody can tell a wrong address by
    using it."""
    if not address:
        return b""
    with Path("/proc/self/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(_NAME_BYTES)
