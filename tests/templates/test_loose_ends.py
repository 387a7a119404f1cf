"""The checks of what objects name, and of what containers keep to, find what is wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.templates.hardening import quantity, weaknesses
from tests.templates.loose_ends import loose_ends
from tests.templates.workloads import fits, pods_of

GOOD = """
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web}
  spec:
    selector: {matchLabels: {app: web}}
    template:
      metadata: {labels: {app: web}}
      spec:
        serviceAccountName: web
        automountServiceAccountToken: false
        securityContext:
          runAsNonRoot: true
          seccompProfile: {type: RuntimeDefault}
        containers:
          - name: web
            image: web:1
            envFrom: [{configMapRef: {name: web}}]
            env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: web, key: password}}}]
            ports: [{name: http, containerPort: 8080}]
            startupProbe: &probe {httpGet: {path: /, port: http}}
            livenessProbe: *probe
            readinessProbe: {tcpSocket: {port: 8080}}
            resources: {requests: {cpu: 1, memory: 1Gi}, limits: {memory: 1Gi}}
            securityContext:
              runAsUser: 1000
              readOnlyRootFilesystem: true
              allowPrivilegeEscalation: false
              capabilities: {drop: [ALL]}
            volumeMounts: [{name: tmp, mountPath: /tmp}]
        volumes: [{name: tmp, emptyDir: {}}]
- {kind: ServiceAccount, metadata: {name: web}}
- {kind: ConfigMap, metadata: {name: web}, data: {LEVEL: info}}
- kind: ExternalSecret
  metadata: {name: outer}
  spec: {target: {name: web}, data: [{secretKey: password, remoteRef: {key: p}}]}
- kind: Service
  metadata: {name: web}
  spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
- {kind: NetworkPolicy, metadata: {name: web}, spec: {podSelector: {matchLabels: {app: web}}}}
- {kind: PodDisruptionBudget, metadata: {name: web}, spec: {selector: {matchLabels: {app: web}}}}
- kind: PodMonitor
  metadata: {name: web}
  spec: {selector: {matchLabels: {app: web}}, podMetricsEndpoints: [{port: http}]}
- kind: HorizontalPodAutoscaler
  metadata: {name: web}
  spec: {scaleTargetRef: {kind: Deployment, name: web}}
- kind: RoleBinding
  metadata: {name: web}
  roleRef: {kind: Role, name: web}
  subjects: [{kind: ServiceAccount, name: web}]
