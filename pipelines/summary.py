"""The counts of a run that ended, and the file that holds them."""

from __future__ import annotations

from collections.abc import Mapping

from apache_beam.metrics.metric import MetricsFilter
from apache_beam.runners.runner import PipelineResult

from pipelines.metrics_told import Value
from pipelines.options import JobConfig
from pipelines.progress import total
from pipelines.summary_file import keep_summary
from pipelines.version import VERSION
from transforms.counters import NAMESPACE, statement_and_count
from transforms.refused import REFUSED
from transforms.sql.beam_sql_job import MixedPlan
from transforms.sql.errors import Script


def counts_of(result: PipelineResult, plan: MixedPlan) -> dict[str, dict[str, int]]:
    """The counts of each statement, from Beam's metrics; a count that never moved is 0."""
    names = [branch.name for branch in plan.branches]
    names += [branch.name for branch in plan.beam_sql]
    statements: dict[str, dict[str, int]] = {name: {} for name in names}
    found = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))
    for counter in found["counters"]:
        statement, count = statement_and_count(counter.key.metric.name)
        if statement in statements:
            value = counter.committed if counter.committed is not None else counter.attempted
            counts = statements[statement]
            counts[count] = counts.get(count, 0) + int(value)
    return {name: {**dict.fromkeys(total({}), 0), **counts} for name, counts in statements.items()}


def refused_of(result: PipelineResult) -> int:
    """The messages that sinks refused."""
    found = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))
    return sum(
        int(counter.committed if counter.committed is not None else counter.attempted)
        for counter in found["counters"]
        if statement_and_count(counter.key.metric.name)[1] == REFUSED
    )


def write_summary(
    config: JobConfig,
    script: Script,
    statements: Mapping[str, Mapping[str, int]],
    refused: int,
    seconds: float,
    decoder: str,
    metrics: Mapping[str, Mapping[str, Value]],
) -> None:
    """summary.json: the counts of all statements together and of each, how long it took, and the
    metrics of reading and of sinks."""
    summary = {
        "job": script.name,
        "version": VERSION,
        "decoder": decoder,
        "seconds": round(seconds, 3),
        **total(statements),
        "refused": refused,
        "statements": statements,
        "metrics": metrics,
    }
    keep_summary(config.output_dir, summary, "the events")
