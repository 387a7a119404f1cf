"""Whether a topic can be published to, asked before any record is read."""

from __future__ import annotations

import functools
import threading

import grpc
from google.api_core import exceptions
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from pipeline_io.pubsub_asking import ask_patiently
from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_errors import (
    stop_error,
    unavailable_error,
)
from pipeline_io.pubsub_outage import Outage

_PERMISSION = "pubsub.topics.publish"
_CALL_SECONDS = 10.0


def check(
    config: PubsubConfig,
    patience_seconds: float = 30.0,
    stopped: threading.Event | None = None,
) -> None:
    """Returns when the topic exists and may be published to.

    patience_seconds: how long a service that does not answer is asked again, with a warning.
    stopped: ends the waiting.

    Raises PubsubUnavailable, PubsubAccessError and other PubsubErrors, with the next step.
    """
    ask_patiently(
        config,
        lambda channel: _ask(
            PublisherClient(transport=PublisherGrpcTransport(channel=channel)), config
        ),
        tell=Outage(config, limit_seconds=patience_seconds).goes_on,
        unavailable=functools.partial(unavailable_error, config),
        stop=functools.partial(stop_error, config),
        patience_seconds=patience_seconds,
        stopped=stopped,
    )


def _ask(client: PublisherClient, config: PubsubConfig) -> None:
    try:
        held = client.test_iam_permissions(
            request={"resource": config.path, "permissions": [_PERMISSION]},
            retry=None,
            timeout=_CALL_SECONDS,
        )
    except (exceptions.MethodNotImplemented, exceptions.NotFound):
        # The emulator knows no permissions; it does know its topics.
        held = None
    if held is not None and _PERMISSION in held.permissions:
        return
    # Without the permission nothing was said of whether the topic exists; a publisher need not be
    # allowed to see it.
    try:
        client.get_topic(topic=config.path, retry=None, timeout=_CALL_SECONDS)
    except exceptions.PermissionDenied:
        if held is None:
            return
        raise
    if held is not None:
        raise stop_error(config, grpc.StatusCode.PERMISSION_DENIED, f"{_PERMISSION} is missing")
