"""What has arrived at a sink, how much and when: of a topic of Kafka or of Pub/Sub."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import confluent_kafka
from google.api_core.exceptions import DeadlineExceeded, GoogleAPICallError
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.types import PullRequest, PullResponse

from tests.benchmarks.live_processes import usage_of
from tests.stack.servers import Kafka, PubSub
from tests.stack.topics import PubSubTopic, Topics, fresh_pubsub_topic, subscriber

_PULL_SECONDS = 5.0
_LATE_SECONDS = 120.0
_PULL_MESSAGES = 1_000
_PULLING_THREADS = 1
"""The emulator gives a hundred messages a pull, and two pullers are slower than one: 10,000
messages/s against 28,000, and 1,200 where a million wait."""
_REST_SECONDS = 3.0
_REST_SHARE = 0.1
_PATIENCE_SECONDS = 30.0
_ASK_SECONDS = 20.0


class SinkGone(RuntimeError):
    """A sink does not tell any more what has arrived."""


class Arrived(NamedTuple):
    """A message, and when the sink had it, in milliseconds since 1970-01-01 UTC."""

    payload: bytes
    at_millis: float


class LiveSink(Protocol):
    """A new topic that a job writes to.

    topic: its name.
    """

    @property
    def topic(self) -> str: ...

    def count(self) -> int:
        """How many messages have arrived. Raises SinkGone."""

    def span_seconds(self) -> float:
        """From the first message's arrival to the last one's."""

    def messages(self) -> list[Arrived]:
        """All that have arrived."""


class KafkaSink:
    """A topic of one partition, whose messages have the time of the broker."""

    def __init__(self, brokers: str, topic: str) -> None:
        self.topic = topic
        self._place = confluent_kafka.TopicPartition(topic, 0, 0)
        self._consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": brokers,
                "group.id": "benchmark",
                "enable.auto.commit": False,
                # Nothing is fetched before somebody asks for the messages.
                "queued.max.messages.kbytes": 16_384,
            }
        )

    def count(self) -> int:
        found = self._consumer.get_watermark_offsets(self._place, timeout=_ASK_SECONDS)
        return int(found[1]) if found else 0

    def span_seconds(self) -> float:
        first, last = (self._read(start, 1)[0] for start in (0, self.count() - 1))
        return (last.at_millis - first.at_millis) / 1000

    def messages(self) -> list[Arrived]:
        return self._read(0, self.count())

    def _read(self, start: int, count: int) -> list[Arrived]:
        self._consumer.assign([confluent_kafka.TopicPartition(self.topic, 0, start)])
        found: list[Arrived] = []
        while len(found) < count:
            for message in self._consumer.consume(min(5_000, count - len(found)), _ASK_SECONDS):
                found.append(Arrived(message.value() or b"", message.timestamp()[1]))
        self._consumer.unassign()
        return found

    def close(self) -> None:
        self._consumer.close()


class PubSubSink:
    """A topic of the emulator, whose messages have the time at which they were published.

    Args:
        keep: whether messages are kept and pulled all the time; or their number and times alone,
            pulled when the emulator has come to rest, so that pulling takes nothing from the job.
    """

    def __init__(self, pubsub: PubSub, topic: PubSubTopic, *, keep: bool) -> None:
        self.topic = topic.name
        self._subscription = topic.subscription
        self._keep = keep
        self._kept: list[Arrived] = []
        self._seen: set[str] = set()
        self._first, self._last = float("inf"), 0.0
        self._error: GoogleAPICallError | None = None
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._pull_on, args=(pubsub,), daemon=True)
            for _ in range(_PULLING_THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def _await_rest(self, pid: int) -> None:
        """Returns when the emulator was busy and is not any more, or has had nothing to do."""
        began = usage_of(pid).cpu_seconds
        late = time.monotonic() + _PATIENCE_SECONDS
        before = began
        while not self._closed.wait(_REST_SECONDS):
            now = usage_of(pid).cpu_seconds
            rests = now - before < _REST_SHARE * _REST_SECONDS
            if rests and (now - began > 1.0 or time.monotonic() > late):
                return
            before = now

    def _pull_on(self, pubsub: PubSub) -> None:
        if not self._keep:
            self._await_rest(pubsub.pids()["pubsub"])
        with subscriber(pubsub) as client:
            while not self._closed.is_set() and self._error is None:
                try:
                    self._take(client)
                except GoogleAPICallError as error:
                    self._error = error

    def _take(self, client: SubscriberClient) -> None:
        request = PullRequest(subscription=self._subscription, max_messages=_PULL_MESSAGES)
        try:
            answer = client.pull(request, timeout=_PULL_SECONDS, retry=None)
        except DeadlineExceeded:
            return
        # Without the wrapper around each message, which costs more than all the rest.
        received: Any = PullResponse.pb(answer).received_messages
        if not received:
            return
        times = [
            one.message.publish_time.seconds * 1000 + one.message.publish_time.nanos / 1e6
            for one in received
        ]
        ids = [one.ack_id for one in received]
        client.acknowledge(subscription=self._subscription, ack_ids=ids)
        with self._lock:
            # A pull whose answer came too late is delivered again.
            new = [one.message.message_id not in self._seen for one in received]
            self._seen.update(one.message.message_id for one in received)
            self._first, self._last = min(self._first, *times), max(self._last, *times)
            if self._keep:
                data = (one.message.data for one in received)
                self._kept += itertools.compress(map(Arrived, data, times), new)

    def count(self) -> int:
        if self._error is not None:
            message = (
                f"Pub/Sub's emulator failed after {len(self._seen):,} messages ({self._error}); "
                "its log says why; out of memory, it needs fewer --pubsub_records"
            )
            raise SinkGone(message)
        return len(self._seen)

    def span_seconds(self) -> float:
        return (self._last - self._first) / 1000

    def messages(self) -> list[Arrived]:
        return self._kept

    def close(self) -> None:
        self._closed.set()
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def kafka_sink(kafka: Kafka, topics: Topics) -> Iterator[LiveSink]:
    sink = KafkaSink(
        kafka.brokers, topics(name="events", config={"message.timestamp.type": "LogAppendTime"})
    )
    try:
        yield sink
    finally:
        sink.close()


@contextlib.contextmanager
def pubsub_sink(pubsub: PubSub, *, keep: bool) -> Iterator[LiveSink]:
    with fresh_pubsub_topic(pubsub) as topic:
        sink = PubSubSink(pubsub, topic, keep=keep)
        try:
            yield sink
        finally:
            sink.close()


def settled(sink: LiveSink, records: int, quiet_seconds: float = 1.0) -> int:
    """The count, when it has reached `records` (or it is too late for that) and stays as it is."""
    late = time.monotonic() + _LATE_SECONDS
    count, since = sink.count(), time.monotonic()
    while time.monotonic() < (late if count < records else since + quiet_seconds):
        time.sleep(0.1)
        if sink.count() != count:
            count, since = sink.count(), time.monotonic()
    return count
