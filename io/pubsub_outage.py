"""What a log says while Pub/Sub takes no messages."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from pipeline_io.pubsub_config import PubsubConfig

_LOGGER = logging.getLogger(__name__)

# Several requests wait at a time, and a log of all their tries would hide what else it says.
_SECONDS_BETWEEN_WARNINGS = 10.0


class Outage:
    """Warns that messages wait, since when and why, not for every try; says when it is over."""

    def __init__(
        self,
        config: PubsubConfig,
        limit_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self._limit = config.retry_seconds if limit_seconds is None else limit_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._since: float | None = None
        self._warned = 0.0

    def goes_on(self, said: str) -> None:
        """A request was not taken and will be tried again; `said` is the answer."""
        with self._lock:
            now = self._clock()
            if self._since is None:
                self._since = now
            elif now - self._warned < _SECONDS_BETWEEN_WARNINGS:
                return
            self._warned = now
            waited = now - self._since
        _LOGGER.warning(
            "%s at %s does not answer as it should for %.0f s now (%s); it is asked again, for "
            "%.0f s",
            self.config,
            self.config.address,
            waited,
            said,
            self._limit,
            extra={"topic": self.config.topic},
        )

    def ended(self) -> None:
        """A request was taken."""
        if self._since is None:
            return
        with self._lock:
            since, self._since = self._since, None
        if since is not None:
            _LOGGER.warning(
                "%s takes messages again after %.0f s",
                self.config,
                self._clock() - since,
                extra={"topic": self.config.topic},
            )
