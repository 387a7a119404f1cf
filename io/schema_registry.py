"""Writer schemas by id, and ids for schemas, from a registry with the Confluent API."""

from __future__ import annotations

import dataclasses
import logging
import os
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

from pipeline_io.schema_registry_address import checked_urls, is_loopback, parse_urls
from pipeline_io.schema_registry_client import Patience, RegistryClient
from pipeline_io.schema_registry_errors import RegistryError, RegistryUnavailable, UnknownSchema
from pipeline_io.schema_registry_login import BasicLogin, BearerLogin, GoogleLogin, Login
from pipeline_io.schema_registry_session import RegistrySession, UnknownIds
from pipeline_io.schema_registry_tls import tls_context
from pipeline_io.secrets import SCHEMES, is_reference

_LOGGER = logging.getLogger(__name__)

__all__ = [
    "RegistryError",
    "RegistryUnavailable",
    "SchemaRegistry",
    "UnknownSchema",
    "topic_subject",
]


def topic_subject(topic: str, *, key: bool = False) -> str:
    """The subject of a topic's values or keys (Confluent's TopicNameStrategy)."""
    return f"{topic}-key" if key else f"{topic}-value"


@dataclasses.dataclass(frozen=True)
class SchemaRegistry:
    """A schema registry: Confluent's, Apicurio's (/apis/ccompat/v7), Managed Kafka's, Karapace.

    It pickles; each process connects for itself, with the first request, and its threads share
    the connections and what was fetched. There is one login, or none.

    Args:
        urls: the replicas, asked in this order; one that fails is last for a minute.
        username: for basic authentication, with password.
        password: reference of a secret (env://, file://, secret://), read where it is used.
        bearer_token: reference of a secret that holds a token.
        google_token: whether to show the token of the Google account that the job runs as.
        ca: whom to trust, in PEM: a path, or the reference of a secret. None: public authorities.
        certificate: the client's own, in PEM: a path, or the reference of a secret.
        key: of the certificate, likewise. None: it is in the certificate's file.
        key_password: reference of a secret.
        normalize: whether the registry brings schemas into a normal form to compare them.
        retry_seconds: how long a request is tried while no replica answers.
        unknown_id_tries: how often an unknown id is asked for before its records fail.
        unknown_id_wait_seconds: over how long.
        unknown_id_remembered_seconds: how long after that it fails without a request.
        cached_schemas: how many schemas a process keeps.

    Raises ValueError for settings that contradict each other; no secret is in the message.
    """

    urls: tuple[str, ...]
    username: str | None = None
    password: str | None = None
    bearer_token: str | None = None
    google_token: bool = False
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    key_password: str | None = None
    normalize: bool = False
    connect_timeout_seconds: float = 5.0
    timeout_seconds: float = 15.0
    retry_seconds: float = 300.0
    unknown_id_tries: int = 4
    unknown_id_wait_seconds: float = 2.0
    unknown_id_remembered_seconds: float = 10.0
    cached_schemas: int = 1000

    @classmethod
    def from_text(cls, urls: str, **settings: Any) -> SchemaRegistry:
        """The registry at the addresses of a comma-separated text."""
        return cls(parse_urls(urls), **settings)

    def __post_init__(self) -> None:
        object.__setattr__(self, "urls", checked_urls(self.urls))
        self._check_login()
        for name in ("connect_timeout_seconds", "timeout_seconds", "cached_schemas"):
            _at_least(name, getattr(self, name), 0, excluded=True)
        for name in ("retry_seconds", "unknown_id_wait_seconds", "unknown_id_remembered_seconds"):
            _at_least(name, getattr(self, name), 0)
        _at_least("unknown_id_tries", self.unknown_id_tries, 1)
        tls = (self.ca, self.certificate, self.key, self.key_password)
        if any(tls) and not any(url.startswith("https://") for url in self.urls):
            message = "schema registry: a CA or certificate is given, and no https:// address"
            raise ValueError(message)
        if (self.key or self.key_password) and not self.certificate:
            message = "schema registry: key is given without certificate; give both"
            raise ValueError(message)

    def schema(self, schema_id: int) -> str:
        """The schema of an id as JSON text, with the types of its references in it.

        Waits while the registry is away. A schema is fetched once in a process's life.

        Raises:
            UnknownSchema: (a LookupError) the registry has no such id, or no Avro schema of it.
            RegistryUnavailable: it stayed away for `retry_seconds`.
            RegistryError: credentials or address are wrong; the message says what to do.
        """
        return self._session().schema(schema_id)

    def register(self, subject: str, schema: str) -> int:
        """The id of the schema in the subject; a schema that is there already keeps its id.

        Raises:
            RegistryUnavailable: it stayed away for `retry_seconds`.
            RegistryError: the schema is invalid or incompatible with the subject's, or as `schema`.
        """
        return self._session().register(subject, schema, self.normalize)

    def check(self) -> None:
        """Returns if the registry can be reached and lets the job in, else raises RegistryError.

        For the start of a job: it tries for about ten seconds.
        """
        plain = [url for url in self.urls if url.startswith("http://") and not is_loopback(url)]
        if plain and (self.username or self.bearer_token):
            _LOGGER.warning(
                "schema registry %s: the login crosses the network unencrypted; use https://",
                ", ".join(plain),
            )
        self._session().check()

    def close(self) -> None:
        """Ends this process's connections and forgets what was fetched."""
        with _sessions.lock:
            session = _sessions.by_registry.pop(self, None)
        if session is not None:
            session.close()

    def describe(self) -> str:
        """One line for the start of a job: addresses, login, TLS. It holds no secret."""
        parts = [f"schema registry {self}", self._described_login()]
        if self.ca:
            parts.append(f"trusts {self.ca}")
        if self.certificate:
            parts.append(f"shows certificate {self.certificate}")
        if self.normalize:
            parts.append("normalizes schemas")
        return ", ".join(parts)

    def __str__(self) -> str:
        return ", ".join(self.urls)

    def open_session(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> RegistrySession:
        """Connections and caches of their own, for tests that move the clock."""
        # The public authorities take a while to read, and plain HTTP needs none of them.
        encrypted = any(url.startswith("https://") for url in self.urls)
        tls = (
            tls_context(self.ca, self.certificate, self.key, self.key_password)
            if encrypted
            else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )
        patience = Patience(
            self.retry_seconds,
            self.connect_timeout_seconds,
            self.timeout_seconds,
            forgiving=True,
        )
        unknown_ids = UnknownIds(
            self.unknown_id_tries,
            self.unknown_id_wait_seconds,
            self.unknown_id_remembered_seconds,
        )
        client = RegistryClient(self.urls, self._login(), tls, clock, sleep)
        return RegistrySession(client, patience, unknown_ids, self.cached_schemas, clock, sleep)

    def _session(self) -> RegistrySession:
        with _sessions.lock:
            session = _sessions.by_registry.get(self)
            if session is None:
                session = _sessions.by_registry[self] = self.open_session()
            return session

    def _login(self) -> Login:
        if self.username is not None and self.password is not None:
            return BasicLogin(self.username, self.password)
        if self.bearer_token is not None:
            return BearerLogin(self.bearer_token)
        return GoogleLogin() if self.google_token else Login()

    def _described_login(self) -> str:
        if self.username is not None:
            return f"as user {self.username!r} with the password of {self.password}"
        if self.bearer_token is not None:
            return f"with the token of {self.bearer_token}"
        return "with Google's token" if self.google_token else "without a login"

    def _check_login(self) -> None:
        if (self.username is None) != (self.password is None):
            message = "schema registry: username and password go together; give both or none"
            raise ValueError(message)
        given = [self.username is not None, self.bearer_token is not None, self.google_token]
        if sum(given) > 1:
            message = (
                "schema registry: more than one login; give username and password, or "
                "bearer_token, or google_token"
            )
            raise ValueError(message)
        for name in ("password", "bearer_token", "key_password"):
            value = getattr(self, name)
            if value is not None and not is_reference(value):
                # Never the value: it may be the secret itself.
                message = f"schema registry: {name} is no reference; expected {', '.join(SCHEMES)}"
                raise ValueError(message)
        if self.google_token:
            for url in self.urls:
                if url.startswith("http://") and not is_loopback(url):
                    message = f"schema registry {url}: Google's token is sent over https:// alone"
                    raise ValueError(message)


class _Sessions:
    """The sessions of this process."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.lock = threading.Lock()
        self.by_registry: dict[SchemaRegistry, RegistrySession] = {}


_sessions = _Sessions()
# Two processes must not talk over one connection, nor wait for a thread that only one of them has.
os.register_at_fork(after_in_child=_sessions.forget)


def _at_least(name: str, value: float, least: float, *, excluded: bool = False) -> None:
    if not value >= least or (excluded and value == least):
        expected = f"more than {least}" if excluded else f"at least {least}"
        message = f"schema registry: {name} is {value!r}; expected {expected}"
        raise ValueError(message)
