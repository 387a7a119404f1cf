"""Whether a subscription can be read, asked before any message is."""

from __future__ import annotations

import threading
from typing import Any

import grpc
import tenacity
from google.api_core import exceptions
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import Subscription

from pipeline_io.pubsub_channel import open_channel
from pipeline_io.pubsub_errors import PubsubError, Recovery, recovery, shown
from pipeline_io.pubsub_subscription import SubscriptionConfig
from pipeline_io.pubsub_subscription_errors import ReadOutage, stop_error, unavailable_error

_PERMISSION = "pubsub.subscriptions.consume"
_CALL_SECONDS = 10.0
_DELETED_TOPIC = "_deleted-topic_"


def check_subscription(
    config: SubscriptionConfig,
    patience_seconds: float = 30.0,
    stopped: threading.Event | None = None,
) -> None:
    """Returns when the subscription exists, can be pulled and may be read.

    patience_seconds: how long a service that does not answer is asked again, with a warning.
    stopped: ends the waiting.

    Raises PubsubUnavailable, PubsubAccessError and other PubsubErrors, with the next step.
    """
    outage = ReadOutage(config)
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
        client = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        retrying(_ask, client, config)
    except (exceptions.GoogleAPICallError, exceptions.RetryError) as error:
        code, details = _answer(error)
        if _recovery(error) is Recovery.RETRY:
            raise unavailable_error(config, patience_seconds, shown(code, details)) from error
        raise stop_error(config, code, details) from error
    finally:
        channel.close()


def _ask(client: SubscriberClient, config: SubscriptionConfig) -> None:
    try:
        held = client.test_iam_permissions(
            request={"resource": config.path, "permissions": [_PERMISSION]},
            retry=None,
            timeout=_CALL_SECONDS,
        )
    except (exceptions.MethodNotImplemented, exceptions.NotFound):
        # The emulator knows no permissions; it does know its subscriptions.
        held = None
    may_read = held is None or _PERMISSION in held.permissions
    try:
        found = client.get_subscription(subscription=config.path, retry=None, timeout=_CALL_SECONDS)
    except exceptions.PermissionDenied:
        # A subscriber need not be allowed to see how the subscription is made.
        if held is not None and may_read:
            return
        raise
    if not may_read:
        raise stop_error(config, grpc.StatusCode.PERMISSION_DENIED, f"{_PERMISSION} is missing")
    check_delivery(config, found)


def check_delivery(config: SubscriptionConfig, found: Subscription) -> None:
    """PubsubError where a subscription gives nothing to who pulls it."""
    if found.detached or found.topic == _DELETED_TOPIC:
        what = "is detached from its topic" if found.detached else "has lost its topic"
        message = f"{config} {what}, so no message will come; make a new one for the topic"
        raise PubsubError(message)
    for kind, itself in (
        ("push", bool(found.push_config.push_endpoint)),
        ("BigQuery", bool(found.bigquery_config.table)),
        ("Cloud Storage", bool(found.cloud_storage_config.bucket)),
    ):
        if itself:
            message = (
                f"{config} delivers by itself ({kind}), so nobody can pull it; make another one "
                f"for {found.topic}, with the delivery type pull"
            )
            raise PubsubError(message)


def _answer(error: Any) -> tuple[grpc.StatusCode, str]:
    code = getattr(error, "grpc_status_code", None) or grpc.StatusCode.UNKNOWN
    return code, getattr(error, "message", None) or str(error)


def _recovery(error: BaseException) -> Recovery:
    if isinstance(error, PubsubError) or not isinstance(error, exceptions.GoogleAPICallError):
        return Recovery.STOP
    return recovery(*_answer(error))
