"""Serves lag and backlog to Prometheus: read at each scrape, absent when it cannot be had."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from kami.errors import ConfigurationError, KamiError
from kami.lag_metrics import Answer, Samples, families

METRICS_PATH = "/metrics"
HEALTH_PATH = "/healthz"
_SHARED_SECONDS = 1.0
"""Two that scrape at the same time get the same reading."""

_App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Source(NamedTuple):
    """Something that is read at each scrape.

    Args:
        name: the label of what is said of the reading itself.
        answer: raises KamiError when nothing of it can be had.
    """

    name: str
    answer: Callable[[], Answer]


class LagCollector(Collector):
    """Prometheus' collector of sources.

    Args:
        say: is told of what could not be read, and not again while it stays so.
        clock: seconds.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = sources
        self._say = say
        self._clock = clock
        self._lock = threading.Lock()
        self._errors = {source.name: 0 for source in sources}
        self._told: dict[str, set[str]] = {source.name: set() for source in sources}
        self._away: set[str] = set()
        self._last: tuple[float, Samples] | None = None

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            if self._last is None or self._clock() - self._last[0] > _SHARED_SECONDS:
                samples: Samples = {}
                for source in self._sources:
                    samples |= self._read(source, samples)
                self._last = self._clock(), samples
            found = self._last[1]
        yield from families(found)

    def _read(self, source: Source, samples: Samples) -> Samples:
        begun = self._clock()
        labels = (source.name,)
        answer, is_up = Answer({}), 1
        try:
            answer = source.answer()
            failures = answer.failures
        except KamiError as error:
            failures, is_up = [error], 0
        self._errors[source.name] += len(failures)
        self._tell(source.name, [str(failure) for failure in failures], is_up=bool(is_up))
        own = {
            "kamiflow_lag_up": float(is_up),
            "kamiflow_lag_errors": float(self._errors[source.name]),
            "kamiflow_lag_reading_seconds": self._clock() - begun,
        }
        return answer.samples | {
            name: [*samples.get(name, ()), (labels, value)] for name, value in own.items()
        }

    def _tell(self, name: str, failures: Sequence[str], *, is_up: bool) -> None:
        if not is_up:
            # Each attempt has its own words for why nobody answers.
            if name not in self._away:
                self._say(failures[0])
            self._away.add(name)
            return
        if name in self._away:
            self._say(f"{name} answers again")
            self._away.discard(name)
        for text in sorted(set(failures) - self._told[name]):
            self._say(text)
        self._told[name] = set(failures)


class Server(socketserver.ThreadingMixIn, WSGIServer):
    """A thread a request: a health check is answered while a scrape waits for a broker."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A line a scrape tells nobody anything."""


def server(host: str, port: int, collector: Collector) -> Server:
    """Listens, and serves by `serve_forever`. Port 0 is any that is free.

    Raises:
        ConfigurationError: the address cannot be had.
    """
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        return make_server(host, port, _app(registry), server_class=Server, handler_class=_Quiet)
    except OSError as error:
        message = f"--listen {host}:{port}: {error.strerror or error}; name another address"
        raise ConfigurationError(message) from error


def _app(registry: CollectorRegistry) -> _App:
    metrics = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == METRICS_PATH:
            answer: Iterable[bytes] = metrics(environ, start_response)
            return answer
        status, text = "404 Not Found", f"there are {METRICS_PATH} and {HEALTH_PATH}\n"
        if path == HEALTH_PATH:
            # A broker that is away is no reason to start this anew.
            status, text = "200 OK", "ok\n"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [text.encode()]

    return app
