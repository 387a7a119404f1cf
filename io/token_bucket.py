"""A limit of calls a second that lets short bursts through."""

from collections.abc import Callable


class TokenBucket:
    """Waits as long as needed for `rate_per_second` in the long run, `burst` of them at once.

    Args:
        clock: seconds that only grow.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        rate_per_second: float,
        burst: int,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        if not rate_per_second > 0 or burst < 1:
            message = (
                f"a rate of {rate_per_second!r} a second with bursts of {burst!r} lets nothing "
                "through; expected more than 0 and at least 1"
            )
            raise ValueError(message)
        self._rate = rate_per_second
        self._burst = burst
        self._clock = clock
        self._sleep = sleep
        self._tokens = float(burst)
        self._filled_at = clock()

    def take(self) -> None:
        """Returns when one more call is allowed."""
        now = self._clock()
        self._tokens += (now - self._filled_at) * self._rate
        self._tokens = min(self._tokens, float(self._burst)) - 1
        self._filled_at = now
        if self._tokens < 0:
            self._sleep(-self._tokens / self._rate)
