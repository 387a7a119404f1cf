"""Policies and dashboard of Cloud Monitoring: its own messages take them, and they tell."""

from __future__ import annotations

import datetime
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from google.cloud.monitoring_dashboard_v1 import Dashboard
from google.cloud.monitoring_v3 import AlertPolicy
from google.protobuf import json_format

from pipelines import metrics
from tests.stack import promtool
from tests.templates.alert_rules import CASES, MONITORING, by_promtool, metrics_in, write_rules

CLOUD = MONITORING / "cloud"
POLICIES = sorted((CLOUD / "policies").glob("*.json"))
WORLDS = CASES.parent / "alerts_cloud.yaml"

PUBLISHED = {
    # cloud.google.com/monitoring/api/metrics_gcp, by the names that PromQL has for them.
    "dataflow_googleapis_com:job_current_num_vcpus",
    "dataflow_googleapis_com:job_data_watermark_age",
    "dataflow_googleapis_com:job_is_failed",
    "dataflow_googleapis_com:job_system_lag",
    "pubsub_googleapis_com:subscription_num_undelivered_messages",
    "pubsub_googleapis_com:subscription_oldest_unacked_message_age",
}
USER_COUNTER = re.sub(r"[^\w:]", "_", metrics.CLOUD_METRIC.replace("/", ":", 1))


def policy(path: Path) -> AlertPolicy:
    """A policy by Google's own message; a field that it does not have is a ParseError."""
    read = AlertPolicy()
    json_format.Parse(path.read_text(encoding="utf-8"), AlertPolicy.pb(read))
    return read


def dashboard() -> Dashboard:
    read = Dashboard()
    text = (CLOUD / "dashboard.json").read_text(encoding="utf-8")
    json_format.Parse(text, Dashboard.pb(read))
    return read


def condition(path: Path) -> AlertPolicy.Condition.PrometheusQueryLanguageCondition:
    (found,) = policy(path).conditions
    return found.condition_prometheus_query_language


def seconds(path: Path) -> float:
    """How long the condition has to hold."""
    duration: datetime.timedelta = condition(path).duration  # type: ignore[assignment]
    return duration.total_seconds()


def charts() -> dict[str, list[str]]:
    """The queries of each chart by its title."""
    return {
        tile.widget.title: [
            one.time_series_query.prometheus_query for one in tile.widget.xy_chart.data_sets
        ]
        for tile in dashboard().mosaic_layout.tiles
    }


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_a_policy_says_what_it_is_how_bad_and_where_its_remedy_is(path: Path) -> None:
    read = policy(path)
    assert read.display_name == path.stem
    assert read.severity in (AlertPolicy.Severity.CRITICAL, AlertPolicy.Severity.WARNING)
    assert read.combiner == AlertPolicy.ConditionCombinerType.OR
    assert f"docs/operations.md#{path.stem.lower()}" in read.documentation.content
    assert read.documentation.mime_type == "text/markdown"
    asked = condition(path)
    assert asked.alert_rule == path.stem
    assert seconds(path) % 60 == 0
    assert asked.evaluation_interval == datetime.timedelta(minutes=1)
    # Channels are the project's: they are given when it is made.
    assert not read.notification_channels
    assert not read.name


def test_a_field_that_the_service_does_not_have_is_refused(tmp_path: Path) -> None:
    whole = json.loads(POLICIES[0].read_text(encoding="utf-8"))
    whole["conditions"][0]["conditionPrometheusQueryLanguage"]["treshold"] = 5
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(whole), encoding="utf-8")
    with pytest.raises(json_format.ParseError, match="treshold"):
        policy(path)


def test_policies_tell_what_they_must_and_nothing_else(tmp_path: Path) -> None:
    rules = [
        {
            "alert": path.stem,
            "expr": condition(path).query,
            "for": f"{seconds(path):g}s",
        }
        for path in POLICIES
    ]
    (made,) = write_rules(tmp_path / "rules", {"cloud": [{"name": "cloud", "rules": rules}]})
    shutil.copy(made, tmp_path)
    shutil.copy(WORLDS, tmp_path)
    assert "SUCCESS" in by_promtool(promtool.run_cases, tmp_path / WORLDS.name)


def test_each_policy_is_seen_to_tell_and_to_be_silent() -> None:
    good, bad = yaml.safe_load(WORLDS.read_text(encoding="utf-8"))["tests"]
    names = {path.stem for path in POLICIES}
    assert {one["alertname"] for one in good["alert_rule_test"]} == names
    assert all(one["exp_alerts"] == [] for one in good["alert_rule_test"])
    told = {one["alertname"] for one in bad["alert_rule_test"] if one["exp_alerts"]}
    assert told == names


def queries() -> Mapping[str, list[str]]:
    return {path.stem: [condition(path).query] for path in POLICIES} | charts()


def test_queries_name_metrics_that_there_are() -> None:
    for name, texts in queries().items():
        for text in texts:
            assert metrics_in(text) <= PUBLISHED | {USER_COUNTER}, name


def test_patterns_fit_metrics_that_pipelines_make() -> None:
    made = [name for one in metrics.METRICS for name in one.cloud_names]
    found = {
        pattern
        for texts in queries().values()
        for text in texts
        for pattern in re.findall(r'metric_name=~"([^"]+)"', text)
    }
    assert len(found) > 5
    for pattern in found:
        for word in re.sub(r"\.\+/\(?([^)]*)\)?", r"\1", pattern).split("|"):
            assert any(re.fullmatch(f".+/{word}", name) for name in made), pattern


def test_the_dashboard_has_no_chart_over_another() -> None:
    filled = set[tuple[int, int]]()
    layout = dashboard().mosaic_layout
    for tile in layout.tiles:
        assert tile.x_pos + tile.width <= layout.columns
        cells = {
            (x, y)
            for x in range(tile.x_pos, tile.x_pos + tile.width)
            for y in range(tile.y_pos, tile.y_pos + tile.height)
        }
        assert not filled & cells
        filled |= cells


def test_prometheus_reads_all_that_the_dashboard_asks(tmp_path: Path) -> None:
    texts = [text for found in charts().values() for text in found]
    assert len(texts) > 10
    assert all("$" not in text for text in texts)
    rules = [{"record": f"chart:{number}", "expr": text} for number, text in enumerate(texts)]
    files = write_rules(tmp_path / "rules", {"charts": [{"name": "charts", "rules": rules}]})
    assert "SUCCESS" in by_promtool(promtool.check_rules, *files)
