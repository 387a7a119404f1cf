"""Figures of parts of growing size: kept as JSON, and judged: is time linear, is memory flat?"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.flink_tables import table

LINEAR_WITHIN = 0.05
FLAT_WITHIN = 0.10
MILLION = 1_000_000


@dataclasses.dataclass(frozen=True)
class Measured:
    """What one size of a series took: seconds, CPU seconds, and the peak of memory in MiB.

    pace: CPU seconds of the reference work meanwhile, which tells of the machine (`growth_pace`).
    """

    series: str
    size: int
    seconds: float
    cpu_seconds: float
    mebibytes: float
    pace: float


@dataclasses.dataclass
class Growth:
    """All that was measured.

    done: the parts whose figures are here.
    """

    machine: dict[str, str] = dataclasses.field(default_factory=dict)
    done: dict[str, float] = dataclasses.field(default_factory=dict)
    """By the part's name the seconds that it took as a whole."""
    measured: list[Measured] = dataclasses.field(default_factory=list)

    def add(self, part: str, seconds: float, found: Sequence[Measured]) -> None:
        """A part's figures, in the place of older ones."""
        new = {(one.series, one.size) for one in found}
        kept = [one for one in self.measured if (one.series, one.size) not in new]
        self.measured = [*kept, *found]
        self.done[part] = seconds

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Growth:
        """What was kept; nothing where there is no such file."""
        if not path.exists():
            return cls()
        given: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        measured = [Measured(**one) for one in given["measured"]]
        return cls(given["machine"], given["done"], measured)


@dataclasses.dataclass(frozen=True)
class Trend:
    """How a series grew.

    Args:
        cpu, seconds: the rate of the last step as a share of the first step's, less one; None with
            fewer than three sizes. A step has no start-up in it, which all sizes share.
        memory: the peak at the largest size as a share of that at the one before it, less one.
    """

    series: str
    cpu: float | None
    seconds: float | None
    memory: float | None

    @property
    def is_linear(self) -> bool | None:
        """Whether neither CPU nor time grows faster than the size; slower is no fault."""
        if self.cpu is None or self.seconds is None:
            return None
        return max(self.cpu, self.seconds) <= LINEAR_WITHIN

    @property
    def is_flat(self) -> bool | None:
        return None if self.memory is None else self.memory <= FLAT_WITHIN


def bend(sizes: Sequence[int], values: Sequence[float]) -> float | None:
    """What one more costs in the last step, as a share of what it costs in the first one, less one.

    None with fewer than three sizes, or where the first step cost nothing.
    """
    if len(sizes) < 3:
        return None
    first = (values[1] - values[0]) / (sizes[1] - sizes[0])
    last = (values[-1] - values[-2]) / (sizes[-1] - sizes[-2])
    return last / first - 1 if first > 0 else None


def trends(measured: Sequence[Measured]) -> list[Trend]:
    """Of each series, in the order in which they were measured first."""
    found = []
    for series in dict.fromkeys(one.series for one in measured):
        of_series = sorted(
            (one for one in measured if one.series == series), key=lambda one: one.size
        )
        sizes = [one.size for one in of_series]
        memory = None
        if len(of_series) > 1:
            memory = of_series[-1].mebibytes / of_series[-2].mebibytes - 1
        found.append(
            Trend(
                series,
                bend(sizes, [one.cpu_seconds for one in of_series]),
                bend(sizes, [one.seconds for one in of_series]),
                memory,
            )
        )
    return found


def page_section(growth: Growth) -> str:
    """What docs/benchmarks.md says of growth."""
    rows = [
        (
            one.series,
            f"{one.size / MILLION:g}",
            f"{one.seconds:,.1f}",
            f"{one.cpu_seconds:,.1f}",
            f"{one.cpu_seconds / one.size * MILLION:.2f}",
            f"{one.mebibytes:,.0f}",
            f"{one.pace * 1_000:.1f}",
        )
        for one in sorted(growth.measured, key=lambda one: (one.series, one.size))
    ]
    head = ("", "millions", "seconds", "CPU seconds", "CPU s a million", "peak MiB", "pace, ms")
    judged = [
        (
            one.series,
            _share(one.cpu),
            _share(one.seconds),
            _told(one.is_linear),
            _share(one.memory),
            _told(one.is_flat),
        )
        for one in sorted(trends(growth.measured), key=lambda one: one.series)
    ]
    judged_head = (
        *("", "CPU, last step to first", "seconds"),
        f"linear within {LINEAR_WITHIN:.0%}",
        *("memory", f"flat within {FLAT_WITHIN:.0%}"),
    )
    machine = "; ".join(f"{name}: {one}" for name, one in growth.machine.items())
    return "\n".join([*table(head, rows), "", *table(judged_head, judged), "", f"- {machine}"])


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1%}"


def _told(holds: bool | None) -> str:
    return "-" if holds is None else "yes" if holds else "no"
