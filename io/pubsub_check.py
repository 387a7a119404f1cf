"""Whether a topic can be published to, asked before any record is read."""

from __future__ import annotations

import threading
from typing import Any

import grpc
import tenacity
from google.api_core import exceptions
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from pipeline_io.pubsub_channel import open_channel
from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_errors import (
    PubsubError,
    Recovery,
    recovery,
    shown,
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
    outage = Outage(config, limit_seconds=patience_seconds)
    stopped = stopped or threading.Event()

    def tell(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        outage.goes_on(shown(*_answer(error)))

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: _recovery(error) is Recovery.RETRY),
        wait=tenacity.wait_random_exponential(multiplier=0.25, max=5),
        stop=tenacity.stop_after_delay(patience_seconds) | tenacity.stop_when_event_set(stopped),
        sleep=tenacity.sleep_using_event(stopped),
        before_sleep=tell,
        reraise=True,
    )
    channel = open_channel(config)
    try:
        client = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        retrying(_ask, client, config)
    except (exceptions.GoogleAPICallError, exceptions.RetryError) as error:
        code, details = _answer(error)
        if _recovery(error) is Recovery.RETRY:
            raise unavailable_error(config, patience_seconds, shown(code, details)) from error
        raise stop_error(config, code, details) from error
    finally:
        channel.close()


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


def _answer(error: Any) -> tuple[grpc.StatusCode, str]:
    code = getattr(error, "grpc_status_code", None) or grpc.StatusCode.UNKNOWN
    return code, getattr(error, "message", None) or str(error)


def _recovery(error: BaseException) -> Recovery:
    if isinstance(error, PubsubError) or not isinstance(error, exceptions.GoogleAPICallError):
        return Recovery.STOP
    return recovery(*_answer(error))
