"""The checks of manifests find what an API server would refuse."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stack import kustomize
from tests.stack.part import Missing, StackError
from tests.templates import manifests
from tests.templates.crds import FOLDER, SOURCES, kept, slim
from tests.templates.manifests import problems, rendered
from tests.templates.structural import closed

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app.kubernetes.io/name: web}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: web:1
          env: [{name: LEVEL, value: "1"}]
          resources: {requests: {cpu: 500m, memory: 1.5Gi}}
"""
FLINK = """
apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: aml}
spec:
  image: flink:1
  flinkVersion: v1_19
  flinkConfiguration: {taskmanager.numberOfTaskSlots: "2"}
  serviceAccount: flink
  jobManager: {resource: {memory: 2048m, cpu: 1}}
  job: {jarURI: "local:///job.jar", parallelism: 2, upgradeMode: savepoint}
"""
EXTERNAL = """
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: aml}
spec:
  refreshInterval: 1h
  secretStoreRef: {kind: ClusterSecretStore, name: gcp}
  target: {name: aml}
  data: [{secretKey: password, remoteRef: {key: password}}]
"""
MONITOR = """
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: aml}
spec:
  selector: {matchLabels: {app: web}}
  podMetricsEndpoints: [{port: metrics, interval: 30s}]
"""
RULE = """
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: aml}
spec: {groups: [{name: a, rules: [{alert: Late, expr: up == 0, for: 5m}]}]}
"""
SERVICE_MONITOR = """
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: aml}
spec: {selector: {matchLabels: {app: web}}, endpoints: [{port: metrics}]}
"""
ALL = (DEPLOYMENT, FLINK, EXTERNAL, MONITOR, RULE, SERVICE_MONITOR)


def changed(text: str, path: str, value: Any) -> dict[str, Any]:
    """The document with a value at a path of names and numbers."""
    document = copy.deepcopy(yaml.safe_load(text))
    at = document
    *steps, last = path.split("/")
    for step in steps:
        at = at[int(step)] if isinstance(at, list) else at[step]
    at[last] = value
    return dict(document)


@pytest.mark.parametrize("text", ALL)
def test_a_good_document_has_no_problem(text: str) -> None:
    assert problems(yaml.safe_load(text)) == []


@pytest.mark.parametrize("text", ALL)
def test_a_field_that_no_kind_has_is_found(text: str) -> None:
    (problem,) = problems(changed(text, "spec/replica", 1))
    assert "'replica' was unexpected" in problem
    assert problem.startswith(f"{yaml.safe_load(text)['kind']}/")


@pytest.mark.parametrize(
    ("text", "path", "value", "said"),
    [
        (DEPLOYMENT, "spec/replicas", "two", "spec.replicas: 'two' is not"),
        (DEPLOYMENT, "spec/template/spec/containers/0/image", 1, "containers.0.image: 1 is not"),
        (DEPLOYMENT, "spec/template/spec/containers/0/env/0/value", 1, "value: 1 is not"),
        (DEPLOYMENT, "spec/template/spec/containers/0/ports", [{"port": 1}], "unexpected"),
        (DEPLOYMENT, "spec/template/spec/nodeSelector", None, "nodeSelector: has no value"),
        (DEPLOYMENT, "metadata/name", "Web_1", "'Web_1' is no name"),
        (DEPLOYMENT, "metadata/labels", {"a": "b c"}, "'b c' is no value of a label"),
        (DEPLOYMENT, "metadata/annotations", {"a": 1}, "a: 1 is no text"),
        (
            DEPLOYMENT,
            "spec/template/spec/containers/0/resources",
            {"limits": {"memory": "2 Gi"}},
            "'2 Gi' is no quantity",
        ),
        (FLINK, "spec/flinkVersion", "v1_7", "'v1_7' is not one of"),
        (FLINK, "spec/job/parallelism", "2", "'2' is not of type 'integer'"),
        (FLINK, "spec/flinkConfiguration/state.backend.type", 1, "1 is not of type 'string'"),
        (FLINK, "spec/podTemplate", {"spec": {"containerz": []}}, "'containerz' was unexpected"),
        (EXTERNAL, "spec/data/0/remoteRef", {"version": "1"}, "'key' is a required property"),
        (EXTERNAL, "spec/secretStoreRef/kind", "Store", "'Store' is not one of"),
        (EXTERNAL, "apiVersion", "external-secrets.io/v0", "no such kind"),
        (MONITOR, "spec/podMetricsEndpoints/0/port", 9249, "9249 is not of type 'string'"),
        (RULE, "spec/groups/0/rules", [{"alert": "Late"}], "'expr' is a required property"),
        (SERVICE_MONITOR, "spec/endpoints/0/prt", "a", "'prt' was unexpected"),
        (DEPLOYMENT, "kind", "Deploymint", "no such kind"),
        (DEPLOYMENT, "apiVersion", "apps/v1beta1", "no such kind"),
        (DEPLOYMENT, "apiVersion", "apps.example.org/v1", "no such kind"),
        (DEPLOYMENT, "apiVersion", 1, "must be texts"),
    ],
)
def test_a_wrong_document_is_found(text: str, path: str, value: Any, said: str) -> None:
    found = problems(changed(text, path, value))
    assert any(said in problem for problem in found), found


