"""The Kubernetes objects of templates/monitoring: valid, and fitting what they are about."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from kami.topics_file import read_wanted
from tests.templates.alert_rules import MONITORING, alerts_of, default_rules, rule_files, rules_of
from tests.templates.kami_arguments import refusal_of
from tests.templates.loose_ends import loose_ends
from tests.templates.manifests import problems, rendered
from tests.templates.standards import shortcomings
from tests.templates.workloads import Document, Pod, of_kind, pods_of

OVERLAYS = ("dev", "prod")
TEMPLATES = MONITORING.parent
OPTIONAL = "Secret/kamiflow-lag"
"""A Kafka without a login has none."""
METRIC = "kamiflow_consumer_group_lag_records"


def one_of(documents: list[dict[str, Any]], kind: str) -> Document:
    (found,) = of_kind(documents, kind)
    return found


def exporter(overlay: str) -> Pod:
    (pod,) = pods_of(rendered(MONITORING / overlay))
    return pod


@pytest.mark.parametrize("folder", [*OVERLAYS, "adapter"])
def test_what_is_rendered_would_be_taken(folder: str) -> None:
    documents = rendered(MONITORING / folder)
    assert [problem for one in documents for problem in problems(one)] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_has_what_it_takes(overlay: str) -> None:
    kinds = [one["kind"] for one in rendered(MONITORING / overlay)]
    assert kinds.count("PrometheusRule") == 6
    for kind in ("Deployment", "Service", "ServiceMonitor", "PodMonitor", "NetworkPolicy"):
        assert kinds.count(kind) == 1
    assert kinds.count("ExternalSecret") == (overlay == "prod")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_objects_fit_each_other_and_the_workers_of_connect(overlay: str) -> None:
    documents = rendered(MONITORING / overlay)
    workers = rendered(TEMPLATES / "connect" / overlay)
    ends = loose_ends([*documents, *workers], elsewhere=[OPTIONAL])
    assert [end for end in ends if "kamiflow-lag" in end or "PodMonitor" in end] == []
    found = [one for one in shortcomings(documents) if "PodMonitor/connect" not in one]
    assert [one for one in found if OPTIONAL not in one] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_exporter_is_given_arguments_that_kami_lag_takes(overlay: str) -> None:
    container = exporter(overlay).container("kami")
    assert refusal_of(container["args"]) is None
    assert container["args"][0] == "lag"
    flags = dict(one.split("=", 1) for one in container["args"][1:])
    port = int(flags["--listen"].rpartition(":")[2])
    assert container["ports"] == [{"name": "metrics", "containerPort": port}]
    # Of what did not answer Prometheus is told, and not that it took too long.
    (endpoint,) = one_of(rendered(MONITORING / overlay), "ServiceMonitor")["spec"]["endpoints"]
    assert int(endpoint["scrapeTimeout"].rstrip("s")) > float(flags["--timeout-seconds"])
    assert flags["--file"] == "/etc/kami/topics.yaml"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_exporter_has_a_file_that_it_can_read(overlay: str, tmp_path: Path) -> None:
    path = MONITORING / overlay / "topics.yaml"
    text = path.read_text(encoding="utf-8")
    (tmp_path / "KAFKA_PASSWORD").write_text("of the secret")
    read = tmp_path / path.name
    read.write_text(text.replace("/etc/kami-secrets", str(tmp_path)), encoding="utf-8")
    assert read_wanted(read).brokers
    named = {
        volume["configMap"]["name"]
        for volume in exporter(overlay).spec["volumes"]
        if "configMap" in volume
    }
    (made,) = [
        one
        for one in of_kind(rendered(MONITORING / overlay), "ConfigMap")
        if one["metadata"]["name"] in named
    ]
    assert made["data"] == {path.name: text}


def test_the_password_is_a_file_that_the_secret_gives() -> None:
    secret = one_of(rendered(MONITORING / "prod"), "ExternalSecret")
    keys = [one["secretKey"] for one in secret["spec"]["data"]]
    pod = exporter("prod")
    (mount,) = [one for one in pod.container("kami")["volumeMounts"] if one["name"] == "secrets"]
    (volume,) = [one for one in pod.spec["volumes"] if one["name"] == "secrets"]
    assert volume["secret"]["secretName"] == secret["metadata"]["name"]
    assert loaded("prod/topics.yaml")["client"]["sasl.password"] in [
        f"file://{mount['mountPath']}/{key}" for key in keys
    ]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_prometheus_finds_the_exporter_by_the_name_that_alerts_know(overlay: str) -> None:
    documents = rendered(MONITORING / overlay)
    service, monitor = one_of(documents, "Service"), one_of(documents, "ServiceMonitor")
    labels = service["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert labels[monitor["spec"]["jobLabel"]] == "kamiflow-lag"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_leaves_out_no_limit(overlay: str) -> None:
    # A limit that is missing is an alert that never tells.
    assert limits(overlay) | {"kamiflow:limit:cronjob_seconds"} == limits("base")
    used = {
        word
        for rule in rules_of(rule_files(overlay))
        for word in rule["expr"].replace("(", " ").replace("{", " ").replace(")", " ").split()
        if word.startswith("kamiflow:limit:")
    }
    assert used == limits("base")


def limits(overlay: str) -> set[str]:
    files = default_rules() if overlay == "base" else rule_files(overlay)
    return {rule["record"] for group in files["limits"] for rule in group["rules"]}


def test_the_adapter_has_the_same_rules_by_helm_and_by_manifests() -> None:
    config = loaded("adapter/config.yaml")
    values = loaded("adapter/values.yaml")
    assert values["rules"]["external"] == config["externalRules"]
    made = one_of(rendered(MONITORING / "adapter"), "ConfigMap")
    assert yaml.safe_load(made["data"]["config.yaml"]) == config


def loaded(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((MONITORING / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_autoscaler_asks_for_what_the_exporter_measures(overlay: str) -> None:
    autoscaler = one_of(rendered(TEMPLATES / "flink" / overlay), "HorizontalPodAutoscaler")
    (metric,) = autoscaler["spec"]["metrics"]
    external = metric["external"]["metric"]
    assert external["name"] == METRIC
    pod = exporter(overlay)
    group = external["selector"]["matchLabels"]["group"]
    assert f"--group={group}" in pod.container("kami")["args"]
    # And the job commits to it.
    flags = (TEMPLATES / "flink" / overlay / "flags.txt").read_text(encoding="utf-8")
    assert f"--lag_group={group}" in flags.split()
    # The adapter looks in the autoscaler's own namespace.
    assert pod.document["metadata"]["namespace"] == autoscaler["metadata"]["namespace"]


def test_keda_scales_what_the_autoscaler_does_by_the_same_number() -> None:
    autoscaler = one_of(rendered(TEMPLATES / "flink" / "prod"), "HorizontalPodAutoscaler")
    spec, keda = autoscaler["spec"], loaded("keda/scaledobject.yaml")
    assert problems(keda) == []
    assert keda["metadata"]["namespace"] == autoscaler["metadata"]["namespace"]
    assert keda["spec"]["scaleTargetRef"]["name"] == spec["scaleTargetRef"]["name"]
    assert keda["spec"]["minReplicaCount"] == spec["minReplicas"]
    assert keda["spec"]["maxReplicaCount"] == spec["maxReplicas"]
    (trigger,) = keda["spec"]["triggers"]
    external = spec["metrics"][0]["external"]
    group = external["metric"]["selector"]["matchLabels"]["group"]
    assert trigger["metadata"]["query"] == f'max({METRIC}{{namespace="kamiflow",group="{group}"}})'
    wanted = str(external["target"]["averageValue"]).replace("k", "000")
    assert trigger["metadata"]["threshold"] == wanted


def test_the_page_has_each_limit_and_who_compares_with_it() -> None:
    page = (TEMPLATES.parent / "docs" / "monitoring.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(kamiflow:limit:\w+)` \| ([\d., ]+) \| (.*) \|$", page, re.MULTILINE)
    assert {name: [float(one) for one in values.split(",")] for name, values, _ in rows} == {
        name: [
            float(rule["expr"].removeprefix("vector(").removesuffix(")"))
            for group in default_rules()["limits"]
            for rule in group["rules"]
            if rule["record"] == name
        ]
        for name in limits("base")
    }
    files = rule_files("prod")
    made = {rule["record"]: rule["expr"] for rule in rules_of(files) if "record" in rule}
    for name, _, alerts in rows:
        for alert in re.findall(r"`(\w+)`", alerts):
            expression = alerts_of(files)[alert]["expr"]
            # By the limit of the group, which is made of it.
            of_group = name.replace(":limit:", ":group_limit:")
            assert name in expression or (of_group in expression and name in made[of_group])
