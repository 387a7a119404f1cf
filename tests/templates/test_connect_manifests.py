"""A cluster of Kafka Connect on Kubernetes: templates/connect, rendered."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kami.cli import main as kami_main
from kami.errors import ConfigurationError
from tests.templates.connect_checks import cluster_of, topics_of, unfit
from tests.templates.connect_pods import METRICS_PORT, REST_PORT, entry_point
from tests.templates.container_view import by_name, pod_of
from tests.templates.kami_arguments import refusal_of
from tests.templates.manifests import problems, rendered
from tests.templates.standards import shortcomings
from tests.templates.workloads import pods_of

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "templates" / "connect"
OVERLAYS = ("dev", "prod")
POSTGRESQL = """\
connect:
  url: http://connect-${DATABASE}:8083
registry:
  url: ${SCHEMA_REGISTRY}
kafka:
  brokers: ${KAFKA_BROKERS}
connectors:
  - name: crm
    type: postgresql
    host: crm-db
    user: debezium
    password: ${directory:/etc/connect/secrets:DATABASE_PASSWORD}
    database: crm
    tables: [people, app.notes]
"""

every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)
Documents = list[dict[str, Any]]


@pytest.fixture
def prod() -> Documents:
    """A copy that a test may break."""
    return copy.deepcopy(rendered(FOLDER / "prod"))


def one(documents: Documents, kind: str, name: str = "") -> dict[str, Any]:
    (found,) = [
        document
        for document in documents
        if document["kind"] == kind and document["metadata"]["name"].startswith(name)
    ]
    return found


@every_overlay
def test_every_object_is_one_that_kubernetes_takes(overlay: str) -> None:
    documents = rendered(FOLDER / overlay)
    assert [problem for document in documents for problem in problems(document)] == []
    assert sorted(document["kind"] for document in documents) == [
        *("ConfigMap", "ConfigMap", "ConfigMap", "CronJob", "Deployment", "ExternalSecret", "Job"),
        *("NetworkPolicy", "NetworkPolicy", "PodDisruptionBudget"),
        *(["PodMonitor"] if overlay == "prod" else []),
        *("Service", "ServiceAccount"),
    ]


@every_overlay
def test_what_pods_name_is_there_and_they_keep_to_the_standards(overlay: str) -> None:
    assert shortcomings(rendered(FOLDER / overlay)) == []


@every_overlay
def test_worker_connectors_and_topics_fit_each_other(overlay: str, tmp_path: Path) -> None:
    cluster = cluster_of(rendered(FOLDER / overlay), tmp_path)
    assert unfit(cluster) == []
    # And nothing is made that nobody writes to.
    assert {topic.name for topic in cluster.topics.topics} == set(topics_of(cluster))


@every_overlay
def test_kami_takes_what_its_containers_say(overlay: str) -> None:
    said = [
        container["args"]
        for pod in pods_of(rendered(FOLDER / overlay))
        for container in pod.containers
        if "/kami:" in container["image"]
    ]
    assert [words[:2] for words in said] == [
        ["connectors", "status"],
        ["topics", "apply"],
        ["connectors", "apply"],
    ]
    assert [refusal_of(words) for words in said] == [None] * 3


def test_a_flag_that_kami_lacks_is_found() -> None:
    assert "--nonsense" in str(refusal_of(["connectors", "apply", "--nonsense"]))
    assert "many" in str(refusal_of(["connectors", "apply", "--wait-seconds", "many"]))
    assert refusal_of(["connectors", "applies"]) is not None
    assert kami_main.name == "main"


@every_overlay
def test_an_overlay_has_the_files_of_the_page_and_no_other_differences(overlay: str) -> None:
    page = (ROOT / "docs" / "connect_kubernetes.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([\w.]+)` \|", page, re.MULTILINE))
    assert {path.name for path in (FOLDER / overlay).iterdir()} <= told
    whole = yaml.safe_load((FOLDER / overlay / "kustomization.yaml").read_text(encoding="utf-8"))
    keys = {"apiVersion", "kind", "namespace", "nameSuffix", "labels", "resources", "images"}
    assert set(whole) - {"replicas", "patches"} == {*keys, "configMapGenerator"}
    assert whole["resources"] == ["../base", "secrets.yaml"]
    ours, base = (
        [copy.deepcopy(document) for document in rendered(FOLDER / name) if is_everywhere(document)]
        for name in (overlay, "prod")
    )
    for document in (*ours, *base):
        # What is meant to differ: the files' hashes, images, the number of workers.
        document.get("spec", {}).pop("replicas", None)
    same = [re.sub(r"(-shop)-\w{10}\b|(/\w+):[\w.]+", r"\1\2", json.dumps(x)) for x in ours]
    other = [re.sub(r"(-shop)-\w{10}\b|(/\w+):[\w.]+", r"\1\2", json.dumps(x)) for x in base]
    differ = {json.loads(x)["kind"] for x, y in zip(same, other, strict=True) if x != y}
    assert differ <= {"ConfigMap", "ExternalSecret"}


def is_everywhere(document: dict[str, Any]) -> bool:
    """False for what needs Prometheus' operator, which a cluster for development may lack."""
    return bool(document["kind"] != "PodMonitor")


