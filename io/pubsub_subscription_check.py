"""Whether a subscription can be read, asked before any message is."""

from __future__ import annotations

import functools
import threading

import grpc
from google.api_core import exceptions
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import Subscription

from pipeline_io.pubsub_asking import ask_patiently
from pipeline_io.pubsub_errors import PubsubError
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
    ask_patiently(
        config,
        lambda channel: _ask(
            SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)), config
        ),
        tell=ReadOutage(config).goes_on,
        unavailable=functools.partial(unavailable_error, config),
        stop=functools.partial(stop_error, config),
        patience_seconds=patience_seconds,
        stopped=stopped,
    )


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
