"""docs/flink_kubernetes.md says what templates/flink has."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.templates.dockerfile import ROOT
from tests.templates.flink_checks import FOLDER
from tests.templates.manifests import problems, rendered
from tests.templates.workloads import at, named, of_kind

PAGE = (ROOT / "docs" / "flink_kubernetes.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("overlay", ["dev", "prod", "prod-operator"])
def test_the_page_tells_of_each_file_of_an_overlay(overlay: str) -> None:
    told = set(re.findall(r"^\| `([\w.]+)` \| ", PAGE, re.MULTILINE))
    assert {path.name for path in (FOLDER / overlay).iterdir()} == told


def test_the_page_tells_of_each_option_and_what_it_needs() -> None:
    told = dict(re.findall(r"^\| `\.\./components/(\w+)` \|[^|]+\|(.+)\|$", PAGE, re.MULTILINE))
    assert set(told) == {path.name for path in (FOLDER / "components").iterdir()}
    for name, needs in told.items():
        text = (FOLDER / "components" / name / "kustomization.yaml").read_text(encoding="utf-8")
        wanted = set(re.findall(r"\$\((\w+)\)", text)) - {"DATADOG_API_KEY"}
        wanted |= set(re.findall(r"key: ([a-z-]+)", text))
        for word in wanted:
            assert f"`{word}`" in needs, word


def test_the_objects_of_the_page_are_there() -> None:
    there = {
        re.sub(r"-[bcdfghkmt2456789]{10}$", "", named(one)) for one in rendered(FOLDER / "prod")
    }
    told = re.findall(r"^\| (\w+) `(aml-[\w-]+)` \|", PAGE, re.MULTILINE)
    assert len(told) == 6
    assert {f"{kind}/{name}" for kind, name in told} <= there
    for name in re.findall(r"deployment/(aml-\w+)", PAGE):
        assert f"Deployment/{name}" in there
    for container in re.findall(r"logs -n kamiflow deployment/aml-jobmanager -c ([\w-]+)", PAGE):
        assert container == "job"


def test_the_accounts_of_workload_identity_are_those_of_the_pods() -> None:
    bound = set(re.findall(r"svc\.id\.goog\[(\w+)/([\w-]+)\]", PAGE))
    accounts = of_kind(rendered(FOLDER / "prod"), "ServiceAccount")
    assert bound == {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in accounts}
    for one in accounts:
        email = one["metadata"]["annotations"]["iam.gke.io/gcp-service-account"]
        assert f"serviceAccount:{email} --role=roles/storage.objectUser" in PAGE


def test_the_figures_of_scaling_are_those_of_the_autoscaler() -> None:
    (one,) = of_kind(rendered(FOLDER / "prod"), "HorizontalPodAutoscaler")
    (metric,) = one["spec"]["metrics"]
    assert at(metric, "external.target.averageValue") == "50k"
    assert "50,000 records" in PAGE
    down = one["spec"]["behavior"]["scaleDown"]
    assert (down["stabilizationWindowSeconds"], down["policies"][0]["periodSeconds"]) == (1800, 600)
    assert "10 minutes after half an hour" in PAGE
    config = yaml.safe_load((FOLDER / "base" / "config.yaml").read_text(encoding="utf-8"))
    assert f"`pipeline.max-parallelism` ({config['pipeline.max-parallelism']})" in PAGE
    assert f"Flink with {config['taskmanager.numberOfTaskSlots']} slots" in PAGE


def test_the_objects_that_the_page_writes_are_ones_that_kubernetes_takes() -> None:
    store, snapshot = (
        yaml.safe_load(text) for text in re.findall(r"<<END\n(.*?)    END", PAGE, re.DOTALL)
    )
    assert problems(store) == problems(snapshot) == []
    (secret,) = of_kind(rendered(FOLDER / "prod"), "ExternalSecret")
    reference = at(secret, "spec.secretStoreRef")
    assert (reference["kind"], reference["name"]) == (store["kind"], store["metadata"]["name"])
    (flink,) = of_kind(rendered(FOLDER / "prod-operator"), "FlinkDeployment")
    assert at(snapshot, "spec.jobReference.name") == flink["metadata"]["name"]


def test_links_to_the_page_of_operations_lead_to_sections_of_it() -> None:
    sections = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", OPERATIONS, re.MULTILINE)
    }
    anchors = set(re.findall(r"\(operations\.md#([\w-]+)\)", PAGE))
    assert len(anchors) >= 3
    assert anchors <= sections
