"""Says to Pub/Sub what becomes of messages: done with, still worked on, given back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import grpc

from pipeline_io.pubsub_errors import PubsubError, Recovery, recovery, shown
from pipeline_io.pubsub_held import HOLD_SECONDS, HeldMessages
from pipeline_io.pubsub_pull_calls import ACK_IDS_A_REQUEST, SubscriberCalls
from pipeline_io.pubsub_subscription import SubscriptionConfig
from pipeline_io.pubsub_subscription_errors import stop_error

_LOGGER = logging.getLogger(__name__)

AGAIN_SECONDS = 0.5
"""How long a call that was not answered waits to be made again."""


class Keeper:
    """Acknowledges, gives back, and extends the deadlines of all that is held, in `run`.

    A call that is not answered is made again: the messages stay held until then.

    Args:
        changed: guards `held` and all that is asked of this object; told of every change.
        fail: takes the error that no waiting mends.
    """

    def __init__(
        self,
        config: SubscriptionConfig,
        calls: SubscriberCalls,
        held: HeldMessages,
        changed: threading.Condition,
        fail: Callable[[PubsubError], None],
    ) -> None:
        self._config = config
        self._calls = calls
        self._held = held
        self._changed = changed
        self._fail = fail
        self._done: list[str] = []
        self._returned: list[str] = []
        self._busy = False
        self._closed = False
        self._every = config.deadline_seconds / 3
        self._extend_at = time.monotonic() + self._every

    @property
    def is_idle(self) -> bool:
        """Whether Pub/Sub has taken all that was asked for. Ask with `changed` held."""
        return not (self._done or self._returned or self._busy)

    def acknowledge(self, ids: Sequence[str]) -> None:
        with self._changed:
            self._done += ids
            self._changed.notify_all()

    def give_back(self, ids: Sequence[str]) -> None:
        with self._changed:
            self._returned += ids
            self._changed.notify_all()

    def close(self) -> None:
        """Lets `run` end, which gives back all that is held but acknowledged."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def run(self) -> None:
        while True:
            with self._changed:
                wait = max(0.0, self._extend_at - time.monotonic())
                self._changed.wait_for(lambda: self._closed or not self.is_idle, wait)
                done, self._done = self._done, []
                # Held no longer before Pub/Sub hears of it: a message comes again at once, and must
                # not be taken for one that is held.
                returned = self._held.ack_ids(self._returned)
                self._held.remove(self._returned)
                self._returned = []
                ends = self._closed
                self._busy = True
            left = self._say(done, self._calls.acknowledge)
            self._give_back(returned)
            with self._changed:
                self._done += left
                self._busy = False
                self._changed.notify_all()
            if ends:
                with self._changed:
                    ack_ids = self._held.ack_ids()
                self._give_back(ack_ids)
                return
            if time.monotonic() >= self._extend_at:
                self._extend()
            if left:
                time.sleep(AGAIN_SECONDS)

    def _say(self, ids: Sequence[str], call: Callable[[Sequence[str]], Any]) -> list[str]:
        """Makes a call for messages, which are held no longer then; those that are left."""
        for start in range(0, len(ids), ACK_IDS_A_REQUEST):
            some = ids[start : start + ACK_IDS_A_REQUEST]
            with self._changed:
                ack_ids = self._held.ack_ids(some)
            try:
                if ack_ids:
                    call(ack_ids)
            except (grpc.RpcError, ValueError) as error:
                if not _is_refused(error):
                    return [] if self._is_fatal(error) else list(ids[start:])
                # Ack ids that are too old: these messages come again.
                _LOGGER.info("%s: %d ack ids are refused", self._config, len(ack_ids))
            with self._changed:
                self._held.remove(some)
                self._changed.notify_all()
        return []

    def _is_fatal(self, error: Any) -> bool:
        """Whether no waiting mends an error, which `fail` has got then."""
        if not isinstance(error, grpc.RpcError):
            return True  # A closed channel.
        status: Any = error
        code, details = status.code(), status.details() or ""
        if recovery(code, details) is Recovery.RETRY:
            _LOGGER.info("%s: %s; tried again", self._config, shown(code, details))
            return False
        self._fail(stop_error(self._config, code, details))
        return True

    def _extend(self) -> None:
        with self._changed:
            old = self._held.forget_old()
            self._held.forget_arrivals()
            ack_ids = self._held.ack_ids()
        if old:
            _LOGGER.warning(
                "%s: %d messages were held for %.0f minutes without being acknowledged; Pub/Sub "
                "delivers them again",
                self._config,
                old,
                HOLD_SECONDS / 60,
            )
        self._extend_at = time.monotonic() + self._every
        for start in range(0, len(ack_ids), ACK_IDS_A_REQUEST):
            some = ack_ids[start : start + ACK_IDS_A_REQUEST]
            try:
                self._calls.extend(some, self._config.deadline_seconds)
            except (grpc.RpcError, ValueError) as error:
                if _is_refused(error):
                    continue
                if not self._is_fatal(error):
                    # There is time left for two more tries.
                    self._extend_at = time.monotonic() + min(self._every / 4, 5.0)
                return

    def _give_back(self, ack_ids: Sequence[str]) -> None:
        for start in range(0, len(ack_ids), ACK_IDS_A_REQUEST):
            try:
                self._calls.extend(ack_ids[start : start + ACK_IDS_A_REQUEST], 0)
            except (grpc.RpcError, ValueError):
                # They come again by themselves when their deadlines are over.
                return


def _is_refused(error: Any) -> bool:
    return isinstance(error, grpc.RpcError) and error.code() in (
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
    )
