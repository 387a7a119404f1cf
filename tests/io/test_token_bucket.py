"""A limit of calls a second."""

import pytest

from pipeline_io.token_bucket import TokenBucket


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 50.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_calls_beyond_the_burst_wait_for_the_rate() -> None:
    time = Time()
    bucket = TokenBucket(4, burst=2, clock=time.clock, sleep=time.sleep)
    moments = []
    for _ in range(5):
        bucket.take()
        moments.append(time.now - 50)

    assert moments == [0, 0, 0.25, 0.5, 0.75]


def test_a_pause_saves_up_no_more_than_the_burst() -> None:
    time = Time()
    bucket = TokenBucket(1, burst=2, clock=time.clock, sleep=time.sleep)
    time.now += 100
    for _ in range(3):
        bucket.take()

    assert time.now == 151


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0), (float("nan"), 1)])
def test_a_limit_that_lets_nothing_through_is_refused(rate: float, burst: int) -> None:
    time = Time()
    with pytest.raises(ValueError, match="lets nothing through"):
        TokenBucket(rate, burst, time.clock, time.sleep)
