"""Whether the brokers are there: what the client library says of them, and how long ago."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import confluent_kafka
import orjson

from pipeline_io.kafka_errors import (
    ACCESS_CODES,
    KafkaUnavailable,
    error_for,
    next_step,
)
from pipeline_io.kafka_relogin import Relogin

_LOGGER = logging.getLogger(__name__)

STATISTICS_MS = 10_000
"""How often the client library tells how many bytes came from the brokers."""
WARN_SECONDS = 30.0
"""Brokers elect a leader and restart within this; what takes longer is worth a word."""


class Health:
    """Watches one client: gives its callbacks, warns of silence, and ends it.

    A silence is time in which neither a record came nor, where none is expected, a broker's answer.
    """

    def __init__(
        self,
        cluster: object,
        what: str,
        stall_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._what = what
        self._stall_seconds = stall_seconds
        self._clock = clock
        self._received = -1
        self._answered = self._progressed = clock()
        self._warned = 0.0
        self._cause: confluent_kafka.KafkaError | None = None
        self._relogin: Relogin | None = None

    def log_in_by(self, relogin: Relogin) -> None:
        """A refused login that it mends is no error."""
        self._relogin = relogin

    def callbacks(self) -> dict[str, object]:
        """The part of a client's configuration by which this object is told."""
        return {
            "error_cb": self.on_error,
            "stats_cb": self.on_statistics,
            "statistics.interval.ms": STATISTICS_MS,
        }

    def on_error(self, error: confluent_kafka.KafkaError) -> None:
        if self._relogin is not None and self._relogin.mends(error):
            self._cause = None
            return
        # "All brokers down" follows the error that says why.
        down = error.code() == confluent_kafka.KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001
        if not down or self._cause is None:
            self._cause = error

    def on_statistics(self, text: str) -> None:
        brokers = orjson.loads(text).get("brokers", {})
        received = sum(broker.get("rxbytes", 0) for broker in brokers.values())
        if received > self._received >= 0:
            self._answered = self._clock()
            self._cause = None
        self._received = received

    def on_progress(self) -> None:
        """Records came, or the word that there are none."""
        self._progressed = self._answered = self._clock()
        self._warned = 0.0
        self._cause = None

    def skip(self, seconds: float) -> None:
        """Time in which nobody listened to the brokers is no silence of theirs."""
        self._progressed += seconds
        self._answered += seconds

    def show_password(self) -> None:
        """Shows a password that was rotated, if there is one. Not from a callback."""
        if self._relogin is not None:
            self._relogin.show()

    def raise_refusal(self) -> None:
        """KafkaAccessError if a broker has refused the client."""
        self.show_password()
        cause = self._cause
        if cause is not None and cause.code() in ACCESS_CODES:
            raise error_for(self._cluster, self._what, cause)

    def check(self, *, waiting: bool, at: str = "") -> None:
        """Warns of a silence; raises KafkaUnavailable when it has lasted too long.

        Args:
            waiting: records are known to be there, so that an answer without any is no progress.
            at: names what is waited for.
        """
        self.show_password()
        now = self._clock()
        if not waiting:
            self._progressed = now
        since = now - (self._progressed if waiting else self._answered)
        if since < min(WARN_SECONDS, self._stall_seconds):
            return
        self.raise_refusal()
        silence = (
            f"{self._cluster}: {self._what}: no {'record' if waiting else 'answer'} for "
            f"{since:.0f} s{f' at {at}' if at else ''}: {self._reason()}"
        )
        if since >= self._stall_seconds:
            raise KafkaUnavailable(silence)
        if now - self._warned >= WARN_SECONDS or not self._warned:
            self._warned = now
            _LOGGER.warning(
                "%s; the job waits, and stops after %.0f s", silence, self._stall_seconds
            )

    def _reason(self) -> str:
        if self._cause is None:
            return (
                "the brokers answer, so the partition has no leader, or the records cannot be read"
            )
        return f"{self._cause.str()} ({self._cause.name()}); {next_step(self._cause.code())}"

    def cause(self) -> confluent_kafka.KafkaError | None:
        """The last error of a connection, if no answer came since."""
        return self._cause
