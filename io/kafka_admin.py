"""Questions to a cluster, asked again while it is busy, and answered soon if it is not there."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import confluent_kafka
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import TopicMetadata

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaError, client_error, error_for
from pipeline_io.kafka_health import Health
from pipeline_io.kafka_properties import ANY
from pipeline_io.kafka_relogin import Relogin

START_SECONDS = 15.0
"""A cluster that does not answer within this is told of: someone waits for the job to start."""
_FIRST_TIMEOUT_SECONDS = 2.0
_PAUSE_SECONDS = 0.3

_E = confluent_kafka.KafkaError
BUSY_CODES = frozenset(
    {
        _E.LEADER_NOT_AVAILABLE,
        _E.NOT_LEADER_FOR_PARTITION,
        _E.COORDINATOR_LOAD_IN_PROGRESS,
        _E.COORDINATOR_NOT_AVAILABLE,
        _E.NOT_COORDINATOR,
        _E.REQUEST_TIMED_OUT,
        _E.UNKNOWN_TOPIC_OR_PART,
        _E.NETWORK_EXCEPTION,
        _E._TIMED_OUT,  # noqa: SLF001  (the client's public names begin like this)
        _E._TRANSPORT,  # noqa: SLF001
        _E._ALL_BROKERS_DOWN,  # noqa: SLF001
        _E._WAIT_COORD,  # noqa: SLF001
        # "No leaders found": of all the partitions that were asked for, as a broker starts.
        _E._NOENT,  # noqa: SLF001
    }
)
"""What passes by itself: elections, coordinators that load, topics that were just made."""

_K = TypeVar("_K")


class KafkaAdmin(contextlib.AbstractContextManager["KafkaAdmin"]):
    """Asks a cluster. Made where it is used; holds a connection until `close`.

    A client that is left to the garbage collector can end the process: Python collects in whatever
    thread allocates, and the library aborts when it is a thread of that very client.
    """

    def __init__(self, cluster: KafkaCluster, seconds: float | None = None) -> None:
        seconds = START_SECONDS if seconds is None else seconds
        self.cluster = cluster
        self._seconds = seconds
        self._health = Health(cluster, "asking for its topics", seconds)
        config: dict[str, Any] = cluster.client_config(ANY)
        health, failed = self._health, threading.Event()

        def on_error(error: confluent_kafka.KafkaError) -> None:
            # It holds nothing that holds the client, which would outlive its last user.
            failed.set()
            health.on_error(error)

        config["error_cb"] = on_error
        self._failed = failed
        self._exit = contextlib.ExitStack()
        client = _made(cluster, lambda: AdminClient(config))
        self._client: AdminClient = self._exit.enter_context(client)
        relogin = Relogin(config, cluster.password_reference)
        relogin.watch(self._client)
        health.log_in_by(relogin)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; nothing can be asked any more."""
        self._exit.close()

    @property
    def client(self) -> AdminClient:
        return self._client

    @property
    def has_failed(self) -> bool:
        """Whether a connection of it has ever failed."""
        return self._failed.is_set()

    def serve(self) -> None:
        """Lets the client tell of errors since it was last asked, and renew a token that ends."""
        self._client.poll(0)
        self._health.show_password()

    def topics(self) -> dict[str, TopicMetadata]:
        """All topics that the user may see. Raises KafkaUnavailable, KafkaAccessError."""
        deadline = time.monotonic() + self._seconds
        timeout = _FIRST_TIMEOUT_SECONDS
        while True:
            try:
                return dict(self._client.list_topics(timeout=timeout).topics)
            except confluent_kafka.KafkaException as error:
                self._client.poll(0)
                self._health.raise_refusal()
                left = deadline - time.monotonic()
                if left <= 0:
                    cause = self._health.cause() or client_error(error)
                    what = f"no answer for {self._seconds:.0f} s"
                    raise error_for(self.cluster, what, cause) from error
                timeout = min(2 * timeout, max(left, 0.1))

    def ask(self, what: str, request: Callable[[], Mapping[_K, Future[Any]]]) -> dict[_K, Any]:
        """The answers to a request by what was asked for. Raises KafkaError.

        Args:
            what: for messages, such as "the offsets of".
            request: sends it; called again while the cluster is busy.
        """
        deadline = time.monotonic() + self._seconds
        while True:
            answers: dict[_K, Any] = {}
            failed: KafkaError | None = None
            cause: confluent_kafka.KafkaException | None = None
            busy = True
            for key, future in request().items():
                try:
                    answers[key] = future.result()
                except confluent_kafka.KafkaException as error:
                    inner = client_error(error)
                    if failed is None or inner.code() not in BUSY_CODES:
                        failed = error_for(self.cluster, f"{what} {key}", inner)
                        cause = error
                    busy = busy and inner.code() in BUSY_CODES
            if failed is None:
                return answers
            if not busy or time.monotonic() > deadline:
                raise failed from cause
            time.sleep(_PAUSE_SECONDS)


class KeptAdmins:
    """The clusters' clients of a block in which the same is asked again and again."""

    def __init__(self) -> None:
        self._admins: list[KafkaAdmin] = []

    def of(self, cluster: KafkaCluster) -> KafkaAdmin:
        """The one client for a cluster and its properties, as long as no connection of it fails."""
        for kept in self._admins:
            if kept.cluster == cluster:
                kept.serve()
                if not kept.has_failed:
                    return kept
                # The library may ask for a group's broker in vain for ever, though it is back.
                self._admins.remove(kept)
                kept.close()
                break
        self._admins.append(KafkaAdmin(cluster))
        return self._admins[-1]

    def forget(self) -> None:
        """The next question is asked with a new client, which reads its password anew."""
        while self._admins:
            self._admins.pop().close()


_KEPT: contextvars.ContextVar[KeptAdmins | None] = contextvars.ContextVar("kept", default=None)


@contextlib.contextmanager
def kept_admins() -> Iterator[KeptAdmins]:
    """Within the block `admin_of` gives this thread one client a cluster, again and again."""
    kept = KeptAdmins()
    token = _KEPT.set(kept)
    try:
        yield kept
    finally:
        _KEPT.reset(token)
        kept.forget()


@contextlib.contextmanager
def admin_of(cluster: KafkaCluster) -> Iterator[KafkaAdmin]:
    """The client that `kept_admins` keeps, or one for this block alone. Raises KafkaError."""
    kept = _KEPT.get()
    if kept is not None:
        yield kept.of(cluster)
        return
    with KafkaAdmin(cluster) as admin:
        yield admin


def _made(cluster: KafkaCluster, make: Callable[[], AdminClient]) -> AdminClient:
    try:
        return make()
    except confluent_kafka.KafkaException as error:
        raise error_for(cluster, "configuring a client", client_error(error)) from error
