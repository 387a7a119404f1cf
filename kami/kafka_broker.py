"""A connection to a Kafka cluster: questions that are asked again while it is busy."""

from __future__ import annotations

import collections
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import confluent_kafka
from confluent_kafka.admin import AdminClient

from kami.errors import ConfigurationError, UnreachableError
from kami.kafka_errors import AWAY, BUSY, LOGIN, client_error, error_for
from kami.topics_wanted import Wanted

WAIT_SECONDS = 15.0
"""A cluster that does not answer within this is told of: somebody waits for the command."""
_PAUSE_SECONDS = 0.2
_FIRST_SECONDS = 1.0
_ALL_DOWN = confluent_kafka.KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001
_ALL = "DESCRIBE on the cluster"

_K = TypeVar("_K")

# Takes the client library's own log lines: what matters of them is told as one sentence.
_QUIET = logging.getLogger("kami.kafka_client")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class Broker(contextlib.AbstractContextManager["Broker"]):
    """A cluster that answered once; a connection to it until `close`.

    A client that is left to the garbage collector can end the process: Python collects in whatever
    thread allocates, and the library aborts when it is a thread of that very client.

    Args:
        wanted: says where it is and how to log in.
        seconds: how long a busy or absent cluster is asked again.

    Raises:
        UnreachableError: nobody answers there.
        ConfigurationError: the properties or the login are not taken.
    """

    def __init__(self, wanted: Wanted, seconds: float = WAIT_SECONDS) -> None:
        self.brokers = wanted.brokers
        self.seconds = seconds
        self._errors: collections.deque[confluent_kafka.KafkaError] = collections.deque(maxlen=20)
        with contextlib.ExitStack() as failed:
            self.client = failed.enter_context(self._made(wanted))
            self._connect()
            self._exit = failed.pop_all()

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; nothing can be asked any more."""
        self._exit.close()

    def ask(
        self, what: str, right: str, request: Callable[[], Mapping[_K, Future[Any]]]
    ) -> dict[_K, Any]:
        """The answers by what was asked for; an answer that is an exception is in its place.

        Busy brokers are asked again, all of the request: it has to be one that can be repeated.

        Args:
            what, right: for messages, as in `error_for`.
            request: sends it.

        Raises:
            UnreachableError: it is busy for too long.
            KamiError: the request cannot be sent.
        """
        deadline = time.monotonic() + self.seconds
        while True:
            try:
                sent = request()
            except confluent_kafka.KafkaException as error:
                raise error_for(self.brokers, what, right, client_error(error)) from error
            answers = self._answers(sent)
            busy = [
                answer
                for answer in answers.values()
                if isinstance(answer, confluent_kafka.KafkaException)
                and client_error(answer).code() in BUSY
            ]
            if not busy:
                return answers
            if time.monotonic() > deadline:
                raise error_for(self.brokers, what, right, client_error(busy[0])) from busy[0]
            time.sleep(_PAUSE_SECONDS)

    def all(
        self, what: str, right: str, request: Callable[[], Mapping[_K, Future[Any]]]
    ) -> dict[_K, Any]:
        """The answers, none of them an exception. Raises KamiError for the first that is one."""
        answers = self.ask(what, right, request)
        for key, answer in answers.items():
            if isinstance(answer, confluent_kafka.KafkaException):
                name = f"{what} {_name(key)!r}" if key else what
                raise error_for(self.brokers, name, right, client_error(answer)) from answer
        return answers

    @staticmethod
    def _answers(sent: Mapping[_K, Future[Any]]) -> dict[_K, Any]:
        answers: dict[_K, Any] = {}
        for key, future in sent.items():
            try:
                answers[key] = future.result()
            except confluent_kafka.KafkaException as error:
                answers[key] = error
        return answers

    def _made(self, wanted: Wanted) -> AdminClient:
        config: dict[str, Any] = {
            # The client library's 100 ms and less fill memory with errors while nobody is there.
            "reconnect.backoff.ms": 250,
            "reconnect.backoff.max.ms": 2000,
            # A request that a frozen broker does not answer would take the library's minute.
            "socket.timeout.ms": max(1000, int(1000 * self.seconds)),
            **wanted.client,
            "bootstrap.servers": wanted.brokers,
            "error_cb": self._errors.append,
            "logger": _QUIET,
        }
        try:
            return AdminClient(config)
        except confluent_kafka.KafkaException as error:
            said = client_error(error).str()
            named = [name for name in wanted.client if f'"{name}"' in said]
            place = wanted.client_places.get(named[0]) if named else None
            message = (
                f"{place or wanted.path}: the properties of `client` are not taken: {said}; the "
                "names are librdkafka's"
            )
            raise ConfigurationError(message) from error

    def _connect(self) -> None:
        deadline = time.monotonic() + self.seconds
        timeout = min(_FIRST_SECONDS, self.seconds)
        while True:
            try:
                self.client.list_topics(timeout=timeout)
            except confluent_kafka.KafkaException as error:
                self.client.poll(0)
                for told in self._errors:
                    if told.code() in LOGIN:
                        raise error_for(self.brokers, "logging in", _ALL, told) from error
                left = deadline - time.monotonic()
                if left <= 0:
                    # That all brokers are down says less than why one is.
                    told_why = [one for one in self._errors if one.code() != _ALL_DOWN]
                    cause = told_why[-1] if told_why else client_error(error)
                    message = (
                        f"Kafka at {self.brokers} does not answer for {self.seconds:.0f} s: "
                        f"{cause.str()}; {AWAY}"
                    )
                    raise UnreachableError(message) from error
                timeout = min(2 * timeout, max(left, 0.1))
            else:
                return


def _name(key: object) -> object:
    return getattr(key, "name", None) or getattr(key, "topic", None) or key
