"""Connections to BigQuery: the real service with Google's credentials, or an emulator."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import google.auth
import google.auth.exceptions
import google.auth.transport.grpc
import google.auth.transport.requests
import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_errors import BigQueryAccessError

SERVICE = "/google.cloud.bigquery.storage.v1.BigQueryWrite/"

_SCOPES = ("https://www.googleapis.com/auth/bigquery",)

_OPTIONS = (
    # A request may have 10 MB, and gRPC's own bound would be another limit.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # Connections that a firewall has dropped are noticed; Google's service allows 30 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # gRPC waits up to two minutes before it connects again; what comes back shall be seen.
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


def open_channel(config: BigQueryConfig) -> grpc.Channel:
    """A channel to the Storage API; it connects when it is used.

    Raises BigQueryAccessError where Google's credentials are missing or revoked.
    """
    if config.emulator:
        return grpc.insecure_channel(config.emulator, options=_OPTIONS)
    session = google.auth.transport.requests.Request()
    transport: Any = google.auth.transport.grpc
    channel: grpc.Channel = transport.secure_authorized_channel(
        _credentials(config), session, config.address, options=_OPTIONS
    )
    return channel


def open_client(config: BigQueryConfig) -> bigquery.Client:
    """A client of datasets and tables.

    Raises BigQueryAccessError where Google's credentials are missing or revoked.
    """
    endpoint = {"api_endpoint": config.rest_endpoint} if config.rest_endpoint else {}
    anonymous: Any = AnonymousCredentials
    plain = config.rest_endpoint.startswith("http://")
    return bigquery.Client(
        project=config.project,
        credentials=anonymous() if plain else _credentials(config),
        location=config.location or None,
        client_options=endpoint,
    )


def _credentials(config: BigQueryConfig) -> Any:
    try:
        credentials, _ = google.auth.default(scopes=_SCOPES)
        _first_token(credentials)
    except google.auth.exceptions.GoogleAuthError as error:
        message = (
            f"{config}: there are no Google credentials that can be used "
            f"({type(error).__name__}: {error}); run `gcloud auth application-default login`, "
            "or give the workers a service account; for an emulator set BIGQUERY_EMULATOR_HOST"
        )
        raise BigQueryAccessError(message) from error
    return credentials


def _first_token(credentials: Any) -> None:
    try:
        if not credentials.valid:
            credentials.refresh(google.auth.transport.requests.Request())
    except google.auth.exceptions.GoogleAuthError as error:
        # Where the server of tokens is away, the calls that need one wait for it.
        away = isinstance(error, google.auth.exceptions.TransportError) or error.retryable
        if not away:
            raise


def ask(channel: grpc.Channel, method: str, resource: str, body: bytes, seconds: float) -> bytes:
    """The answer to one call of the Storage API. Raises grpc.RpcError.

    resource: what Google routes the call by, `parent=NAME` or `name=NAME`.
    """
    call: Any = channel.unary_unary(SERVICE + method)
    answer: bytes = call(body, timeout=seconds, metadata=_routed(resource))
    return answer


class Appends:
    """One open call of AppendRows: requests go out at once, answers come in the same order."""

    def __init__(self, channel: grpc.Channel, stream: str) -> None:
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[bytes | grpc.RpcError | None] = queue.SimpleQueue()
        open_call: Any = channel.stream_stream(SERVICE + "AppendRows")
        self._call: Any = open_call(self._bodies(), metadata=_routed(f"write_stream={stream}"))
        # A daemon: an interpreter that ends must not wait for answers.
        threading.Thread(target=self._read, name="bigquery-answers", daemon=True).start()

    @property
    def is_answered(self) -> bool:
        """Whether `answer` has something to give now."""
        return not self._answers.empty()

    def send(self, body: bytes) -> None:
        """Sends a serialised AppendRowsRequest; what goes wrong is told by `answer`."""
        self._requests.put(body)

    def answer(self, timeout_seconds: float) -> bytes | None:
        """The next serialised AppendRowsResponse; None when the server has ended the call.

        Raises grpc.RpcError when the call has failed, and TimeoutError.
        """
        try:
            found = self._answers.get(timeout=timeout_seconds)
        except queue.Empty:
            message = f"no answer came in {timeout_seconds:.0f} s"
            raise TimeoutError(message) from None
        if isinstance(found, grpc.RpcError):
            raise found
        return found

    def close(self) -> None:
        """Ends the call; what is not answered may be stored or not."""
        self._requests.put(None)
        self._call.cancel()

    def _bodies(self) -> Iterator[bytes]:
        while (body := self._requests.get()) is not None:
            yield body

    def _read(self) -> None:
        try:
            for answer in self._call:
                self._answers.put(answer)
            self._answers.put(None)
        except grpc.RpcError as error:
            self._answers.put(error)


def _routed(resource: str) -> tuple[tuple[str, str], ...]:
    name, _, value = resource.partition("=")
    return (("x-goog-request-params", f"{name}={quote(value, safe='')}"),)
