"""The metrics of a run that ended, for its summary."""

from __future__ import annotations

from typing import TypeAlias

from apache_beam.runners.runner import PipelineResult

from transforms.counters import NAMESPACE

Value: TypeAlias = int | dict[str, int]
"""Of a counter, or of a distribution: its count, sum, min and max."""


def told_metrics(result: PipelineResult) -> dict[str, dict[str, Value]]:
    """The metrics by namespace and name (pipelines.metrics), in the order of these, but for the
    counts of statements and tables, which a summary has elsewhere."""
    found: dict[str, dict[str, Value]] = {}
    queried = result.metrics().query()
    for each in queried["counters"]:
        value = each.committed if each.committed is not None else each.attempted
        _put(found, each.key.metric.namespace, each.key.metric.name, int(value))
    for each in queried["distributions"]:
        spread = each.committed if each.committed is not None else each.attempted
        if spread.count:
            told = {name: int(getattr(spread, name)) for name in ("count", "sum", "min", "max")}
            _put(found, each.key.metric.namespace, each.key.metric.name, told)
    return {namespace: dict(sorted(of.items())) for namespace, of in sorted(found.items())}


def _put(found: dict[str, dict[str, Value]], namespace: str, name: str, value: Value) -> None:
    if namespace.startswith(f"{NAMESPACE}."):
        found.setdefault(namespace, {})[name] = value
