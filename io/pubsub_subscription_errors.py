"""What went wrong with a subscription, with the next step."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import grpc

from pipeline_io.pubsub_errors import (
    PubsubAccessError,
    PubsubError,
    PubsubUnavailable,
    recovery,
    shown,
)
from pipeline_io.pubsub_subscription import SubscriptionConfig

_LOGGER = logging.getLogger(__name__)

SILENT_SECONDS = 5.0
"""Pub/Sub ends streams now and then, and the next one is there at once: that is no news."""
_SECONDS_BETWEEN_WARNINGS = 30.0


def stop_error(config: SubscriptionConfig, code: grpc.StatusCode, details: str) -> PubsubError:
    """The error of an answer that no waiting mends."""
    said = shown(code, details)
    if code is grpc.StatusCode.NOT_FOUND:
        message = f"{config} does not exist ({said}); create it: {_create_command(config)}"
        return PubsubAccessError(message)
    if code is grpc.StatusCode.PERMISSION_DENIED:
        message = (
            f"{config} may not be read ({said}); grant the role Pub/Sub Subscriber to the account "
            f"that the workers run as: {grant_command(config)}"
        )
        return PubsubAccessError(message)
    if code is grpc.StatusCode.UNAUTHENTICATED or recovery(code, details) is not recovery(code, ""):
        message = (
            f"{config}: Google does not accept the credentials ({said}); run `gcloud auth "
            "application-default login`, or give the workers a service account"
        )
        return PubsubAccessError(message)
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        message = (
            f"{config} cannot be pulled ({said}); it may be detached, or deliver by itself (push, "
            f"BigQuery, Cloud Storage); see: gcloud pubsub subscriptions describe "
            f"{config.subscription} --project={config.project}"
        )
        return PubsubError(message)
    message = (
        f"{config} gives no messages, and waiting will not mend it: {said}; see the "
        "subscription's page in the console"
    )
    return PubsubError(message)


def unavailable_error(config: SubscriptionConfig, seconds: float, said: str) -> PubsubUnavailable:
    """The error after `seconds` of waiting."""
    if config.emulator:
        where = f"the emulator at {config.emulator}"
        step = (
            f"start it: gcloud beta emulators pubsub start --host-port={config.emulator}; for the "
            "real service unset PUBSUB_EMULATOR_HOST and the option 'endpoint'"
        )
    else:
        where = config.address
        step = (
            f"check that the workers can reach {config.address} (firewall, proxy, Private Google "
            "Access); what was not acknowledged is delivered again to the next run"
        )
    message = f"{config}: {where} did not answer for {seconds:.0f} s, the last answer is {said}"
    return PubsubUnavailable(f"{message}; {step}")


def grant_command(config: SubscriptionConfig) -> str:
    return (
        f"gcloud pubsub subscriptions add-iam-policy-binding {config.subscription} "
        f"--project={config.project} --member=serviceAccount:ACCOUNT --role=roles/pubsub.subscriber"
    )


def _create_command(config: SubscriptionConfig) -> str:
    if config.emulator:
        return (
            f"curl -X PUT http://{config.emulator}/v1/{config.path} -H 'Content-Type: "
            f'application/json\' -d \'{{"topic": "projects/{config.project}/topics/TOPIC"}}\''
        )
    return (
        f"gcloud pubsub subscriptions create {config.subscription} --topic=TOPIC "
        f"--project={config.project}"
    )


class ReadOutage:
    """What a log says while a subscription cannot be read, and how long that has lasted. Safe to be
    used by several threads."""

    def __init__(
        self, config: SubscriptionConfig, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config = config
        self._clock = clock
        self._lock = threading.Lock()
        self._since: float | None = None
        self._warned: float | None = None

    @property
    def seconds(self) -> float:
        """Since when nothing was answered."""
        since = self._since
        return 0.0 if since is None else self._clock() - since

    def goes_on(self, said: str) -> None:
        """A call was not answered and will be tried again; `said` is what came instead."""
        with self._lock:
            now = self._clock()
            if self._since is None:
                self._since = now
            silent = now - self._since < SILENT_SECONDS
            recently = self._warned is not None and now - self._warned < _SECONDS_BETWEEN_WARNINGS
            if silent or recently:
                return
            self._warned = now
            waited = now - self._since
        _LOGGER.warning(
            "%s at %s does not answer for %.0f s now (%s); it is asked again, for %.0f s",
            self._config,
            self._config.address,
            waited,
            said,
            self._config.stall_seconds,
        )

    def ended(self) -> None:
        """A call was answered."""
        if self._since is None:
            return
        with self._lock:
            waited, warned = self.seconds, self._warned
            self._since = self._warned = None
        if warned is not None:
            _LOGGER.warning("%s answers again after %.0f s", self._config, waited)
