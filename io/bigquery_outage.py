"""What a log says while BigQuery takes no rows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_LOGGER = logging.getLogger(__name__)

# A log of all tries would hide what else it says.
_SECONDS_BETWEEN_WARNINGS = 10.0


class Outage:
    """Warns that rows wait, since when and why, not for every try; says when it is over.

    what: what cannot be done, such as "rows are not taken by the BigQuery table shop.orders".
    """

    def __init__(
        self, what: str, limit_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.what = what
        self._limit = limit_seconds
        self._clock = clock
        self._since: float | None = None
        self._warned = 0.0

    @property
    def seconds(self) -> float:
        """How long it goes on; 0 for none."""
        return 0.0 if self._since is None else self._clock() - self._since

    def goes_on(self, said: str) -> None:
        """Something was not taken and will be tried again; `said` is the answer."""
        now = self._clock()
        if self._since is None:
            self._since = now
        elif now - self._warned < _SECONDS_BETWEEN_WARNINGS:
            return
        self._warned = now
        _LOGGER.warning(
            "%s for %.0f s now (%s); it is tried again, for %.0f s",
            self.what,
            now - self._since,
            said,
            self._limit,
        )

    def ended(self) -> None:
        """Something was taken."""
        if self._since is not None:
            _LOGGER.warning("%s: that is over after %.0f s", self.what, self.seconds)
            self._since = None
