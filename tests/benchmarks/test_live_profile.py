"""The shares of a second add up, and a job whose worker is elsewhere is told of."""

from __future__ import annotations

import pytest

from tests.benchmarks.live_profile import shares, told
from tests.benchmarks.live_traced import BUNDLE, READ, SQL


def test_what_is_in_no_part_is_the_rest() -> None:
    spans = [
        (BUNDLE, 0.0, 0.5),
        (READ, 0.0, 0.2),
        (SQL, 0.2, 0.25),
        (BUNDLE, 0.5, 1.0),
        (READ, 0.5, 0.7),
        (SQL, 0.7, 0.75),
        # While it was being stopped.
        (READ, 1.1, 3.0),
    ]
    found = {one.name: one for one in shares(spans, 1.0)}
    assert found[BUNDLE].calls == 2
    assert found[READ].busy == pytest.approx(400)
    assert found[SQL].middle == pytest.approx(50)
    (rest,) = (one for name, one in found.items() if "rest" in name)
    assert rest.busy == pytest.approx(1_000 - 400 - 100)
    assert f"| {SQL} | 2 | 50.0 | 50.0 | 100 |" in told(list(found.values()))


def test_a_job_without_spans_is_told_of() -> None:
    with pytest.raises(ValueError, match="did its worker run in another process"):
        shares([], 1.0)
