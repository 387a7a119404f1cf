"""What a check says of its figures."""

from __future__ import annotations

import dataclasses
import enum
import math
import statistics
from collections.abc import Mapping, Sequence

LIMIT = 0.15
"""What a piece of work may cost more than the committed figure, as a share of it."""
_SIGMAS = 1.96


@dataclasses.dataclass(frozen=True)
class Figure:
    """What a piece of work costs, and between what the true figure lies, in 19 of 20 cases."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """The median of repeated measurements; its interval needs no law of their distribution."""
        ordered = sorted(values)
        count = len(ordered)
        reach = _SIGMAS * math.sqrt(count) / 2
        low = max(0, math.floor(count / 2 - reach))
        high = min(count - 1, math.ceil(count / 2 + reach))
        return cls(statistics.median(ordered), ordered[low], ordered[high])

    @property
    def noise(self) -> float:
        """Half the width of the interval, as a share of the figure."""
        return (self.high - self.low) / 2 / self.value


class Outcome(enum.Enum):
    SAME = "ok"
    SLOWER = "SLOWER"
    FASTER = "faster: commit the new figures by --write"
    UNCLEAR = "too noisy to tell"
    NEW = "no committed figure: --write it"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A piece of work beside its committed figure."""

    name: str
    figure: Figure
    committed: float | None

    @property
    def ratio(self) -> float | None:
        return self.figure.value / self.committed if self.committed else None

    @property
    def outcome(self) -> Outcome:
        if not self.committed:
            return Outcome.NEW
        low, high = self.figure.low / self.committed, self.figure.high / self.committed
        if low > 1 + LIMIT:
            return Outcome.SLOWER
        if high <= 1 + LIMIT:
            return Outcome.FASTER if high < 1 - LIMIT else Outcome.SAME
        return Outcome.UNCLEAR

    @property
    def fails(self) -> bool:
        """Slower, or unknown: a check that cannot tell has not passed."""
        return self.outcome in (Outcome.SLOWER, Outcome.UNCLEAR, Outcome.NEW)


def verdicts(found: Mapping[str, Figure], committed: Mapping[str, float]) -> list[Verdict]:
    """Of every piece that was measured."""
    return [Verdict(name, figure, committed.get(name)) for name, figure in found.items()]


def report(judged: Sequence[Verdict], unit: str) -> list[str]:
    """A line each."""
    lines = [f"{'':28}{unit:>24}{'committed':>14}{'ratio':>8}{'noise':>8}"]
    for one in judged:
        committed = f"{one.committed:,.3f}" if one.committed else "-"
        ratio = f"{one.ratio:.3f}" if one.ratio else "-"
        lines.append(
            f"{one.name:28}{one.figure.value:>24,.3f}{committed:>14}{ratio:>8}"
            f"{one.figure.noise:>8.1%}  {one.outcome.value}"
        )
    return lines
