"""How long records take, told by a few numbers a batch as if each had been told."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from hypothesis import given
from hypothesis import strategies as st

from pipeline_io.latency import COUNT, NO_TIMES, SUM, Latency, Times, times_of

NOW = 1_700_000_000_000
INSTANTS = st.lists(st.none() | st.integers(0, 2**42), max_size=20)


def instants(values: Sequence[int | None]) -> Any:
    """A column of timestamps in milliseconds."""
    return pa.array(values, pa.int64()).cast(pa.timestamp("ms", "UTC"))


class Told:
    """A Latency's numbers, without Beam."""

    def __init__(self) -> None:
        self.found: list[tuple[int, int, int, int]] = []
        self.latency = Latency("test", "wait_ms")
        self.latency._add = lambda *numbers: self.found.append(numbers)  # type: ignore[method-assign]  # noqa: SLF001


class _Measure(beam.DoFn):
    def __init__(self) -> None:
        self.latency = Latency("test", "events/wait_ms")

    def process(self, element: list[int]) -> Any:
        self.latency.until(NOW, times_of(instants([NOW - each for each in element])))
        yield element


def test_the_distribution_has_the_true_mean_over_batches_and_bundles() -> None:
    batches = [[10, 20, 90], [0], [1_000, 4]]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = pipeline | beam.Create(batches) | beam.Reshuffle() | beam.ParDo(_Measure())
    found = pipeline.result.metrics().query()
    (spread,) = [each.committed for each in found["distributions"]]
    assert (spread.count, spread.sum, spread.min, spread.max) == (6, 1_124, 0, 1_000)
    counters = {each.key.metric.name: each.committed for each in found["counters"]}
    assert counters == {"events/wait_ms" + SUM: 1_124, "events/wait_ms" + COUNT: 6}


@given(INSTANTS, INSTANTS)
def test_times_of_two_parts_are_those_of_the_whole(
    first: list[int | None], second: list[int | None]
) -> None:
    together = times_of(instants(first)).with_more(times_of(instants(second)))
    assert together == times_of(instants(first + second))


@given(INSTANTS.filter(lambda values: any(value is not None for value in values)))
def test_what_has_passed_is_what_each_record_says(values: list[int | None]) -> None:
    told = Told()
    now = 2**42
    told.latency.until(now, times_of(instants(values)))
    passed = [now - value for value in values if value is not None]
    assert told.found == [(len(passed), sum(passed), min(passed), max(passed))]


@pytest.mark.parametrize("values", [[], [None, None]])
def test_records_without_a_time_are_not_measured(values: list[int | None]) -> None:
    told = Told()
    assert times_of(instants(values)) == NO_TIMES
    told.latency.until(NOW, times_of(instants(values)))
    told.latency.between(instants(values), instants(values))
    assert told.found == []


def test_a_clock_that_is_behind_makes_no_time_that_is_less_than_nothing() -> None:
    told = Told()
    told.latency.until(NOW, times_of(instants([NOW + 5_000, NOW + 1])))
    told.latency.between(instants([NOW + 5]), instants([NOW]))
    assert told.found == [(2, 0, 0, 0), (1, 0, 0, 0)]


def test_times_that_nobody_has_do_not_spoil_the_sum() -> None:
    forged = [2**62, -(2**62), NOW]
    assert times_of(instants(forged)) == Times(3, 2**42 + NOW, 0, 2**42)


def test_between_takes_the_rows_in_which_both_are_known() -> None:
    told = Told()
    begins = pa.array([NOW, None, 0, NOW - 7, NOW])
    ends = instants([NOW + 3, NOW, NOW, NOW, None])
    told.latency.between(begins, ends)
    assert told.found == [(2, 10, 3, 7)]


def test_a_timestamp_is_taken_in_utc() -> None:
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    column = pa.array([at], pa.timestamp("ms", "UTC"))
    assert times_of(column).oldest == int(at.timestamp() * 1000)