def test_each_database_is_scraped_once() -> None:
    monitor = one(rendered(FOLDER / "prod"), "PodMonitor")["spec"]
    worker = one(rendered(FOLDER / "prod"), "Deployment")["spec"]
    assert monitor["selector"]["matchLabels"] == worker["selector"]["matchLabels"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    (container,) = worker["template"]["spec"]["containers"]
    assert endpoint["port"] in {port["name"] for port in container["ports"]}


def test_a_worker_is_started_with_what_is_mounted_and_its_ports_are_told() -> None:
    documents = rendered(FOLDER / "prod")
    pod = pod_of(documents, "Deployment/connect-shop")
    container = pod.container("connect")
    words = " ".join(entry_point())
    mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
    for path in re.findall(r"/etc/connect/[\w.]+", words):
        assert path in mounted
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"rest": REST_PORT, "metrics": METRICS_PORT}
    assert f"={METRICS_PORT}:" in words
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] == "rest"
    # A worker hands over before it is killed.
    worker = one(documents, "ConfigMap", "connect-worker")["data"]["worker.properties"]
    (patience,) = re.findall(r"^task.shutdown.graceful.timeout.ms=(\d+)$", worker, re.MULTILINE)
    assert int(patience) / 1000 < pod.spec["terminationGracePeriodSeconds"]
    assert f"http://0.0.0.0:{REST_PORT}" in worker


def test_jobs_are_tried_again_only_where_that_may_help() -> None:
    documents = rendered(FOLDER / "prod")
    job = one(documents, "Job")["spec"]
    rules = job["podFailurePolicy"]["rules"]
    fails = {
        rule["onExitCodes"]["containerName"]: rule["onExitCodes"]["values"]
        for rule in rules
        if rule["action"] == "FailJob"
    }
    assert fails == {"topics": [1, 2], "connectors": [2]}
    cron = one(documents, "CronJob")["spec"]["jobTemplate"]["spec"]
    assert cron["podFailurePolicy"]["rules"][1]["onExitCodes"]["values"] == [1, 2]
    for spec in (job, cron):
        assert spec["template"]["spec"]["restartPolicy"] == "Never"
        assert spec["podFailurePolicy"]["rules"][0]["action"] == "Ignore"
    assert pod_of(documents, "Job/connect-apply-shop").containers[0]["name"] == "topics"


def test_another_database_is_a_copy_with_its_name(tmp_path: Path) -> None:
    # As docs/connect_kubernetes.md has it.
    folder = tmp_path / "connect"
    shutil.copytree(FOLDER, folder)
    shutil.copytree(folder / "dev", folder / "dev-crm")
    for path in (folder / "dev-crm").iterdir():
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"\bshop\b", "crm", text), encoding="utf-8")
    (folder / "dev-crm" / "connectors.yaml").write_text(POSTGRESQL, encoding="utf-8")
    documents, shop = rendered(folder / "dev-crm"), rendered(FOLDER / "dev")
    cluster = cluster_of(documents, tmp_path)
    # PostgreSQL has no schema history, and `schema.table` is in the topic's name.
    missing = {f"topics.yaml has no 'crm.{name}'" for name in ("public.people", "app.notes")}
    assert set(unfit(cluster)) == missing
    assert shortcomings(documents) == []
    both = [(document["kind"], document["metadata"]["name"]) for document in [*documents, *shop]]
    assert len(both) == len(set(both))
    ours = by_name(documents, "Service")["connect-crm"]["spec"]["selector"]
    assert ours != by_name(shop, "Service")["connect-shop"]["spec"]["selector"]


