"""The alerts of templates/monitoring, by Prometheus' own engine: when they tell, and when not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stack import promtool
from tests.stack.part import StackError
from tests.templates.alert_rules import (
    CASES,
    RuleFiles,
    alerts_of,
    by_promtool,
    default_rules,
    metrics_in,
    rule_files,
    rules_of,
    write_cases,
    write_rules,
)

FILES = sorted(path.name for path in CASES.glob("*.yaml"))
GOOD = "good.yaml"
GOOD_TIMES = ("40m", "110m", "180m")


@pytest.fixture(scope="module")
def rules() -> RuleFiles:
    return default_rules()


@pytest.fixture(scope="module")
def folder(rules: RuleFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cases beside the rules that they are about."""
    made = tmp_path_factory.mktemp("alerts")
    write_rules(made / "rules", rules, ["summary"])
    for name in FILES:
        found = cases(name)
        if name == GOOD:
            # Of what is well nothing may be told by any alert.
            found["tests"][0]["alert_rule_test"] = [
                {"eval_time": time, "alertname": alert, "exp_alerts": []}
                for alert in alerts_of(rules)
                for time in GOOD_TIMES
            ]
        write_cases(made / name, found, rules)
    return made


def cases(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((CASES / name).read_text(encoding="utf-8")))


def questions() -> Iterator[dict[str, Any]]:
    """What is asked of alerts in all cases."""
    for name in FILES:
        for test in cases(name)["tests"]:
            yield from test.get("alert_rule_test", ())


@pytest.mark.parametrize("name", FILES)
def test_alerts_tell_what_they_must_and_nothing_else(name: str, folder: Path) -> None:
    assert "SUCCESS" in by_promtool(promtool.run_cases, folder / name)


@pytest.mark.parametrize("overlay", ["dev", "prod"])
def test_the_rules_of_an_overlay_are_taken_with_their_texts(overlay: str, tmp_path: Path) -> None:
    files = write_rules(tmp_path / "rules", rule_files(overlay))
    assert by_promtool(promtool.check_rules, *files).count("SUCCESS") == len(files) == 6


def test_cases_that_are_wrong_fail(folder: Path, rules: RuleFiles) -> None:
    broken = cases(GOOD)
    broken["tests"][0]["alert_rule_test"] = [
        {"eval_time": "40m", "alertname": "KamiflowLagHigh", "exp_alerts": [{"exp_labels": {}}]}
    ]
    path = write_cases(folder / "broken.yaml", broken, rules)
    with pytest.raises(StackError, match="KamiflowLagHigh"):
        by_promtool(promtool.run_cases, path)


def test_each_alert_is_seen_to_tell(rules: RuleFiles) -> None:
    told = {one["alertname"] for one in questions() if one["exp_alerts"]}
    assert told == alerts_of(rules).keys()


def test_each_alert_that_waits_is_seen_to_wait(rules: RuleFiles) -> None:
    waits = set()
    for name in FILES:
        for test in cases(name)["tests"]:
            asked = test.get("alert_rule_test", ())
            for one in asked:
                silent = [
                    minutes(other)
                    for other in asked
                    if other["alertname"] == one["alertname"] and not other["exp_alerts"]
                ]
                if one["exp_alerts"] and any(at < minutes(one) for at in silent):
                    waits.add(one["alertname"])
    assert {name for name, rule in alerts_of(rules).items() if "for" in rule} <= waits


def minutes(question: dict[str, Any]) -> int:
    return int(question["eval_time"].removesuffix("m"))


def test_what_is_well_has_all_that_an_alert_looks_at(rules: RuleFiles) -> None:
    # Else an alert would be silent there for want of anything to look at.
    recorded: dict[str, set[str]] = {}
    for rule in rules_of(rules):
        if "record" in rule:
            recorded.setdefault(rule["record"], set()).update(metrics_in(rule["expr"]))
    there = {re.split("[{ ]", one["series"])[0] for one in cases(GOOD)["tests"][0]["input_series"]}
    for name, rule in alerts_of(rules).items():
        looked_at, left = set[str](), metrics_in(rule["expr"])
        while left:
            metric = left.pop()
            left |= recorded.get(metric, set()) - looked_at
            looked_at.add(metric)
        for metric in looked_at - recorded.keys():
            assert any(re.fullmatch(metric, one) for one in there) or metric in ABSENT, (
                name,
                metric,
            )


ABSENT = {
    # Of a commit in a topic that is gone: the group is then not asked for.
    "kamiflow_consumer_orphaned_commit",
}


def test_each_alert_on_counters_is_silent_beside_a_counter_that_stands(rules: RuleFiles) -> None:
    # A pattern of counters that fits none of those of the good case would never be silent for it.
    there = [one["series"].partition("{")[0] for one in cases(GOOD)["tests"][0]["input_series"]]
    for name, rule in alerts_of(rules).items():
        for pattern in re.findall(r'counter=~"([^"]+)"', rule["expr"]):
            assert any(
                re.fullmatch(f"flink_taskmanager_job_task_operator_{pattern}", one) for one in there
            ), (name, pattern)


def test_each_alert_says_what_it_is_how_bad_and_where_its_remedy_is(rules: RuleFiles) -> None:
    for name, rule in alerts_of(rules).items():
        assert re.fullmatch("Kamiflow[A-Z][A-Za-z]+", name)
        assert rule["labels"] in ({"severity": "critical"}, {"severity": "warning"})
        annotations = rule["annotations"]
        assert set(annotations) == {"summary", "description", "runbook_url"}
        # The cases look at the summary alone.
        assert "{{" not in annotations["description"]
        assert annotations["description"].endswith(".")
        assert annotations["runbook_url"] == f"docs/operations.md#{name.lower()}"


def test_a_name_is_given_once(rules: RuleFiles) -> None:
    named = [rule.get("alert") or rule["record"] for rule in rules_of(rules)]
    again = {name for name in named if named.count(name) > 1}
    assert all(name.startswith("kamiflow:limit:") for name in again), again
    groups = [group["name"] for file in rules.values() for group in file]
    assert len(set(groups)) == len(groups)
