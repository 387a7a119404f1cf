"""A producer that takes a column of messages at a time, by librdkafka's C API.

Nothing but librdkafka is in between: of the Python client's producer each message is a call and a
tuple, and four times the processor's time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from confluent_kafka import KafkaError, KafkaException
from numpy.typing import NDArray

from pipeline_io.kafka_library import Library

_PRODUCER = 0
_EVENT_DELIVERY, _EVENT_ERROR = 0x1, 0x8
_COPY = 0x2
_PURGE = 0x1 | 0x2 | 0x4  # what is queued, what is on its way, without waiting
_ANY_PARTITION = -1
_TEXT_BYTES = 512
_QUEUE_FULL = KafkaError._QUEUE_FULL  # noqa: SLF001  (the client's public names begin like this)
_FATAL = KafkaError._FATAL  # noqa: SLF001
_CALLBACK = "error_cb"
_LOGGER = "logger"

# rd_kafka_message_t of rdkafka.h; `private` holds the message's number.
_MESSAGE = np.dtype(
    [
        ("error", np.int32),
        ("topic", np.uintp),
        ("partition", np.int32),
        ("payload", np.uintp),
        ("payload_bytes", np.uintp),
        ("key", np.uintp),
        ("key_bytes", np.uintp),
        ("offset", np.int64),
        ("private", np.uintp),
    ],
    align=True,
)


class Settled(NamedTuple):
    """What became of the messages that were handed over: those that the library refused itself, by
    their row, and the first row for which there was no room; None where there was for all."""

    refused: list[tuple[int, KafkaError]]
    first_without_room: int | None


def is_possible(config: Mapping[str, object]) -> bool:
    """Whether a configuration is of texts and numbers alone, but for the callback of errors."""
    return all(
        name in (_CALLBACK, _LOGGER) or isinstance(value, str | int | float)
        for name, value in config.items()
    )


class NativeProducer:
    """Writes to one topic; with the names of confluent_kafka.Producer. For one thread at a time.

    Args:
        config: as of confluent_kafka.Producer, with `delivery.report.only.error`; its `logger` is
            not told anything.
        report: is told of each message that was given up: its number, and why.

    Raises KafkaException: a property that the library does not take.
    """

    def __init__(
        self,
        library: Library,
        config: Mapping[str, Any],
        topic: str,
        report: Callable[[int, KafkaError], None],
    ) -> None:
        self._library = library
        self._report = report
        self._on_error: Callable[[KafkaError], None] = config[_CALLBACK]
        self._handle = self._queue = self._topic = 0
        text = ctypes.create_string_buffer(_TEXT_BYTES)
        settings = library.conf_new()
        library.conf_set_events(settings, _EVENT_DELIVERY | _EVENT_ERROR)
        library.conf_set_log_cb(settings, None)
        for name, value in config.items():
            if name in (_CALLBACK, _LOGGER):
                continue
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            if library.conf_set(settings, name.encode(), shown.encode(), text, _TEXT_BYTES):
                library.conf_destroy(settings)
                raise _refused_setting(text)
        self._handle = library.new(_PRODUCER, settings, text, _TEXT_BYTES) or 0
        if not self._handle:
            library.conf_destroy(settings)
            raise _refused_setting(text)
        self._queue = library.queue_get_main(self._handle)
        self._topic = library.topic_new(self._handle, topic.encode(), None)

    def __len__(self) -> int:
        """Messages that are not settled, and news of them."""
        return int(self._library.outq_len(self._handle))

    def produce_rows(self, payloads: Any, keys: Any, first: int) -> Settled:
        """Hands over a row for each message, numbered from `first`, in their order.

        Args:
            payloads: large_binary without NULL. keys: large_binary.
        """
        count = len(payloads)
        messages = np.zeros(count, _MESSAGE)
        messages["payload"], messages["payload_bytes"] = _places(payloads)
        messages["key"], messages["key_bytes"] = _places(keys)
        messages["private"] = np.arange(first, first + count)
        address = messages.ctypes.data
        taken = self._library.produce_batch(self._topic, _ANY_PARTITION, _COPY, address, count)
        if taken == count:
            return Settled([], None)
        refused: list[tuple[int, KafkaError]] = []
        for row in np.flatnonzero(messages["error"]).tolist():
            code = int(messages["error"][row])
            if code == _QUEUE_FULL:
                # The library takes none behind it either, so that the order is kept.
                return Settled(refused, row)
            refused.append((row, self._error(code)))
        return Settled(refused, None)

    def poll(self, seconds: float) -> None:
        """Tells what there is to tell; waits for it so long at most."""
        millis = int(seconds * 1_000)
        while event := self._library.queue_poll(self._queue, millis):
            millis = 0
            try:
                self._tell(event)
            finally:
                self._library.event_destroy(event)

    def flush(self, seconds: float) -> int:
        """Waits for so long at most until all is settled; the number of messages that are not."""
        self._library.flush(self._handle, int(seconds * 1_000))
        self.poll(0)
        return len(self)

    def set_sasl_credentials(self, user: str, password: str) -> None:
        """Shows the brokers another password, from the next connection on."""
        error = self._library.sasl_set_credentials(self._handle, user.encode(), password.encode())
        if error:
            told = self._library.error_string(error).decode()
            self._library.error_destroy(error)
            raise KafkaException(KafkaError(KafkaError._FAIL, told))  # noqa: SLF001

    def close(self, seconds: float) -> None:
        """Drops what is not sent, and ends; of no more use afterwards."""
        if not self._handle:
            return
        self._library.purge(self._handle, _PURGE)
        self.flush(seconds)
        self._destroy()

    def _destroy(self) -> None:
        handle, self._handle = self._handle, 0
        # In this order: the last waits for the library's threads.
        self._library.topic_destroy(self._topic)
        self._library.queue_destroy(self._queue)
        self._library.destroy(handle)

    def __del__(self) -> None:
        if getattr(self, "_topic", 0) and self._handle:
            self._library.purge(self._handle, _PURGE)
            self._destroy()

    def _tell(self, event: int) -> None:
        kind = self._library.event_type(event)
        if kind == _EVENT_ERROR:
            code = self._library.event_error(event)
            told = self._library.event_error_string(event) or b""
            self._on_error(self._error(code, told.decode(errors="replace")))
        elif kind == _EVENT_DELIVERY:
            while address := self._library.event_message_next(event):
                message = np.ctypeslib.as_array(
                    (ctypes.c_uint8 * _MESSAGE.itemsize).from_address(address)
                ).view(_MESSAGE)[0]
                if message["error"]:
                    self._report(int(message["private"]), self._error(int(message["error"])))

    def _error(self, code: int, told: str | None = None) -> KafkaError:
        if code == _FATAL:
            text = ctypes.create_string_buffer(_TEXT_BYTES)
            code = self._library.fatal_error(self._handle, text, _TEXT_BYTES)
            return KafkaError(code, text.value.decode(errors="replace"), fatal=True)
        if told is None:
            told = self._library.err2str(code).decode()
        return KafkaError(code, told)


def _places(column: Any) -> tuple[NDArray[np.uintp], NDArray[np.uintp]]:
    """The address and the bytes of each value of a large_binary column, 0 and 0 of a NULL."""
    if len(column) == column.null_count:
        nothing = np.zeros(len(column), np.uintp)
        return nothing, nothing
    _, places, values = column.buffers()
    start, end = column.offset, column.offset + len(column) + 1
    offsets = np.frombuffer(places, np.int64)[start:end].astype(np.uintp)
    # A value without a byte is none, and no NULL: its address must not be 0.
    address = values.address if values is not None and values.address else _NOT_NULL.ctypes.data
    found, sizes = offsets[:-1] + np.uintp(address), np.diff(offsets)
    if column.null_count:
        is_null = pa.compute.is_null(column).to_numpy(zero_copy_only=False)
        found[is_null] = sizes[is_null] = 0
    return found, sizes


_NOT_NULL = np.zeros(1, np.uint8)


def _refused_setting(text: ctypes.Array[ctypes.c_char]) -> KafkaException:
    return KafkaException(KafkaError(KafkaError._INVALID_ARG, text.value.decode()))  # noqa: SLF001
