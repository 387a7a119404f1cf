"""A question to Pub/Sub that is asked again while the service is away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import grpc
import tenacity
from google.api_core import exceptions

from pipeline_io.pubsub_channel import Service, open_channel
from pipeline_io.pubsub_errors import PubsubError, Recovery, recovery, shown


def ask_patiently(
    service: Service,
    ask: Callable[[grpc.Channel], None],
    *,
    tell: Callable[[str], None],
    unavailable: Callable[[float, str], Exception],
    stop: Callable[[grpc.StatusCode, str], Exception],
    patience_seconds: float,
    stopped: threading.Event | None = None,
) -> None:
    """Asks until there is an answer, or `patience_seconds` are over.

    tell: takes what was said, before each further try. unavailable, stop: make the error of a
    service that stays away, after these seconds, and of an answer that no further try mends.
    stopped: ends the waiting.
    """
    stopped = stopped or threading.Event()

    def tell_error(state: tenacity.RetryCallState) -> None:
        tell(shown(*_answer(state.outcome.exception() if state.outcome else None)))

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: _recovery(error) is Recovery.RETRY),
        wait=tenacity.wait_random_exponential(multiplier=0.25, max=5),
        stop=tenacity.stop_after_delay(patience_seconds) | tenacity.stop_when_event_set(stopped),
        sleep=tenacity.sleep_using_event(stopped),
        before_sleep=tell_error,
        reraise=True,
    )
    channel = open_channel(service)
    try:
        retrying(ask, channel)
    except (exceptions.GoogleAPICallError, exceptions.RetryError) as error:
        code, details = _answer(error)
        if _recovery(error) is Recovery.RETRY:
            raise unavailable(patience_seconds, shown(code, details)) from error
        raise stop(code, details) from error
    finally:
        channel.close()


def _answer(error: Any) -> tuple[grpc.StatusCode, str]:
    code = getattr(error, "grpc_status_code", None) or grpc.StatusCode.UNKNOWN
    return code, getattr(error, "message", None) or str(error)


def _recovery(error: BaseException) -> Recovery:
    if isinstance(error, PubsubError) or not isinstance(error, exceptions.GoogleAPICallError):
        return Recovery.STOP
    return recovery(*_answer(error))
