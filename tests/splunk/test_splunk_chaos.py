"""The small version of `make chaos-splunk`."""

from __future__ import annotations

import pytest

from pipeline_io import splunk_sending
from tests.splunk import chaos


def test_all_good_events_arrive_and_exactly_the_poison_ones_are_dead_letters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(splunk_sending, "_FIRST_WAIT_SECONDS", 0.01)

    found = chaos.run(20_000, 40, seed=5, max_events=100)

    assert found.missing == 0
    assert sorted(found.dead) == sorted(found.poison)
    assert found.report["repeats_of_confirmed"] == 0
    assert found.is_right
    assert all(found.report[kind] for kind in chaos.FAULTS)
