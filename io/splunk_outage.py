"""What a log says while Splunk takes no events."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from pipeline_io.splunk_config import SplunkConfig

_LOGGER = logging.getLogger(__name__)

# Several requests wait at a time, and a log of all their tries would hide what else it says.
_SECONDS_BETWEEN_WARNINGS = 10.0


class Outage:
    """Warns that events wait, since when and why, not for every try; says when it is over."""

    def __init__(
        self,
        config: SplunkConfig,
        limit_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self._limit = config.retry_seconds if limit_seconds is None else limit_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._since: float | None = None
        self._warned: float | None = None
        self._is_told = False

    def goes_on(self, said: str) -> None:
        """A request was not taken and will be tried again; `said` is the answer."""
        with self._lock:
            now = self._clock()
            if self._since is None:
                self._since, self._is_told = now, False
            if self._warned is not None and now - self._warned < _SECONDS_BETWEEN_WARNINGS:
                return
            self._warned, self._is_told = now, True
            waited = now - self._since
        _LOGGER.warning(
            "%s has not taken a request for %.0f s now (%s); it is asked again, for %.0f s",
            self.config,
            waited,
            said,
            self._limit,
        )

    def ended(self) -> None:
        """A request was taken."""
        if self._since is None:
            return
        with self._lock:
            since, self._since = self._since, None
            is_told = self._is_told
        if since is not None and is_told:
            seconds = self._clock() - since
            _LOGGER.warning("%s takes events again after %.0f s", self.config, seconds)
