"""Messages sent to a topic and confirmed: what was not, and whose fault it is."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import confluent_kafka
import pyarrow as pa
from confluent_kafka import KafkaException, Producer

from pipeline_io.kafka_errors import KafkaConfigError, client_error
from pipeline_io.kafka_library import library
from pipeline_io.kafka_native_producer import NativeProducer, is_possible
from pipeline_io.kafka_relogin import Relogin
from pipeline_io.kafka_write_config import LINGER_MS, TopicSink
from pipeline_io.kafka_write_errors import REFUSED, Failed, stops, write_error
from pipeline_io.kafka_write_messages import Message, check_columns, messages_of
from pipeline_io.kafka_write_wait import Patience

_POLL_SECONDS = 0.2
_CLOSE_SECONDS = 2.0
# How much of a full queue is waited for before the next message is tried.
_ROOM = 0.9
# Short, since messages that arrive are no news.
_ROOM_SECONDS = 0.02
FEW_ROWS = 500
"""A batch of fewer is sent at once: nothing comes so soon that would fill its request."""
_PUSH_SECONDS = 0.001

_Report = functools.partial[None]


class TopicProducer:
    """Sends messages, each with its number within the bundle. For one thread at a time.

    After an exception it is of no more use: close it, and make another.

    Args:
        one_by_one: sends a request for each message, so that what a broker refuses is about that
            message alone. Some ten times slower.
        with_own_headers: `send` is called, for messages that bring headers of their own.

    Raises KafkaConfigError, SecretError.
    """

    def __init__(
        self,
        sink: TopicSink,
        max_message_bytes: int | None,
        *,
        one_by_one: bool = False,
        with_own_headers: bool = False,
    ) -> None:
        self.sink = sink
        self._one_by_one = one_by_one
        self._patience = Patience(sink)
        self._failed: list[Failed] = []
        self._stopped: Failed | None = None
        # Made once and used again for every bundle: an object a message keeps Python's garbage
        # collector as busy as sending does.
        self._reports: list[_Report] = []
        config = sink.producer_config(max_message_bytes)
        config["error_cb"] = self._patience.on_error
        if one_by_one:
            config |= {"batch.num.messages": 1, "linger.ms": 0}
        # Who sets the property has a reason, and what does not wait needs no push.
        self._pushes = config["linger.ms"] == LINGER_MS
        try:
            self._producer = self._made(config, sink.headers or with_own_headers)
        except KafkaException as error:
            message = (
                f"{sink}: the client library does not take the sink's properties: "
                f"{client_error(error).str()}; correct them"
            )
            raise KafkaConfigError(message) from error
        relogin = Relogin(config, sink.cluster.password_reference)
        relogin.watch(self._producer)
        self._patience.log_in_by(relogin)

    @property
    def is_idle(self) -> bool:
        """Whether all that was sent is settled."""
        return len(self._producer) == 0 and not self._failed

    def _made(self, config: dict[str, Any], with_headers: object) -> Any:
        """The library's own function for many messages takes no headers."""
        native = library()
        if native is None or with_headers or not is_possible(config):
            return Producer(config)
        return NativeProducer(native, config, self.sink.topic, self._report)

    def send_rows(self, rows: pa.RecordBatch, first: int) -> None:
        """Hands over SINK_ROWS, numbered from `first`; waits while the queue is full.

        Raises KafkaError: no room for too long, or an error that would meet every message.
        TypeError: other columns than SINK_ROWS'.
        """
        if not isinstance(self._producer, NativeProducer):
            self.send(messages_of(rows, self.sink.headers), first, rows.num_rows)
            return
        check_columns(rows)
        if self.is_idle:
            self._patience.begin()
        start: int | None = 0
        while start is not None:
            left, number = rows.slice(start), first + start
            settled = self._producer.produce_rows(left["payload"], left["key"], number)
            for row, error in settled.refused:
                # By the library itself, before it came into a request.
                self._fail(Failed(number + row, error, alone=True))
            full = settled.first_without_room
            start = None if full is None else start + full
            if start is not None:
                self._make_room()
        self._told(rows.num_rows)

    def send(self, messages: Iterable[Message], first: int, count: int) -> None:
        """The same for messages.

        Raises KafkaError: no room for too long, or an error that would meet every message.
        """
        topic, produce = self.sink.topic, self._producer.produce
        if self.is_idle:
            self._patience.begin()
        reports = self._reports_for(first, count)
        for report, (value, key, headers) in zip(reports, messages, strict=True):
            try:
                # Partition, callback, on_delivery and timestamp by position: names cost a third.
                produce(topic, value, key, -1, report, None, 0, headers)
            except (BufferError, KafkaException) as error:
                self._again(error, report, (value, key, headers))
        self._told(count)

    def _told(self, count: int) -> None:
        """Takes news of what was handed over, after so many messages more."""
        if self._pushes and 0 < count < FEW_ROWS:
            # The library ends its wait for more messages where somebody waits for it.
            self._producer.flush(_PUSH_SECONDS)
        else:
            self._producer.poll(0)
        self._raise_stop()

    def confirm(self) -> list[Failed]:
        """Returns when every message is settled: those that a broker refuses, in their order.

        Raises KafkaError: brokers that stay away, or an error that would meet every message.
        """
        while left := self._producer.flush(_POLL_SECONDS):
            self._raise_stop()
            self._patience.check(left)
        self._raise_stop()
        failed, self._failed = self._failed, []
        return sorted(failed, key=lambda one: one.number)

    def close(self) -> None:
        """Drops what is not sent yet."""
        if isinstance(self._producer, NativeProducer):
            self._producer.close(_CLOSE_SECONDS)
            return
        self._producer.purge(blocking=False)
        self._producer.flush(_CLOSE_SECONDS)

    def _reports_for(self, first: int, count: int) -> list[_Report]:
        for number in range(len(self._reports), first + count):
            self._reports.append(functools.partial(self._report, number))
        return self._reports[first : first + count]

    def _report(
        self, number: int, error: confluent_kafka.KafkaError | None, _: object = None
    ) -> None:
        """The library's word on a message that it has given up."""
        if error is not None:
            self._fail(Failed(number, error, alone=self._one_by_one))

    def _fail(self, failed: Failed) -> None:
        error = failed.error
        if error.code() in REFUSED:
            self._failed.append(failed)
        elif self._stopped is None or stops(error):
            self._stopped = failed

    def _again(self, error: Exception, report: _Report, message: Message) -> None:
        value, key, headers = message
        while isinstance(error, BufferError):
            self._make_room()
            try:
                self._producer.produce(self.sink.topic, value, key, -1, report, None, 0, headers)
            except (BufferError, KafkaException) as next_error:
                error = next_error
            else:
                return
        if isinstance(error, KafkaException):
            # Refused by the library itself, before it came into a request.
            self._fail(Failed(report.args[0], client_error(error), alone=True))

    def _make_room(self) -> None:
        waiting = len(self._producer)
        while len(self._producer) > _ROOM * waiting:
            self._producer.poll(_ROOM_SECONDS)
            self._raise_stop()
            self._patience.check(len(self._producer))

    def _raise_stop(self) -> None:
        if self._stopped is None:
            return
        error = self._stopped.error
        # A message that timed out does not say why; the last failed connection does.
        why = error if stops(error) else self._patience.cause() or error
        raise write_error(self.sink, f"a message was given up ({error.name()})", why)