- {kind: Role, metadata: {name: web}}
"""
POD = "0/spec/template/spec"
CONTAINER = f"{POD}/containers/0"


def broken(path: str, value: Any) -> list[dict[str, Any]]:
    """The good documents with a value at a path of names and numbers; the place must be there."""
    documents: list[dict[str, Any]] = copy.deepcopy(yaml.safe_load(GOOD))
    at: Any = documents
    *steps, last = (int(step) if step.isdecimal() else step for step in path.split("/"))
    for step in steps:
        at = at[step]
    at[last] = value
    return documents


def found_in(check: Callable[[Any], list[str]], path: str, value: Any) -> str:
    return "\n".join(check(broken(path, value)))


def test_good_objects_have_nothing_wrong() -> None:
    documents = yaml.safe_load(GOOD)
    assert loose_ends(documents) == weaknesses(documents) == []


@pytest.mark.parametrize(
    ("path", "value", "wrong"),
    [
        (f"{POD}/serviceAccountName", "x", "ServiceAccount/x is not there"),
        (f"{POD}/volumes/0/name", "x", "no volume 'tmp'"),
        (f"{POD}/volumes/0/name", "x", "volume 'x' is mounted nowhere"),
        (f"{POD}/volumes/0", {"name": "tmp", "configMap": {"name": "x"}}, "ConfigMap/x is not"),
        (f"{POD}/volumes/0", {"name": "tmp", "secret": {"secretName": "x"}}, "Secret/x is not"),
        (
            f"{POD}/volumes/0",
            {"name": "tmp", "projected": {"sources": [{"secret": {"name": "x"}}]}},
            "Secret/x is not there",
        ),
        (
            f"{CONTAINER}/volumeMounts",
            [{"name": "tmp", "mountPath": "/tmp"}] * 2,  # noqa: S108  (a path of a container)
            "two volumes at /tmp",
        ),
        (f"{CONTAINER}/envFrom/0/configMapRef/name", "x", "ConfigMap/x is not there"),
        (f"{CONTAINER}/env/0/valueFrom/secretKeyRef/name", "x", "Secret/x is not there"),
        (f"{CONTAINER}/env/0/valueFrom/secretKeyRef/key", "x", "Secret/web has no key 'x'"),
        (f"{CONTAINER}/startupProbe", {"httpGet": {"port": "x"}}, "startupProbe asks port 'x'"),
        (f"{CONTAINER}/readinessProbe/tcpSocket/port", 1, "readinessProbe asks port 1"),
        ("0/spec/selector/matchLabels/app", "x", "its selector is not of its pods"),
        ("1/metadata/name", "x", "RoleBinding/web: ServiceAccount/web is not there"),
        ("4/spec/selector/app", "x", "Service/web: its selector is of no pod"),
        ("4/spec/ports/0/targetPort", "x", "Service/web: Deployment/web has no port 'x'"),
        ("5/spec/podSelector/matchLabels/app", "x", "NetworkPolicy/web: its selector is of no pod"),
        ("6/spec/selector/matchLabels/app", "x", "PodDisruptionBudget/web: its selector"),
        ("7/spec/podMetricsEndpoints/0/port", "x", "PodMonitor/web: Deployment/web has no port"),
        ("8/spec/scaleTargetRef/name", "x", "Deployment/x is not there"),
        ("9/roleRef/name", "x", "Role/x is not there"),
        ("1/kind", "Role", "Role/web: twice"),
    ],
)
def test_a_loose_end_is_found(path: str, value: Any, wrong: str) -> None:
    assert wrong in found_in(loose_ends, path, value)


def test_what_others_make_is_taken_at_their_word() -> None:
    documents = broken(f"{POD}/serviceAccountName", "x")
    assert loose_ends(documents) != []
    assert loose_ends(documents, elsewhere=["ServiceAccount/x"]) == []


@pytest.mark.parametrize(
    ("path", "value", "wrong"),
    [
        (f"{POD}/securityContext/runAsNonRoot", False, "may run as root"),
        (f"{POD}/securityContext/seccompProfile", {}, "may call anything"),
        (f"{POD}/automountServiceAccountToken", True, "the account's token"),
        (f"{POD}/hostNetwork", True, "hostNetwork"),
        (f"{CONTAINER}/securityContext/readOnlyRootFilesystem", False, "can be written"),
        (f"{CONTAINER}/securityContext/allowPrivilegeEscalation", True, "more privileges"),
        (f"{CONTAINER}/securityContext/privileged", True, "more privileges"),
        (f"{CONTAINER}/securityContext/capabilities", {}, "has capabilities"),
        (f"{CONTAINER}/securityContext/runAsUser", 0, "no user by number"),
        (f"{CONTAINER}/resources/requests", {"cpu": 1}, "asks for no memory"),
        (f"{CONTAINER}/resources/requests", {"memory": "1Gi"}, "asks for no cpu"),
        (f"{CONTAINER}/resources/requests/memory", "2Gi", "asks for more memory"),
        (f"{CONTAINER}/resources/limits", {}, "takes any memory"),
        (f"{CONTAINER}/image", "web", "without a version"),
        (f"{CONTAINER}/image", "web:latest", "another one each day"),
    ],
)
def test_a_weakness_is_found(path: str, value: Any, wrong: str) -> None:
    assert wrong in found_in(weaknesses, path, value)


def test_a_container_without_a_probe_is_found_unless_its_work_ends() -> None:
    documents = broken(f"{CONTAINER}/name", "web")
    del documents[0]["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]
    assert weaknesses(documents) == ["Deployment/web web: no livenessProbe"]
    documents[0]["kind"] = "Job"
    assert weaknesses(documents) == []


def test_containers_before_the_others_count_and_need_probes_if_they_last() -> None:
    documents = broken(f"{CONTAINER}/name", "web")
    spec = documents[0]["spec"]["template"]["spec"]
    first = {key: value for key, value in spec["containers"][0].items() if "Probe" not in key}
    spec["initContainers"] = [first | {"name": "first", "ports": []}]
    assert weaknesses(documents) == []
    spec["initContainers"][0]["restartPolicy"] = "Always"
    assert len(weaknesses(documents)) == 3
    (pod,) = pods_of(documents)
    assert [one["name"] for one in pod.lasting] == ["first", "web"]


@pytest.mark.parametrize(
    ("text", "value"), [("500m", 0.5), (2, 2.0), ("1.5Gi", 1.5 * 2**30), ("3k", 3000.0)]
)
def test_a_quantity_has_a_value(text: str | int, value: float) -> None:
    assert quantity(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "Gi", "2 Gi", "2Zi"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        quantity(text)


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("In", ["web"], True),
        ("In", ["x"], False),
        ("NotIn", ["web"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
    ],
)
def test_a_selector_is_of_labels(operator: str, values: list[str], expected: bool) -> None:
    selector = {"matchExpressions": [{"key": "app", "operator": operator, "values": values}]}
    assert fits(selector, {"app": "web"}) is expected


def test_a_selector_with_another_word_is_refused() -> None:
    with pytest.raises(ValueError, match="Like"):
        fits({"matchExpressions": [{"key": "app", "operator": "Like"}]}, {"app": "web"})
