"""docs/capacity.md's tables, computed from what `flink_speed` has measured.

python -m tests.benchmarks.capacity [--results out/benchmarks/flink.json]
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.flink_results import MILLION, Cost, Results, costs
from tests.benchmarks.flink_tables import table
from tests.benchmarks.page import write_section

PAGE = Path(__file__).parents[2] / "docs" / "capacity.md"
PLANNED = 0.6
"""Of a core: the rest catches up after an outage, and is taken by what else a machine does."""
RATES = (10_000, 100_000, 1_000_000)
SLOTS = 2
"""Of a task manager, as templates/flink ships it."""
DATAFLOW_CORES = 4
"""Of an n1-standard-4."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A kind of job, by what it was measured as."""

    told: str
    workload: str
    engine: str


ONE_PROCESS = ("direct", "prism")
"""Engines whose Python is one process, whatever the cores: its statement runs on little more than
one of them."""
JOBS = (
    Job("Kafka to JSON, DirectRunner", "json", "direct"),
    Job("Kafka to JSON, Prism", "json", "prism"),
    Job("Kafka to JSON, Flink with KafkaIO", "json", "flink"),
    Job("with a lookup join, DirectRunner", "lookup", "direct"),
    Job("with a lookup join, Flink with KafkaIO", "lookup", "flink"),
    Job("rows of changes, DirectRunner", "changes", "direct"),
)


def cores(per_second: float, cpu_a_million: float) -> int:
    """Whole cores for so many records a second, each used by PLANNED."""
    return math.ceil(per_second * cpu_a_million / MILLION / PLANNED)


def found(results: Results) -> list[tuple[Job, Cost]]:
    """The jobs that were measured."""
    by_name = {
        (workload, cost.engine): cost
        for workload in {job.workload for job in JOBS}
        for cost in costs(results, workload)
    }
    return [
        (job, by_name[job.workload, job.engine])
        for job in JOBS
        if (job.workload, job.engine) in by_name
    ]


def workers(measured: Sequence[tuple[Job, Cost]]) -> list[str]:
    """What one worker does, and what a partition did."""
    head = (
        *("job", "CPU s a million", "records/s a core", "planned, 60 %"),
        *("records/s of one partition, measured", "peak MiB"),
    )
    rows = [
        (
            job.told,
            f"{cost.cpu_a_million:.1f}",
            f"{MILLION / cost.cpu_a_million:,.0f}",
            f"{MILLION / cost.cpu_a_million * PLANNED:,.0f}",
            f"{cost.per_second:,.0f}",
            f"{cost.peak_mebibytes:,.0f}",
        )
        for job, cost in measured
    ]
    return table(head, rows)


def sizes(measured: Sequence[tuple[Job, Cost]]) -> list[str]:
    """Cores, partitions, task managers and Dataflow workers for each rate."""
    head = (
        *("changes/s", "job", "cores", "partitions at least"),
        *("task managers of 2 slots", "n1-standard-4 on Dataflow"),
    )
    rows = []
    for rate in RATES:
        for job, cost in measured:
            needed = cores(rate, cost.cpu_a_million)
            if needed > 1 and job.engine in ONE_PROCESS:
                rows.append(
                    (f"{rate:,}", job.told, *("more than its one process does", "", "", ""))
                )
                continue
            # What one partition did, and no more than a core's plan.
            of_one = min(cost.per_second * PLANNED, MILLION / cost.cpu_a_million)
            partitions = max(needed, math.ceil(rate / of_one))
            rows.append(
                (
                    f"{rate:,}",
                    job.told,
                    f"{needed:,}",
                    f"{partitions:,}",
                    f"{math.ceil(needed / SLOTS):,}" if job.engine == "flink" else "-",
                    f"{math.ceil(needed / DATAFLOW_CORES):,}" if job.engine == "flink" else "-",
                )
            )
    return table(head, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("out/benchmarks/flink.json"))
    parser.add_argument("--page", type=Path, default=PAGE)
    flags = parser.parse_args()
    results = Results.read(flags.results)
    measured = found(results)
    machine = "; ".join(f"{name}: {one}" for name, one in results.machine.items())
    write_section("workers", "\n".join([*workers(measured), "", f"- {machine}"]), flags.page)
    write_section("sizes", "\n".join(sizes(measured)), flags.page)


if __name__ == "__main__":
    main()
