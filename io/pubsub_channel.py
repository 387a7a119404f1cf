"""Connections to Pub/Sub: the real service with Google's credentials, or the emulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import quote

import google.auth
import google.auth.exceptions
import google.auth.transport.grpc
import google.auth.transport.requests
import grpc

from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_errors import PubsubAccessError

PUBLISH = "/google.pubsub.v1.Publisher/Publish"

Publish = Callable[[bytes, float], bytes]
"""Sends a serialised PublishRequest, with a timeout in seconds; the serialised PublishResponse."""

_SCOPES = ("https://www.googleapis.com/auth/pubsub",)

_OPTIONS = (
    # A request may have 10 MB, and gRPC's own bound would be another limit.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # As Google's own client: connections that a firewall has dropped are noticed.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # gRPC waits up to two minutes before it connects again; what comes back shall be seen.
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


class Service(Protocol):
    """Where a topic or a subscription is; its text names it for messages."""

    @property
    def emulator(self) -> str: ...

    @property
    def address(self) -> str: ...


def open_channel(config: Service) -> grpc.Channel:
    """A channel to the service of a topic or a subscription; it connects when it is used.

    Raises PubsubAccessError where Google's credentials are missing or revoked.
    """
    if config.emulator:
        return grpc.insecure_channel(config.emulator, options=_OPTIONS)
    session = google.auth.transport.requests.Request()
    try:
        credentials, _ = google.auth.default(scopes=_SCOPES)
        _first_token(credentials, session)
    except google.auth.exceptions.GoogleAuthError as error:
        message = (
            f"{config}: there are no Google credentials that can be used "
            f"({type(error).__name__}: {error}); run `gcloud auth application-default login`, "
            "or give the workers a service account; for an emulator set PUBSUB_EMULATOR_HOST"
        )
        raise PubsubAccessError(message) from error
    transport: Any = google.auth.transport.grpc
    channel: grpc.Channel = transport.secure_authorized_channel(
        credentials, session, config.address, options=_OPTIONS
    )
    return channel


def _first_token(credentials: Any, session: google.auth.transport.requests.Request) -> None:
    try:
        if not credentials.valid:
            credentials.refresh(session)
    except google.auth.exceptions.GoogleAuthError as error:
        # Where the server of tokens is away, the calls that need one wait for it.
        away = isinstance(error, google.auth.exceptions.TransportError) or error.retryable
        if not away:
            raise


def publish_call(channel: grpc.Channel, config: PubsubConfig) -> Publish:
    """The call that publishes. It raises grpc.RpcError."""
    call: Any = channel.unary_unary(PUBLISH)
    # Pub/Sub routes a request by this header, as Google's own clients send it.
    metadata = (("x-goog-request-params", f"topic={quote(config.path, safe='')}"),)

    def publish(body: bytes, timeout_seconds: float) -> bytes:
        answer: bytes = call(body, timeout=timeout_seconds, metadata=metadata)
        return answer

    return publish
