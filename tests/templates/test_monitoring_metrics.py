"""Rules, dashboard and adapter name metrics that there are, and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kami.lag_metrics import METRICS
from pipelines import metrics
from tests.stack import promtool
from tests.templates.alert_rules import (
    MONITORING,
    RuleFiles,
    alerts_of,
    by_promtool,
    metrics_in,
    rule_files,
    rules_of,
    write_rules,
)
from tests.templates.known_metrics import FLINK, KUBE_STATE_METRICS, PROMETHEUS, connect_metrics

SCOPE = metrics.FLINK_SCOPE
DASHBOARD = MONITORING / "dashboard" / "kamiflow.json"
VARIABLES = {"$__rate_interval": "5m", "$namespace": "n", "$group": ".*", "$job": ".*"}


@pytest.fixture(scope="module")
def prod() -> RuleFiles:
    return rule_files("prod")


def recorded(files: RuleFiles) -> set[str]:
    return {rule["record"] for rule in rules_of(files) if "record" in rule}


def unknown(names: set[str], files: RuleFiles) -> set[str]:
    of_kami = {one.name + ("_total" if one.is_counter else "") for one in METRICS}
    known = of_kami | FLINK | KUBE_STATE_METRICS | PROMETHEUS | connect_metrics() | recorded(files)
    return names - known - {f"{SCOPE}kamiflow_.+"}


def test_rules_name_metrics_that_there_are(prod: RuleFiles) -> None:
    for rule in rules_of(prod):
        assert unknown(metrics_in(rule["expr"]), prod) == set(), rule


def counter_names() -> list[str]:
    """A name of each counter on Flink, as the rules see it: without Flink's scope."""
    words = {"<error>": "BadRecord", "<class>": "BadRecord"}
    found = []
    for one in metrics.METRICS:
        if (name := one.prometheus_name) is not None:
            text = name.removeprefix(SCOPE).replace(f"{{{one.of}}}", "of_it")
            for word, value in words.items():
                text = text.replace(word, value)
            found.append(re.sub("<.*>", "BadRecord", text))
    return found


def patterns(expressions: Iterator[str]) -> set[str]:
    return {one for text in expressions for one in re.findall(r'counter=~"([^"]+)"', text)}


def test_patterns_of_counters_fit_counters_that_pipelines_make(prod: RuleFiles) -> None:
    names = counter_names()
    expressions = [rule["expr"] for rule in rules_of(prod)] + [text for _, text in targets()]
    found = patterns(iter(expressions))
    assert len(found) > 8
    for pattern in found:
        for branch in branches(pattern):
            assert any(re.fullmatch(branch, name) for name in names), branch


def branches(pattern: str) -> list[str]:
    """A pattern for each of the alternatives in it, of which each has to fit something."""
    match = re.search(r"\(([^()]*\|[^()]*)\)", pattern)
    if match is None:
        return [pattern]
    before, after = pattern[: match.start()], pattern[match.end() :]
    return [one for part in match[1].split("|") for one in branches(before + part + after)]


def test_dead_letters_are_told_apart_from_all_other_counters(prod: RuleFiles) -> None:
    (rule,) = [one for one in rules_of(prod) if one.get("record") == DEAD_LETTERS]
    (pattern,) = patterns(iter([rule["expr"]]))
    fitting = [name for name in counter_names() if re.fullmatch(pattern, name)]
    assert fitting == ["kamiflow_dead_letters_of_it_BadRecord"]


DEAD_LETTERS = "kamiflow:dead_letters:increase5m"


def dashboard() -> dict[str, Any]:
    return dict(json.loads(DASHBOARD.read_text(encoding="utf-8")))


def targets() -> list[tuple[str, str]]:
    """(title, expression) of what is drawn, with values in the place of variables."""
    found = []
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            text = target["expr"]
            for variable, value in VARIABLES.items():
                text = text.replace(variable, value)
            found.append((panel["title"], text))
    return found


def test_the_dashboard_draws_metrics_that_there_are(prod: RuleFiles) -> None:
    for title, text in targets():
        assert unknown(metrics_in(text), prod) == set(), title


def test_prometheus_reads_all_that_the_dashboard_asks(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{n}", "expr": text} for n, (_, text) in enumerate(targets())]
    assert len(rules) > 20
    assert all("$" not in rule["expr"] for rule in rules)
    files = write_rules(tmp_path / "rules", {"panels": [{"name": "panels", "rules": rules}]})
    assert "SUCCESS" in by_promtool(promtool.check_rules, *files)


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    whole = dashboard()
    numbers = [panel["id"] for panel in whole["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert {variable["name"] for variable in whole["templating"]["list"]} == {
        "datasource",
        *(name.removeprefix("$") for name in VARIABLES if not name.startswith("$__")),
    }
    filled = set[tuple[int, int]]()
    for panel in whole["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not filled & cells, panel["title"]
        filled |= cells
        if panel["type"] != "row":
            refs = [target["refId"] for target in panel["targets"]]
            assert len(set(refs)) == len(refs) > 0
            sources = [panel["datasource"], *(one["datasource"] for one in panel["targets"])]
            assert all(one == {"type": "prometheus", "uid": "${datasource}"} for one in sources)


def test_the_dashboard_is_found_by_grafana(prod: RuleFiles) -> None:
    component = yaml.safe_load((DASHBOARD.parent / "kustomization.yaml").read_text("utf-8"))
    (made,) = component["configMapGenerator"]
    assert made["files"] == [DASHBOARD.name]
    assert made["options"]["labels"] == {"grafana_dashboard": "1"}
    assert alerts_of(prod)


def test_the_adapter_asks_for_metrics_of_kami_lag() -> None:
    config = yaml.safe_load((MONITORING / "adapter" / "config.yaml").read_text("utf-8"))
    (rule,) = config["externalRules"]
    (pattern,) = metrics_in(rule["seriesQuery"])
    assert {one.name for one in METRICS if re.fullmatch(pattern, one.name)} == {
        "kamiflow_consumer_group_lag_records",
        "kamiflow_consumer_group_lag_seconds",
    }
    assert all(one.labels == ("group",) for one in METRICS if re.fullmatch(pattern, one.name))
