"""A comparison as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.benchmarks.flink_results import Cost, Latency, Results, Verdict, costs, verdicts

WORKLOADS = {
    "json": "Kafka to Kafka as JSON",
    "lookup": "The same with a lookup join to PostgreSQL",
    "flat": "Flat rows, which Beam SQL takes too",
    "changes": "Kafka to rows of changes",
}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table; all columns but the first hold numbers."""
    ruler = ["---", *("---:" for _ in head[1:])]
    return ["| " + " | ".join(row) + " |" for row in (head, ruler, *rows)]


def ratio(value: float, reference: float | None) -> str:
    """How many times the reference it is."""
    return f"{value / reference:.2f}" if reference else "-"


def by_process(figures: Mapping[str, float], digits: int) -> str:
    return ", ".join(f"{name} {one:,.{digits}f}" for name, one in figures.items())


def cost_table(found: Sequence[Cost], names: Mapping[str, str], reference: str) -> list[str]:
    """What each engine takes, and how many times the reference that is."""
    of_reference = [cost for cost in found if cost.engine == reference]
    per_second = of_reference[0].per_second if of_reference else None
    cpu = of_reference[0].cpu_a_million if of_reference else None
    peak = of_reference[0].peak_mebibytes if of_reference else None
    head = (
        *("", "records/s", "ratio", "CPU s a million", "ratio", "±", "by process"),
        *("start, CPU s", "peak MiB", "ratio"),
    )
    rows = [
        (
            names.get(cost.engine, cost.engine),
            f"{cost.per_second:,.0f}",
            ratio(cost.per_second, per_second),
            f"{cost.cpu_a_million:.1f}",
            f"**{ratio(cost.cpu_a_million, cpu)}**",
            f"{cost.spread:.0%}",
            by_process(cost.cpu, 1),
            f"{cost.start:.1f}",
            f"{cost.peak_mebibytes:,.0f}",
            ratio(cost.peak_mebibytes, peak),
        )
        for cost in found
    ]
    return table(head, rows)


def latency_table(
    found: Mapping[str, Latency], names: Mapping[str, str], reference: str
) -> list[str]:
    base = found[reference].p99 if reference in found else None
    rows = [
        (
            names.get(name, name),
            f"{one.p50:.3f}",
            f"{one.p99:.3f}",
            f"**{ratio(one.p99, base)}**",
            f"{one.most:.3f}",
            f"{one.messages:,}",
        )
        for name, one in found.items()
    ]
    return table(("", "p50, s", "p99, s", "ratio of p99", "most, s", "messages"), rows)


def verdict_table(found: Sequence[Verdict]) -> list[str]:
    rows = [
        (one.what, f"{one.most:.1f}", "-" if one.ratio is None else f"{one.ratio:.2f}", one.told)
        for one in found
    ]
    return table(("target, as a ratio to Flink SQL", "at most", "found", ""), rows)


def page_section(results: Results, names: Mapping[str, str], reference: str, plot: str) -> str:
    """What docs/benchmarks.md says of a comparison.

    Args:
        names: of the engines, in words.
        plot: the picture's path, as the page names it.
    """
    lines = [f"![CPU seconds a million records]({plot})", ""]
    lines += [*verdict_table(verdicts(results, reference)), ""]
    for workload, title in WORKLOADS.items():
        found = costs(results, workload)
        failed = {
            name.partition("/")[2]: why
            for name, why in results.failures.items()
            if name.startswith(f"{workload}/")
        }
        if not found and not failed:
            continue
        lines += [f"### {title}", ""]
        if found:
            records = next(run.records for run in results.runs if run.workload == workload)
            lines += [f"{records:,} records, median of {max(one.runs for one in found)} runs.", ""]
            lines += [*cost_table(found, names, reference), ""]
        lines += [f"- {names.get(name, name)}: {why}" for name, why in failed.items()]
        if failed:
            lines.append("")
    if results.latencies:
        lines += ["### Live, 500 records a second", ""]
        lines += [*latency_table(results.latencies, names, reference), ""]
    lines += [f"- {one}" for one in results.same]
    machine = "; ".join(f"{name}: {one}" for name, one in results.machine.items())
    return "\n".join([*lines, f"- {machine}"])
