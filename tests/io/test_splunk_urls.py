"""Collectors in turn, and at a pace."""

from __future__ import annotations

import pytest

from pipeline_io.splunk_pace import Pace, shared_pace
from pipeline_io.splunk_urls import FAILURES, REST_SECONDS, Urls


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_requests_go_to_all_in_turn() -> None:
    urls = Urls(("a", "b", "c"), Clock())
    assert [urls.next() for _ in range(7)] == ["a", "b", "c", "a", "b", "c", "a"]


def test_one_that_fails_several_times_in_a_row_rests() -> None:
    clock = Clock()
    urls = Urls(("a", "b"), clock)
    for _ in range(FAILURES - 1):
        urls.failed("a")
    urls.answered("a")
    urls.failed("a")
    assert {urls.next(), urls.next()} == {"a", "b"}
    for _ in range(FAILURES - 1):
        urls.failed("a")
    assert [urls.next() for _ in range(4)] == ["b"] * 4
    clock.now += REST_SECONDS
    assert {urls.next(), urls.next()} == {"a", "b"}
    urls.failed("a")
    assert [urls.next() for _ in range(4)] == ["b"] * 4


def test_the_one_whose_rest_ends_first_is_asked_where_all_rest() -> None:
    clock = Clock()
    urls = Urls(("a", "b"), clock)
    urls.rests("a", 20)
    urls.rests("b", 5)
    assert [urls.next() for _ in range(3)] == ["b"] * 3
    assert not urls.has_another("b")
    urls.answered("b")
    assert urls.has_another("a") and not urls.has_another("b")


def test_a_pace_lets_a_second_through_at_once_and_then_its_rate() -> None:
    clock = Clock()
    pace = Pace(1_000, clock)
    assert [pace.take(500) for _ in range(4)] == [0.0, 0.0, 0.5, 1.0]
    clock.now += 60
    assert [pace.take(500) for _ in range(3)] == [0.0, 0.0, 0.5]
    with pytest.raises(ValueError, match="lets nothing through"):
        Pace(0)


def test_the_writers_of_a_process_share_their_pace() -> None:
    assert shared_pace(("a",), 5.0) is shared_pace(("a",), 5.0)
    assert shared_pace(("a",), 5.0) is not shared_pace(("b",), 5.0)
