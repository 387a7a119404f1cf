"""Figures of a comparison: kept as JSON while it is measured, and set in relation afterwards."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.live_processes import Usage
from tests.benchmarks.live_runs import Backlog

MILLION = 1_000_000


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of an engine over a backlog.

    span_seconds: from the first message to the last; 0 where nothing is written.
    """

    workload: str
    engine: str
    records: int
    seconds: float
    span_seconds: float
    usage: dict[str, Usage]
    broker_cpu_seconds: float

    @classmethod
    def of(cls, workload: str, engine: str, found: Backlog) -> Run:
        broker = sum(one.cpu_seconds for one in found.broker.values())
        return cls(
            *(workload, engine, found.records, found.seconds, found.span_seconds),
            found.usage,
            broker,
        )


@dataclasses.dataclass(frozen=True)
class Latency:
    """Seconds from a record's timestamp to its message's."""

    p50: float
    p99: float
    most: float
    messages: int


@dataclasses.dataclass
class Results:
    """All of a comparison.

    starts: runs over a few records; what such a run costs is the start.
    failures: why an engine has no figures, by workload and engine.
    """

    machine: dict[str, str] = dataclasses.field(default_factory=dict)
    same: list[str] = dataclasses.field(default_factory=list)
    starts: list[Run] = dataclasses.field(default_factory=list)
    runs: list[Run] = dataclasses.field(default_factory=list)
    latencies: dict[str, Latency] = dataclasses.field(default_factory=dict)
    failures: dict[str, str] = dataclasses.field(default_factory=dict)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Results:
        given: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            given["machine"],
            given["same"],
            [_run(one) for one in given["starts"]],
            [_run(one) for one in given["runs"]],
            {name: Latency(**one) for name, one in given["latencies"].items()},
            given["failures"],
        )

    def without(self, workloads: Sequence[str], *, live: bool) -> Results:
        """What other runs have measured, for one that measures these workloads."""

        def is_other(name: str) -> bool:
            return name not in workloads

        return Results(
            self.machine,
            [one for one in self.same if is_other(one.partition(":")[0])],
            [one for one in self.starts if is_other(one.workload)],
            [one for one in self.runs if is_other(one.workload)],
            {} if live else self.latencies,
            {one: why for one, why in self.failures.items() if is_other(one.partition("/")[0])},
        )


def _run(given: dict[str, Any]) -> Run:
    usage = {name: Usage(**one) for name, one in given.pop("usage").items()}
    return Run(**given, usage=usage)


@dataclasses.dataclass(frozen=True)
class Cost:
    """What an engine takes for a workload: the median of its runs, without its start.

    Args:
        per_second: records, from the first message to the last; where nothing is written, of the
            time that the start does not take.
        whole_per_second: records, from the start of the process to its end.
        cpu: seconds a million records, by process.
        peak: MiB, by process, the most of all runs.
        start: CPU seconds.
        spread: half the range of the runs' CPU, as a share of the median.
    """

    engine: str
    runs: int
    per_second: float
    whole_per_second: float
    cpu: dict[str, float]
    peak: dict[str, float]
    start: float
    spread: float

    @property
    def cpu_a_million(self) -> float:
        return sum(self.cpu.values())

    @property
    def peak_mebibytes(self) -> float:
        return sum(self.peak.values())


def costs(results: Results, workload: str) -> list[Cost]:
    """By engine, in the order of the first runs."""
    names = dict.fromkeys(run.engine for run in results.runs if run.workload == workload)
    return [
        _cost(
            [run for run in results.runs if (run.workload, run.engine) == (workload, name)],
            [run for run in results.starts if (run.workload, run.engine) == (workload, name)],
        )
        for name in names
    ]


def _cost(runs: Sequence[Run], starts: Sequence[Run]) -> Cost:
    records = runs[0].records
    cpu, peak = {}, {}
    # A process that not every run had to start is one all the same.
    for name in dict.fromkeys(name for run in runs for name in run.usage):
        begun = [run.usage[name].cpu_seconds for run in starts if name in run.usage]
        used = [run.usage.get(name, Usage()).cpu_seconds for run in runs]
        start = statistics.median(begun) if begun else 0.0
        cpu[name] = max(0.0, statistics.median(used) - start) / records * MILLION
        peak[name] = max(run.usage.get(name, Usage()).peak_mebibytes for run in runs)
    whole = [_cpu(run) for run in runs]
    seconds = statistics.median(run.seconds for run in runs)
    span = statistics.median(run.span_seconds for run in runs)
    if not span:
        begun = [run.seconds for run in starts]
        span = max(seconds - (statistics.median(begun) if begun else 0.0), 1e-3)
    return Cost(
        runs[0].engine,
        len(runs),
        records / span,
        records / seconds,
        cpu,
        peak,
        statistics.median(map(_cpu, starts)) if starts else 0.0,
        (max(whole) - min(whole)) / 2 / statistics.median(whole),
    )


def _cpu(run: Run) -> float:
    return sum(one.cpu_seconds for one in run.usage.values())


@dataclasses.dataclass(frozen=True)
class Target:
    """A ratio to the reference that a figure must not be above."""

    what: str
    engine: str
    workload: str
    most: float


TARGETS = (
    Target("CPU, Kafka to Kafka, DirectRunner", "direct", "json", 0.5),
    Target("CPU, with the lookup join, DirectRunner", "direct", "lookup", 0.5),
    Target("CPU, Kafka to Kafka, Flink with KafkaIO", "flink", "json", 1.0),
)
LIVE_TARGETS = ("direct", "prism", "flink")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """ratio: None where it was not measured."""

    what: str
    most: float
    ratio: float | None

    @property
    def told(self) -> str:
        if self.ratio is None:
            return "not measured"
        return "met" if self.ratio <= self.most else f"missed by {self.ratio / self.most - 1:.0%}"


def verdicts(results: Results, reference: str) -> list[Verdict]:
    """Of all targets: of CPU, then of the live p99."""
    found = []
    for target in TARGETS:
        by_name = {cost.engine: cost for cost in costs(results, target.workload)}
        ratio = None
        if {reference, target.engine} <= set(by_name):
            ratio = by_name[target.engine].cpu_a_million / by_name[reference].cpu_a_million
        found.append(Verdict(target.what, target.most, ratio))
    live = results.latencies
    for name in LIVE_TARGETS:
        known = {reference, name} <= set(live)
        ratio = live[name].p99 / live[reference].p99 if known else None
        found.append(Verdict(f"live p99, {name}", 1.0, ratio))
    return found