def _set(path: str, value: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        *steps, last = (int(step) if step.isdecimal() else step for step in path.split("/"))
        for step in steps:
            document = document[step]
        document[last] = value

    return change


POD = "spec/template/spec"
CONTAINER = f"{POD}/containers/0"


@pytest.mark.parametrize(
    ("kind", "change", "told"),
    [
        ("Deployment", _set(f"{POD}/volumes/1/secret/secretName", "x"), "Secret/x is not there"),
        ("Deployment", _set(f"{CONTAINER}/envFrom/0/configMapRef/name", "x"), "ConfigMap/x is not"),
        ("ExternalSecret", _set("spec/data/1/secretKey", "x"), "has no key 'KAFKA_PASSWORD'"),
        ("Deployment", _set(f"{CONTAINER}/securityContext", {}), "file system can be written"),
        ("Deployment", _set(f"{CONTAINER}/terminationMessagePolicy", "File"), "why it ended"),
        ("CronJob", _set("spec/concurrencyPolicy", "Allow"), "concurrencyPolicy 'Allow'"),
        ("Job", _set("spec/template/metadata/labels", {}), "no NetworkPolicy"),
        ("Job", _set("spec/template/metadata/labels", {}), "no label component"),
        ("Service", _set("metadata/namespace", "default"), "namespace 'default'"),
        ("Service", _set("spec/selector", {"a": "b"}), "its selector is of no pod"),
    ],
)
def test_a_broken_manifest_is_found(
    prod: Documents, kind: str, change: Callable[[Any], None], told: str
) -> None:
    change(one(prod, kind))
    assert told in "\n".join(shortcomings(prod))


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("worker.properties", "providers=env,directory,file", "providers=env,file", "'directory'"),
        ("worker.properties", "|KAFKA_.*", "", "do not show the variable 'KAFKA_BROKERS'"),
        ("worker.properties", "storage.partitions=25", "storage.partitions=9", "is 25, expected 9"),
        ("connectors.yaml", "s:DATABASE_PASSWORD}", "s:PASSWORD}", "no key 'PASSWORD'"),
        ("connectors.yaml", "/etc/connect/secrets:D", "/etc/passwd:D", "show '/etc/passwd'"),
        ("connectors.yaml", "tables: [orders", "tables: [refunds, orders", "no 'shop.shop.refunds"),
        ("connectors.yaml", "host: shop-db", "host: shop-db\n    port: 3307", "port 3307"),
        ("connectors.yaml", "connect-${DATABASE}", "connect", "no Service 'connect'"),
        ("connectors.yaml", "url: ${SCHEMA_REGISTRY}", "url: http://other", "are not Avro of"),
        (
            "topics.yaml",
            "configs: {cleanup.policy: compact, retention.ms: null}",
            "",
            "expected co",
        ),
        ("topics.yaml", "retention.ms: -1", "retention.ms: 1000", "retention.ms is 1000"),
        ("topics.yaml", "replication_factor: 3", "replication_factor: 2", "replication is 2"),
        ("connect.env", "kafka-3:9096", "kafka-3:19096", "kami may not go to port 19096"),
    ],
)
def test_parts_that_do_not_fit_are_found(
    prod: Documents, tmp_path: Path, file: str, old: str, new: str, told: str
) -> None:
    changed = False
    for document in prod:
        if document["kind"] == "ConfigMap":
            for name, text in document["data"].items():
                if file in (name, "connect.env") and old in text:
                    document["data"][name] = text.replace(old, new)
                    changed = True
    assert changed
    assert told in "\n".join(unfit(cluster_of(prod, tmp_path)))


def test_a_variable_that_the_job_is_not_given_is_told_by_kami(
    prod: Documents, tmp_path: Path
) -> None:
    one(prod, "ConfigMap", "connect-address")["data"].pop("SCHEMA_REGISTRY")
    with pytest.raises(ConfigurationError, match="SCHEMA_REGISTRY"):
        cluster_of(prod, tmp_path)
