"""Patience with brokers that are away: what is waited for is said, and the waiting ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import confluent_kafka

from pipeline_io.kafka_errors import ACCESS_CODES, KafkaUnavailable, next_step
from pipeline_io.kafka_relogin import Relogin
from pipeline_io.kafka_write_config import TopicSink
from pipeline_io.kafka_write_errors import write_error

_LOGGER = logging.getLogger(__name__)

WARN_SECONDS = 10.0
"""A leader is elected within this; what takes longer is worth a word."""
ACCESS_SECONDS = 10.0
"""Brokers that restart may refuse a user until they have loaded the users."""
GRACE_SECONDS = 60.0
"""The client library lets a request that is under way end after the delivery's time is up."""


class Patience:
    """Watches one producer between the messages it was given and their confirmation."""

    def __init__(self, sink: TopicSink, clock: Callable[[], float] = time.monotonic) -> None:
        self._sink = sink
        self._clock = clock
        self._waiting = 0
        self._since = self._warned = clock()
        self._cause: confluent_kafka.KafkaError | None = None
        self._relogin: Relogin | None = None

    def log_in_by(self, relogin: Relogin) -> None:
        """A refused login that it mends is no error."""
        self._relogin = relogin

    def on_error(self, error: confluent_kafka.KafkaError) -> None:
        """The client library's error_cb: about connections, not about messages."""
        if self._relogin is not None and self._relogin.mends(error):
            self._cause = None
            return
        # "All brokers down" follows the error that says why.
        down = error.code() == confluent_kafka.KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001
        if not down or self._cause is None:
            self._cause = error

    def begin(self) -> None:
        """From now on a silence counts."""
        self._waiting = 0
        self._progressed()

    def check(self, waiting: int) -> None:
        """Warns while no message of `waiting` is confirmed for a while; raises when it is too long.

        Raises KafkaAccessError, KafkaUnavailable.
        """
        if self._relogin is not None:
            self._relogin.show()
        if waiting != self._waiting:
            self._waiting = waiting
            self._progressed()
            return
        silence = self._clock() - self._since
        if self._cause is not None and self._cause.code() in ACCESS_CODES:
            if silence >= ACCESS_SECONDS:
                raise write_error(self._sink, "writing", self._cause)
        if silence >= self._sink.delivery_seconds + GRACE_SECONDS:
            message = (
                f"{self._sink}: no message was confirmed for {silence:.0f} s: {self._reason()}"
            )
            raise KafkaUnavailable(message)
        if silence >= WARN_SECONDS and self._clock() - self._warned >= WARN_SECONDS:
            self._warned = self._clock()
            _LOGGER.warning(
                "%s: %s messages wait, none was confirmed for %.0f s: %s; they are given up %.0f s "
                "after they were sent",
                self._sink,
                f"{waiting:,}",
                silence,
                self._reason(),
                self._sink.delivery_seconds,
                extra={"topic": self._sink.topic},
            )

    def cause(self) -> confluent_kafka.KafkaError | None:
        """The last error of a connection since a message was confirmed."""
        return self._cause

    def _progressed(self) -> None:
        self._since = self._warned = self._clock()
        self._cause = None

    def _reason(self) -> str:
        if self._cause is None:
            return "the brokers answer, but the topic's partitions have no leader to write to"
        return f"{self._cause.str()} ({self._cause.name()}); {next_step(self._cause.code())}"