def test_all_problems_of_a_document_are_told() -> None:
    document = changed(DEPLOYMENT, "spec/replicas", "two")
    document["metadata"] = {}
    assert len(problems(document)) == 2


def test_what_has_a_default_need_not_be_given() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "default": "x"}, "b": {"type": "string"}},
        "required": ["a", "b"],
    }
    assert closed(schema)["required"] == ["b"]


def test_an_object_that_preserves_fields_takes_any_and_others_take_their_own() -> None:
    free = closed({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    assert free["additionalProperties"] is True
    assert closed({"type": "object"})["additionalProperties"] is False
    texts = closed({"type": "object", "additionalProperties": {"type": "string"}})
    assert texts["additionalProperties"] == {"type": "string"}


def test_a_definition_is_kept_without_what_controllers_write() -> None:
    field = {"type": "string", "description": "says what it is"}
    definition = {
        "spec": {
            "group": "example.org",
            "names": {"kind": "Thing"},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": name,
                    "served": name == "v1",
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {"description": field, "status": field},
                        }
                    },
                }
                for name in ("v1", "v0")
            ],
        }
    }
    made = kept(definition, SOURCES[0])
    assert made["schemas"] == {
        "v1": {"type": "object", "properties": {"description": {"type": "string"}}}
    }
    assert made["from"] == f"{SOURCES[0].package} {SOURCES[0].path}"
    assert slim([field]) == [{"type": "string"}]


def test_each_kept_definition_is_of_a_source_and_is_named_by_its_kind() -> None:
    found = [json.loads(path.read_text()) for path in FOLDER.glob("*.json")]
    assert {one["from"] for one in found} == {f"{one.package} {one.path}" for one in SOURCES}
    readme = (FOLDER / "README.md").read_text()
    for one in found:
        assert f"`{one['kind'].lower()}.json`" in readme
        assert one["licence"] == "Apache-2.0"


def test_a_folder_is_rendered_by_kustomize(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [web.yaml]\nnamespace: shop\n")
    (tmp_path / "web.yaml").write_text(DEPLOYMENT)
    (one,) = rendered(tmp_path)
    assert one["metadata"]["namespace"] == "shop"
    one["kind"] = "changed by a test"
    assert rendered(tmp_path)[0]["kind"] == "Deployment"


def test_a_folder_that_kustomize_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [web.yaml]\n")
    try:
        rendered(tmp_path)
    except StackError as error:
        assert "web.yaml" in str(error)
    else:
        pytest.fail("no error")


@pytest.mark.parametrize("ci", [True, False])
def test_without_kustomize_a_test_is_skipped_and_fails_in_ci(
    ci: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing(folder: Path) -> str:
        message = "'go' is needed"
        raise Missing(message)

    monkeypatch.setattr(manifests, "_built", missing)
    monkeypatch.setenv("CI", str(ci).lower())
    outcome = pytest.fail.Exception if ci else pytest.skip.Exception
    with pytest.raises(outcome, match="'go' is needed"):
        rendered(tmp_path)


def test_kustomize_is_of_one_version() -> None:
    assert "@v" in kustomize.MODULE
    assert kustomize.PART.recipe == kustomize.MODULE
