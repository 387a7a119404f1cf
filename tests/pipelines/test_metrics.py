"""The catalogue of metrics is what the pipelines make, what the page says, and fit for alerts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from pipeline_io import (
    bigquery_log,
    bigquery_row_writer,
    database_sink_writer,
    kafka_lag_commits,
    kafka_writer,
    pubsub,
    read_metrics,
    spanner_row_writer,
    splunk,
)
from pipeline_io.latency import COUNT, SUM
from pipeline_io.sink_metrics import TOPIC_TO_SINK
from pipelines import aml, audit_steps, change_log, change_log_step, metrics, run_job
from pipelines.metrics import METRICS, Kind, Metric, prometheus_name
from tests.pipelines.metrics_made import Made, noted, places
from transforms import counters, dead_letter_counts
from transforms.refused import REFUSED
from transforms.sql import windows_lateness

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
SINKS = (pubsub, kafka_writer, bigquery_log, database_sink_writer, spanner_row_writer, splunk)


def latency(*names: str) -> set[str]:
    return {name + end for name in names for end in ("", SUM, COUNT)}


def catalogued(namespace: str, *of: str) -> set[str]:
    return {
        metric.name
        for metric in METRICS
        if metric.namespace == namespace and (metric.of in of or not of)
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("metrics")


@pytest.fixture(scope="module")
def made(folder: Path) -> Made:
    """What two pipelines make of the recording that is shipped."""
    patch = pytest.MonkeyPatch()
    with noted(run_job, patch) as of_job, noted(change_log, patch) as of_log:
        assert aml.main([f"--output_dir={folder / 'aml'}"]) == 0
        flags = [
            "--source_name=shop",
            f"--source=recording:{aml.RECORDING}",
            f"--warehouse=duckdb:{folder / 'log.duckdb'}",
            f"--output_dir={folder / 'log'}",
        ]
        assert change_log.main(flags) == 0
    return of_job | of_log


def test_every_metric_that_a_pipeline_makes_is_in_the_catalogue(made: Made) -> None:
    unknown = [
        (kind, namespace, name)
        for kind, namespace, name in made
        if not any(each.makes(namespace, name) and each.kind.value == kind for each in METRICS)
    ]
    assert not unknown


def test_a_run_makes_the_metrics_of_statements_lookups_and_reading(made: Made) -> None:
    found = {metric.name for metric in METRICS for _, *of in made if metric.makes(of[0], of[1])}
    # Counters that never moved are not there: this recording has no second row for a key.
    assert found >= {"records", "events", "filtered", "tombstones", "dead_letters", "<class>"}
    assert found >= {"lookup_hits", "lookup_fetched_keys", "lookup_queries", "rows", "bytes"}
    assert found >= latency("source_to_topic_ms", "topic_to_read_ms", TOPIC_TO_SINK)


def test_a_summary_has_the_metrics_that_are_no_counts_of_statements(
    folder: Path, made: Made
) -> None:
    summaries = [
        json.loads((folder / name / "summary.json").read_text(encoding="utf-8"))
        for name in ("aml", "log")
    ]
    told = [summary["metrics"].items() for summary in summaries]
    found = {(space, name) for spaces in told for space, of in spaces for name in of}
    assert found == {(space, name) for _, space, name in made if space != counters.NAMESPACE}
    _, log = summaries
    read = log["metrics"]["kamiflow.read"]
    assert read["all/topic_to_read_ms"]["count"] == read["all/records"] == log["records"] > 0
    assert read["all/topic_to_read_ms"]["sum"] == read["all/topic_to_read_ms_sum"]


def test_the_catalogue_has_what_the_code_names_and_nothing_else() -> None:
    lookups = {f"lookup_{name}" for name in counters.LOOKUP_COUNTS}
    statement = {*counters.COUNTS, *lookups, *windows_lateness.COUNTS}
    assert catalogued(counters.NAMESPACE, "statement") == statement
    assert catalogued(counters.NAMESPACE, "sink") == {REFUSED}
    log = set(change_log_step.COUNTS)
    assert catalogued(counters.NAMESPACE, "all", "table") == log | set(audit_steps.OPS)
    assert catalogued(dead_letter_counts.NAMESPACE) == {"<class>"}
    read = {*read_metrics.COUNTS, *latency(*read_metrics.LATENCIES)}
    assert catalogued(read_metrics.NAMESPACE) == read
    assert catalogued(change_log_step.LOG_NAMESPACE) == latency(TOPIC_TO_SINK)
    assert catalogued(audit_steps.LATENCY_NAMESPACE) == latency(audit_steps.SOURCE_TO_SINK)
    assert catalogued(kafka_lag_commits.NAMESPACE) == {kafka_lag_commits.FAILURES}
    for sink in SINKS:
        more = {bigquery_row_writer.LEFT_OUT} if sink is bigquery_log else set()
        more |= set(splunk.DISTRIBUTIONS) if sink is splunk else set()
        expected = {*sink.COUNTS, *more, *latency(TOPIC_TO_SINK)}
        assert catalogued(sink.NAMESPACE) == expected, sink.NAMESPACE


def test_no_other_place_makes_a_metric() -> None:
    assert set(places()) == {
        ("io/bigquery_log.py", "NAMESPACE"),
        ("io/bigquery_row_writer.py", "NAMESPACE"),
        ("io/database_sink_writer.py", "NAMESPACE"),
        ("io/kafka_lag_commits.py", "NAMESPACE"),
        ("io/kafka_writer.py", "NAMESPACE"),
        ("io/latency.py", "namespace"),
        ("io/pubsub.py", "NAMESPACE"),
        ("io/read_metrics.py", "NAMESPACE"),
        ("io/sink_metrics.py", "namespace"),
        ("io/spanner_row_writer.py", "NAMESPACE"),
        ("io/splunk.py", "NAMESPACE"),
        ("pipelines/audit_steps.py", "LATENCY_NAMESPACE"),
        ("pipelines/audit_steps.py", "NAMESPACE"),
        ("pipelines/change_log_step.py", "LOG_NAMESPACE"),
        ("pipelines/change_log_step.py", "NAMESPACE"),
        ("transforms/counters.py", "NAMESPACE"),
        ("transforms/dead_letter_counts.py", "NAMESPACE"),
        ("transforms/refused.py", "NAMESPACE"),
        ("transforms/sql/windows_lateness.py", "NAMESPACE"),
    }


def test_no_metric_is_catalogued_twice() -> None:
    names = [(metric.namespace, metric.of, metric.name) for metric in METRICS]
    assert len(names) == len(set(names))


def test_prometheus_and_dataflow_have_a_name_for_every_counter(made: Made) -> None:
    for kind, namespace, name in made:
        told = prometheus_name(namespace, name)
        assert re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", told)
        for_prometheus = [each for each in METRICS if each.makes_for_prometheus(told)]
        assert bool(for_prometheus) == (kind == Kind.COUNTER.value), told


@pytest.mark.parametrize(
    ("namespace", "name", "expected"),
    [
        ("kamiflow", "events.1/dead_letters", "kamiflow_events_1_dead_letters"),
        (
            "kamiflow.pubsub",
            "events/topic_to_sink_ms_sum",
            "kamiflow_pubsub_events_topic_to_sink_ms_sum",
        ),
    ],
)
def test_a_name_for_prometheus_has_the_names_parts(
    namespace: str, name: str, expected: str
) -> None:
    assert prometheus_name(namespace, name) == f"{metrics.FLINK_SCOPE}{expected}"


def test_a_distribution_is_four_metrics_of_dataflow_and_none_of_prometheus() -> None:
    (found,) = [metric for metric in METRICS if metric.name == "age_ms"]
    assert found.cloud_names == tuple(f"{{sink}}/age_ms{end}" for end in metrics.CLOUD_ENDS)
    assert found.prometheus_name is None
    assert not found.makes_for_prometheus(prometheus_name("kamiflow.splunk", "events/age_ms"))


def rows(listed: Iterable[Metric]) -> list[str]:
    """The page's table."""
    return [
        f"| `{metric.namespace}` | `{metric.beam_name}` | {metric.kind.value} | {metric.unit} | "
        f"{metric.meaning} |"
        for metric in listed
    ]


def test_the_page_has_the_catalogue() -> None:
    shown = re.findall(r"^\| `kamiflow[^|]*` \| `\{.*$", PAGE.read_text(encoding="utf-8"), re.M)
    assert "\n".join(shown) == "\n".join(rows(METRICS))
