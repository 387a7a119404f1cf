"""A bundle does not wait long for Beam's thread of samples."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.worker.statesampler import StateSampler, get_current_tracker

from pipelines import sampling
from pipelines.sampling import PERIOD_MILLIS, sample_often

FOUND: list[int] = []


def note_period(element: int) -> int:
    tracker: Any = get_current_tracker()
    FOUND.append(tracker.sampling_period_ms)
    return element


def test_a_worker_of_this_process_samples_often() -> None:
    FOUND.clear()
    with beam.Pipeline("DirectRunner") as pipeline:
        _ = pipeline | beam.Create([1]) | beam.Map(note_period)
    assert FOUND == [PERIOD_MILLIS]


def test_other_defaults_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sampler:
        def __init__(self, name: str, sampling_period_ms: int = 200, ratio: float = 1.2) -> None:
            self.all = (name, sampling_period_ms, ratio)

    monkeypatch.setattr(sampling, "StateSampler", Sampler)
    assert sample_often(3)
    assert Sampler("a").all == ("a", 3, 1.2)


def test_a_beam_without_the_parameter_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sampler:
        def __init__(self, name: str, period: float = 0.2) -> None:
            self.all = (name, period)

    monkeypatch.setattr(sampling, "StateSampler", Sampler)
    assert not sample_often()
    assert Sampler("a").all == ("a", 0.2)
    assert StateSampler.__init__.__defaults__ == (PERIOD_MILLIS,)
