"""Pulls a subscription in the background: batches of messages that stay held until they are
acknowledged or given back."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import grpc
import pyarrow as pa

from pipeline_io.pubsub_channel import open_channel
from pipeline_io.pubsub_errors import PubsubError
from pipeline_io.pubsub_held import HeldMessages
from pipeline_io.pubsub_keeper import Keeper
from pipeline_io.pubsub_pull_calls import SubscriberCalls
from pipeline_io.pubsub_records import message_batch
from pipeline_io.pubsub_stream import PullStream
from pipeline_io.pubsub_subscription import SubscriptionConfig
from pipeline_io.pubsub_subscription_errors import ReadOutage, unavailable_error

LINGER_SECONDS = 0.05
"""How long a batch waits to be filled: below what people notice, and enough where there is a
backlog."""
BATCH_BYTES = 32 * 2**20
"""Bytes of a batch at most, or one message: decoding and encoding hold a batch several times."""
END_SECONDS = 1.0
"""How long Pub/Sub has to end a stream that was asked to."""
CLOSE_SECONDS = 10.0
"""How long a thread is waited for."""


class Pulled(NamedTuple):
    """Messages (RECORD_SCHEMA) and their ids, row by row."""

    ids: list[str]
    batch: pa.RecordBatch


class Puller:
    """Reads one subscription with threads of its own. Safe to be used by several threads.

    Args:
        limited: whether no more is read than the config says may be outstanding. Where nothing is
            acknowledged before the end it is not: then that is the bound of what waits to be taken.
    """

    def __init__(
        self,
        config: SubscriptionConfig,
        *,
        limited: bool,
        connect: Callable[[SubscriptionConfig], grpc.Channel] = open_channel,
    ) -> None:
        self.config = config
        self._limited = limited
        self._changed = threading.Condition()
        self._held = HeldMessages()
        self._waiting: deque[Pulled] = deque()
        self._rows = 0
        self._bytes = 0
        self._error: PubsubError | None = None
        self._closed = threading.Event()
        self._channel = connect(config)
        self._calls = SubscriberCalls(self._channel, config)
        self._keeper = Keeper(config, self._calls, self._held, self._changed, self._fail)
        outage = ReadOutage(config)
        self._streams = [
            PullStream(config, self._calls, outage, self._receive, self._fail, limited=limited)
            for _ in range(config.streams)
        ]
        self._keeping = self._thread("keep", self._keeper.run)
        self._pulling = [self._thread("pull", stream.run) for stream in self._streams]

    def waiting(self) -> int:
        """Messages that can be taken now. Raises PubsubError where none can ever be."""
        with self._changed:
            self._raise_error()
            return self._rows

    def take(self, most: int, wait_seconds: float) -> Pulled | None:
        """The next messages, at most so many; None if there is none for so long.

        Raises PubsubError: the subscription is gone, may not be read, or Pub/Sub stays away.
        """

        def is_there() -> bool:
            return bool(self._rows or self._error or self._closed.is_set())

        def is_enough() -> bool:
            return bool(self._rows >= most or self._error or self._closed.is_set())

        with self._changed:
            if not self._changed.wait_for(is_there, wait_seconds):
                return None
            self._changed.wait_for(is_enough, LINGER_SECONDS)
            self._raise_error()
            return self._taken(most)

    def _taken(self, most: int) -> Pulled | None:
        ids: list[str] = []
        batches: list[pa.RecordBatch] = []
        size = 0
        while self._waiting and len(ids) < most and (not ids or size < BATCH_BYTES):
            first = self._waiting.popleft()
            if len(first.ids) > most - len(ids):
                cut = most - len(ids)
                self._waiting.appendleft(Pulled(first.ids[cut:], first.batch.slice(cut)))
                first = Pulled(first.ids[:cut], first.batch.slice(0, cut))
            ids += first.ids
            batches.append(first.batch)
            size += first.batch.nbytes
        self._rows -= len(ids)
        # Of a batch that was cut the halves have a bit more than the whole.
        self._bytes = max(0, self._bytes - size) if self._rows else 0
        self._changed.notify_all()
        if not batches:
            return None
        if len(batches) == 1:
            return Pulled(ids, batches[0])
        (whole,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
        return Pulled(ids, whole)

    def acknowledge(self, ids: Sequence[str]) -> None:
        """Says in the background that these messages are done with."""
        self._keeper.acknowledge(ids)

    def give_back(self, ids: Sequence[str]) -> None:
        """Lets Pub/Sub deliver these messages again, at once."""
        self._keeper.give_back(ids)

    def flush(self, timeout_seconds: float = 60.0) -> None:
        """Returns when all that was acknowledged has been taken by Pub/Sub. Raises PubsubError."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._keeper.is_idle or self._error is not None, timeout_seconds
            )
            self._raise_error()
            if not self._keeper.is_idle:
                said = "messages that were read are not acknowledged and will come again"
                raise unavailable_error(self.config, timeout_seconds, said)

    def close(self) -> None:
        """Gives back what nobody has acknowledged, and ends."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        for stream in self._streams:
            stream.close()
        for thread, stream in zip(self._pulling, self._streams, strict=True):
            thread.join(END_SECONDS)
            stream.cancel()
            thread.join(CLOSE_SECONDS)
        # Given back while a stream was open, messages would come by that stream again.
        self._keeper.close()
        self._keeping.join(CLOSE_SECONDS)
        self._channel.close()

    def _thread(self, name: str, run: Callable[[], None]) -> threading.Thread:
        def watched() -> None:
            try:
                run()
            except Exception as error:
                # Whatever it is: who takes messages must hear of it, or would wait for ever.
                message = f"{self.config}: reading has stopped: {type(error).__name__}: {error}"
                failed = PubsubError(message)
                failed.__cause__ = error
                self._fail(failed)

        thread = threading.Thread(target=watched, name=f"pubsub-{name}", daemon=True)
        thread.start()
        return thread

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _fail(self, error: PubsubError) -> None:
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def _receive(self, received: Any) -> None:
        messages = [each.message for each in received]
        ids = [message.message_id for message in messages]
        payloads = [message.data for message in messages]
        with self._changed:
            sizes = [len(payload) for payload in payloads]
            places = self._held.add(ids, [each.ack_id for each in received], sizes)
        if len(places) < len(ids):
            messages = [messages[place] for place in places]
            ids = [ids[place] for place in places]
            payloads = [payloads[place] for place in places]
        if not ids:
            return
        times = [message.publish_time for message in messages]
        batch = message_batch(
            self.config.path,
            ids,
            payloads,
            [at.seconds * 1_000 + at.nanos // 1_000_000 for at in times],
            [message.ordering_key for message in messages],
            [message.attributes for message in messages],
        )
        with self._changed:
            self._waiting.append(Pulled(ids, batch))
            self._rows += len(ids)
            self._bytes += batch.nbytes
            self._changed.notify_all()
        self._wait_for_room()

    def _wait_for_room(self) -> None:
        config = self.config

        def is_room() -> bool:
            rows, size = (
                (len(self._held), self._held.bytes) if self._limited else (self._rows, self._bytes)
            )
            room = rows < config.outstanding_messages and size < config.outstanding_bytes
            return room or self._closed.is_set() or self._error is not None

        with self._changed:
            while not self._changed.wait_for(is_room, CLOSE_SECONDS):
                pass
