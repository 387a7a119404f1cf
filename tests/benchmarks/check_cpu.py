"""CPU of pieces of work as ratios to a reference work, which takes turns with them.

A busy machine, a slower clock and shared caches meet both alike, so that the ratio stays where
seconds do not. Each ratio is of one call between two calls of the reference; the figure is the
median of many, and more are taken while its interval does not decide.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tests.benchmarks.check_verdicts import Figure, Outcome, Verdict, verdicts
from tests.benchmarks.check_works import Work

LEAST_ROUNDS, MOST_ROUNDS, _ROUNDS_BETWEEN = 40, 400, 20
WELL_KNOWN = 0.03
"""The noise at which a figure is good enough to be committed."""
_SLICE_SECONDS = 0.02
Clock = Callable[[], float]


def reference() -> int:
    """Work of the interpreter and of numpy alone: nothing of this project and of what it runs on,
    whose changes the check is to see."""
    table = {f"key{number}": number * 3 for number in range(4_000)}
    kept = sorted(name for name, value in table.items() if value % 7)
    numbers = np.arange(200_000, dtype=np.int64)
    mixed = (numbers * 2_654_435_761) % 1_000_003
    return len(kept) + int(np.sort(mixed)[::1_000].sum())


def measured(
    pieces: Sequence[Work],
    committed: Mapping[str, float],
    clock: Clock = time.process_time,
    compared_with: Callable[[], object] = reference,
) -> dict[str, Figure]:
    """By the work's name: its CPU a thousand records, in calls of the reference."""
    times = {one.name: _calls(one.call, clock) for one in pieces}
    ratios: dict[str, list[float]] = {one.name: [] for one in pieces}
    gc.collect()
    for number in range(1, MOST_ROUNDS + 1):
        for one in pieces:
            before = _spent(compared_with, 1, clock)
            spent = _spent(one.call, times[one.name], clock) / times[one.name]
            after = _spent(compared_with, 1, clock)
            ratios[one.name].append(spent / (before + after) * 2 / one.records * 1_000)
        if number >= LEAST_ROUNDS and number % _ROUNDS_BETWEEN == 0:
            found = {name: Figure.of(values) for name, values in ratios.items()}
            if all(map(_is_decided, verdicts(found, committed))):
                break
    return {name: Figure.of(values) for name, values in ratios.items()}


def _is_decided(verdict: Verdict) -> bool:
    if verdict.outcome is Outcome.NEW:
        return verdict.figure.noise < WELL_KNOWN
    return verdict.outcome is not Outcome.UNCLEAR


def _calls(call: Callable[[], object], clock: Clock) -> int:
    """How many calls make a slice that the clock measures well."""
    return max(1, math.ceil(_SLICE_SECONDS / max(_spent(call, 3, clock) / 3, 1e-6)))


def _spent(call: Callable[[], object], times: int, clock: Clock) -> float:
    began = clock()
    for _ in range(times):
        call()
    return clock() - began
