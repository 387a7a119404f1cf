"""What the lag exporter really serves, scraped as Prometheus does, under the rules on it."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from kami.errors import UnreachableError
from kami.lag import Edges, Lag, Oldest, Partition
from kami.lag_exporter import Source
from kami.lag_metrics import Answer, kafka_answer
from kami.lag_question import Group
from kami.lag_reading import Reading
from tests.kami.lag.live_lag import exporter_of
from tests.stack import promtool
from tests.templates.alert_rules import by_promtool, default_rules, write_cases, write_rules

PLACE = Partition("t", 0)
TARGET = {"namespace": "kamiflow", "job": "kamiflow-lag", "pod": "kamiflow-lag-1"}
"""What Prometheus adds to each series."""
RULES = ("limits", "freshness")
AWAY = 20
MINUTES = 40


def reading(minute: int) -> Reading:
    """A group that keeps up, and one that stands still; each record is a minute old."""
    edges = {PLACE: Edges(0, 100 + minute, 100 + minute)}
    groups, lags = [], []
    for name, committed in (("good", 99 + minute), ("stuck", 50)):
        behind = 100 + minute - committed
        groups.append(Group(name, 1, {PLACE: committed}))
        lag = Lag(name, PLACE, committed, edges[PLACE], records=behind, seconds=behind * 60.0)
        lags.append(dataclasses.replace(lag, oldest=Oldest(committed, 0), lost=0, ahead=0))
    return Reading(tuple(groups), tuple(lags), edges)


class Broker:
    """Answers a minute later each time; after a while not at all."""

    def __init__(self) -> None:
        self.minute = -1

    def answer(self) -> Answer:
        self.minute += 1
        if self.minute >= AWAY:
            message = "nobody is there"
            raise UnreachableError(message)
        return kafka_answer(reading(self.minute))


def scraped() -> list[dict[str, str]]:
    """Series as promtool has them: a scrape a minute, and `_` where one has no sample."""
    found: dict[str, dict[int, float]] = defaultdict(dict)
    ticks = iter(range(0, 1_000_000, 10))
    with exporter_of([Source("kafka", Broker().answer)], lambda: float(next(ticks))) as exporter:
        for minute in range(MINUTES):
            text = httpx.get(f"{exporter.url}/metrics", timeout=60).text
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    labels = {**sample.labels, **TARGET}
                    named = ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
                    found[f"{sample.name}{{{named}}}"][minute] = sample.value
    return [
        # Prometheus marks a series that is missing in a scrape as stale.
        {"series": series, "values": " ".join(_value(values, at) for at in range(MINUTES))}
        for series, values in found.items()
    ]


def _value(values: dict[int, float], minute: int) -> str:
    if minute in values:
        return f"{values[minute]:g}"
    return "stale" if minute - 1 in values else "_"


def test_alerts_see_what_the_exporter_serves(tmp_path: Path) -> None:
    files = {name: groups for name, groups in default_rules().items() if name in RULES}
    write_rules(tmp_path / "rules", files, ["summary"])

    def told(at: str, name: str, severity: str, summary: str, **labels: str) -> dict[str, Any]:
        alert = {
            "exp_labels": {"severity": severity, "namespace": "kamiflow", **labels},
            "exp_annotations": {"summary": summary},
        }
        return {"eval_time": at, "alertname": name, "exp_alerts": [alert]}

    stuck = "stuck has committed nothing, and 68 records wait"
    down = "The lag exporter gets no answer of kafka"
    cases = {
        "rule_files": [f"rules/{name}.yaml" for name in RULES],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": scraped(),
                "promql_expr_test": [
                    # What prometheus-adapter asks for a HorizontalPodAutoscaler.
                    {
                        "eval_time": "18m",
                        "expr": "max by (group) (kamiflow_consumer_group_lag_records"
                        '{namespace="kamiflow",group="stuck"})',
                        "exp_samples": [{"labels": '{group="stuck"}', "value": 68}],
                    },
                    # While nobody knows there is no number, and not 0.
                    {
                        "eval_time": "21m",
                        "expr": "max by (group) (kamiflow_consumer_group_lag_records)",
                        "exp_samples": [],
                    },
                ],
                "alert_rule_test": [
                    told(
                        "18m",
                        "KamiflowLagHigh",
                        "warning",
                        "stuck is 1h 8m 0s behind",
                        group="stuck",
                    ),
                    told("18m", "KamiflowGroupStuck", "critical", stuck, group="stuck"),
                    {"eval_time": "18m", "alertname": "KamiflowLagSourceDown", "exp_alerts": []},
                    {"eval_time": "18m", "alertname": "KamiflowLagUnknown", "exp_alerts": []},
                    told("30m", "KamiflowLagSourceDown", "critical", down, source="kafka"),
                    {"eval_time": "30m", "alertname": "KamiflowLagHigh", "exp_alerts": []},
                ],
            }
        ],
    }
    path = write_cases(tmp_path / "cases.yaml", cases, files)
    assert "SUCCESS" in by_promtool(promtool.run_cases, path)
