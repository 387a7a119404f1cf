"""Running parts as tests see them: their endpoints, and switches to make trouble with."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

from tests.stack.stack import Stack


class Server:
    """A part that runs. Ports and data stay the same whatever is done to it.

    Args:
        stack: runs the part.
        name: of the part.
    """

    def __init__(self, stack: Stack, name: str) -> None:
        self.name = name
        self._stack = stack
        self._endpoints = stack.endpoints(name)
        self._disturbed = False

    def text(self, key: str) -> str:
        """An endpoint by its name."""
        return str(self._endpoints[key])

    def number(self, key: str) -> int:
        """An endpoint that is a number, by its name."""
        return int(self._endpoints[key])

    def pids(self) -> dict[str, int]:
        """The process ids of the part by the names of its processes."""
        started = self._stack.state().parts[self.name]
        return {name: process.pid for name, process in started.processes.items()}

    def log(self, process: str = "") -> Path:
        """Where a process of the part writes; without a name, the one named as the part."""
        return self._stack.log(process or self.name)

    def stop(self) -> None:
        """Ends it in good order; returns when it has ended."""
        self._disturbed = True
        self._stack.stop(self.name)

    def kill(self) -> None:
        """Ends it and all that it started by SIGKILL; returns when they have ended."""
        self._disturbed = True
        self._stack.signal(self.name, signal.SIGKILL)

    def start(self) -> None:
        """Starts it again after `stop` or `kill`; returns when it answers."""
        self._stack.start(self.name)
        self._disturbed = False

    def pause(self) -> None:
        """Freezes it: connections stay open and nothing answers."""
        self._disturbed = True
        self._stack.signal(self.name, signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on after `pause`."""
        self._stack.signal(self.name, signal.SIGCONT)
        self._disturbed = False

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """It is stopped within the block and answers again after it."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """It is frozen within the block."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def repair(self) -> None:
        """Undoes what a test did to it, so that the next one finds it running."""
        if self._disturbed:
            self.resume()
            self.start()


class Kafka(Server):
    """A broker; see tests/stack/kafka.py for its four ways in and its users."""

    @property
    def brokers(self) -> str:
        """Without authentication, `host:port`."""
        return self.text("brokers")

    @property
    def sasl_brokers(self) -> str:
        """PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, and OAUTHBEARER with unsigned tokens; no TLS."""
        return self.text("sasl_brokers")

    @property
    def tls_brokers(self) -> str:
        """TLS without SASL."""
        return self.text("tls_brokers")

    @property
    def sasl_tls_brokers(self) -> str:
        """The same mechanisms as `sasl_brokers`, within TLS."""
        return self.text("sasl_tls_brokers")

    @property
    def username(self) -> str:
        """A user that may do all."""
        return self.text("username")

    @property
    def password(self) -> str:
        return self.text("password")

    @property
    def ca(self) -> str:
        """PEM file of the authority of the broker's certificate."""
        return self.text("ca")


class Registry(Server):
    """A schema registry with Confluent's API."""

    @property
    def url(self) -> str:
        return self.text("url")


class DatabaseServer(Server):
    """A database server and its user that may do all."""

    driver: str

    @property
    def host(self) -> str:
        return self.text("host")

    @property
    def port(self) -> int:
        return self.number("port")

    @property
    def user(self) -> str:
        return self.text("user")

    @property
    def password(self) -> str:
        return self.text("password")

    def url_of(self, database: str) -> str:
        """SQLAlchemy's address of a database, with the password in it."""
        return f"{self.driver}://{self.user}:{self.password}@{self.host}:{self.port}/{database}"


class MySql(DatabaseServer):
    """MySQL 8."""

    driver = "mysql+pymysql"

    @property
    def url(self) -> str:
        """SQLAlchemy's address of the server, without a database."""
        return self.url_of("")


class Postgres(DatabaseServer):
    """PostgreSQL."""

    driver = "postgresql+psycopg"

    @property
    def url(self) -> str:
        """SQLAlchemy's address of the database postgres, that is always there."""
        return self.url_of("postgres")


class Connect(Server):
    """A Kafka Connect worker."""

    @property
    def url(self) -> str:
        return self.text("url")


class PubSub(Server):
    """Google's emulator of Pub/Sub."""

    @property
    def address(self) -> str:
        """What PUBSUB_EMULATOR_HOST is set to."""
        return self.text("address")

    @property
    def project(self) -> str:
        return self.text("project")


class Spanner(Server):
    """Google's emulator of Spanner. What it holds is gone after `stop` and `kill`."""

    @property
    def address(self) -> str:
        """What SPANNER_EMULATOR_HOST is set to."""
        return self.text("address")

    @property
    def project(self) -> str:
        return self.text("project")


class BigQuery(Server):
    """An emulator of BigQuery."""

    @property
    def project(self) -> str:
        return self.text("project")

    @property
    def rest_address(self) -> str:
        """Of datasets, tables and queries; with http:// before it, BIGQUERY_EMULATOR_HOST."""
        return self.text("rest_address")

    @property
    def storage_address(self) -> str:
        """Of the Storage API, by gRPC without TLS."""
        return self.text("storage_address")


class BeamJava(Server):
    """Beam's Java transforms: what expands them and what runs them."""

    @property
    def expansion_address(self) -> str:
        return self.text("expansion_address")

    @property
    def worker_address(self) -> str:
        return self.text("worker_address")


class Prism(Server):
    """Beam's Prism runner: a program that Beam starts."""

    @property
    def binary(self) -> str:
        return self.text("binary")


class Flink(Server):
    """Beam's job server with Flink in it."""

    @property
    def job_endpoint(self) -> str:
        return self.text("job_endpoint")


class FlinkHome(Server):
    """An installation of Flink, from which clusters are started (flink_cluster.py)."""

    @property
    def folder(self) -> Path:
        return Path(self.text("home"))
