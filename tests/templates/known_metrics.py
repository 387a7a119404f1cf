"""Metrics of others that alerts and dashboards name, and where each comes from."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

CONNECT = Path(__file__).parents[2] / "templates" / "connect" / "base" / "metrics.yaml"

FLINK = {
    # Scraped of a job manager and a task manager of Flink 1.19 with the Prometheus reporter.
    "flink_jobmanager_job_lastCheckpointDuration",
    "flink_jobmanager_job_lastCheckpointFullSize",
    "flink_jobmanager_job_numRestarts",
    "flink_jobmanager_job_numberOfCompletedCheckpoints",
    "flink_jobmanager_job_numberOfFailedCheckpoints",
    "flink_jobmanager_job_runningTime",
    # Of MetricNames in flink-runtime 1.19: TaskIOMetricGroup, and the ResourceManager.
    "flink_jobmanager_numRegisteredTaskManagers",
    "flink_taskmanager_job_task_backPressuredTimeMsPerSecond",
}

KUBE_STATE_METRICS = {
    # docs/metrics/workload of kubernetes/kube-state-metrics: all of them STABLE there.
    "kube_cronjob_created",
    "kube_cronjob_spec_suspend",
    "kube_cronjob_status_last_successful_time",
    "kube_deployment_spec_replicas",
    "kube_job_failed",
    "kube_job_status_start_time",
}

PROMETHEUS = {
    # Prometheus' own, of each scrape and of each alert.
    "ALERTS",
    "up",
}


def connect_metrics() -> set[str]:
    """What the JMX exporter of templates/connect shows."""
    rules = yaml.safe_load(CONNECT.read_text(encoding="utf-8"))["rules"]
    return {name for rule in rules for name in _names(rule["name"], rule["pattern"])}


def _names(name: str, pattern: str) -> list[str]:
    """The names that a rule may make: `$3` is one of the words of the pattern's third group."""
    match = re.search(r"\$(\d)", name)
    if match is None:
        return [name]
    groups = re.findall(r"\(([^()]*)\)", pattern)
    words = groups[int(match[1]) - 1].split("|")
    return [name.replace(match[0], re.sub(r"\W", "_", word)) for word in words]
