"""The lag of one cluster, again and again: connected anew after whatever went wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable

import confluent_kafka

from kami.errors import ConfigurationError, UnreachableError
from kami.kafka_broker import Broker
from kami.kafka_errors import AWAY, client_error
from kami.lag_oldest import OldestRecords
from kami.lag_question import Question
from kami.lag_reading import Reading, read_lag
from kami.topics_wanted import Wanted

# Takes the client library's own log lines: what matters of them is told as one sentence.
_QUIET = logging.getLogger("kami.lag_client")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class KafkaLag:
    """
    Args:
        connection: says where the cluster is and how to log in; asked at each connecting, so that
            a password that was changed is read again.
        seconds: how long a reading asks brokers that are busy or away.
    """

    def __init__(
        self, connection: Callable[[], Wanted], question: Question, seconds: float
    ) -> None:
        self._connection = connection
        self.question = question
        self._seconds = seconds
        self._connected: tuple[Broker, OldestRecords] | None = None

    def read(self) -> Reading:
        """The lag now.

        Raises:
            KamiError: nobody answers, or the connection cannot be used as it is.
        """
        broker, oldest = self._connect()
        try:
            return read_lag(broker, oldest, self.question, self._seconds)
        except confluent_kafka.KafkaException as error:
            self.close()
            said = client_error(error).str()
            message = f"Kafka at {broker.brokers}: reading the lag: {said}; {AWAY}"
            raise UnreachableError(message) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._connected:
            broker, oldest = self._connected
            self._connected = None
            broker.close()
            oldest.close()

    def _connect(self) -> tuple[Broker, OldestRecords]:
        if not self._connected:
            wanted = self._connection()
            broker = Broker(wanted, self._seconds)
            config = {
                "reconnect.backoff.ms": 250,
                "reconnect.backoff.max.ms": 2000,
                **wanted.client,
                "bootstrap.servers": wanted.brokers,
                "logger": _QUIET,
                "error_cb": _ignore,
            }
            try:
                oldest = OldestRecords(config, self.question.isolation)
            except confluent_kafka.KafkaException as error:
                broker.close()
                said = client_error(error).str()
                message = f"{wanted.path}: the properties of `client` are not taken: {said}"
                raise ConfigurationError(message) from error
            self._connected = broker, oldest
        return self._connected


def _ignore(_: confluent_kafka.KafkaError) -> None:
    """What matters is told by partitions that give no record."""
