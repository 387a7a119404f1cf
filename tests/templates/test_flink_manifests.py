"""The objects of templates/flink: each overlay is one that Kubernetes takes, and that can work."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.flink_jar import ENTRY_CLASS
from templates.catalogue import TEMPLATES
from templates.flink.build_jar import arguments_of
from tests.templates.flink_checks import FLINK, FOLDER, overlay_of, process_arguments, told
from tests.templates.manifests import problems, rendered
from tests.templates.workloads import at, of_kind, pods_of

HASH = r"(aml-(?:flags|flink-config|settings))-[bcdfghkmt2456789]{10}"
OVERLAYS = ("dev", "prod", "prod-operator")
every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


@every_overlay
def test_every_object_is_one_that_kubernetes_takes(overlay: str) -> None:
    documents = rendered(FOLDER / overlay)
    assert [problem for document in documents for problem in problems(document)] == []
    kinds = [one["kind"] for one in documents]
    operated = overlay == "prod-operator"
    assert kinds.count("FlinkDeployment") == operated
    assert kinds.count("Deployment") == kinds.count("Service") * 2 == (0 if operated else 2)
    for kind, count in {
        "ExternalSecret": 1,
        "HorizontalPodAutoscaler": 1,
        "NetworkPolicy": 5 + operated,
        "PodDisruptionBudget": 2,
        "PodMonitor": 1,
        "Role": 2,
        "ServiceAccount": 2,
    }.items():
        assert kinds.count(kind) == count, kind


@every_overlay
def test_an_overlay_holds_together(overlay: str, tmp_path: Path) -> None:
    assert told(rendered(FOLDER / overlay), tmp_path) == ""


@pytest.mark.parametrize("overlay", ["dev", "prod"])
def test_the_pipeline_takes_the_flags(
    overlay: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = overlay_of(rendered(FOLDER / overlay), tmp_path)
    template = TEMPLATES[ours.settings["PIPELINE"]]
    words = arguments_of(template, ours.flags, tmp_path / "job.jar", "localhost:1")
    assert template.main([*words, "--explain"]) == 0
    assert "SASL_SSL" in capsys.readouterr().out
    assert template.main([*words, "--explain", "--kafka_borkers=x"]) != 0


@every_overlay
def test_the_jar_that_is_made_is_the_one_that_is_started(overlay: str) -> None:
    documents = rendered(FOLDER / overlay)
    (pod,) = [one for one in pods_of(documents) if one.init_containers[0]["name"] == "job"]
    made = dict(word.split("=", 1) for word in pod.container("job")["args"])["--jar"]
    if overlay == "prod-operator":
        job = of_kind(documents, "FlinkDeployment")[0]["spec"]["job"]
        words, entry = job["args"], job["entryClass"]
        assert "jarURI" not in job
    else:
        words = pod.container(FLINK)["args"]
        entry = words[words.index("--job-classname") + 1]
    assert words[words.index("--jars") + 1] == f"local://{made}"
    assert entry == ENTRY_CLASS
    for name in ("job", FLINK):
        mounts = {one["mountPath"]: one["name"] for one in pod.container(name)["volumeMounts"]}
        assert mounts[str(Path(made).parent)] == "job"


@pytest.mark.parametrize("overlay", ["dev", "prod"])
def test_both_kinds_of_pods_are_of_one_cluster(overlay: str) -> None:
    first, second = (process_arguments(pod) for pod in pods_of(rendered(FOLDER / overlay)))
    addresses = [("jobmanager.rpc.address", first), ("taskmanager.host", second)]
    assert [each.pop(key) for key, each in addresses] == ["$(POD_IP)", "$(POD_IP)"]
    assert first == second
    assert set(first) == {
        "high-availability.storageDir",
        "kubernetes.cluster-id",
        "kubernetes.namespace",
        "state.checkpoints.dir",
        "state.savepoints.dir",
    }
    assert "$(GENERATION)" in first["kubernetes.cluster-id"]


def test_the_operator_is_told_what_the_processes_are_told() -> None:
    (one,) = of_kind(rendered(FOLDER / "prod-operator"), "FlinkDeployment")
    text = (FOLDER / "base" / "config.yaml").read_text(encoding="utf-8")
    ours, theirs = yaml.safe_load(text), dict(one["spec"]["flinkConfiguration"])
    for role in ("jobmanager", "taskmanager"):
        size = ours.pop(f"{role}.memory.process.size")
        assert one["spec"][f"{role[:-7]}Manager"]["resource"]["memory"] == size
        # What the containers of the other overlays may have, within some MiB.
        factor = float(theirs.pop(f"kubernetes.{role}.memory.limit-factor"))
        assert 1.1 < factor < 1.3
    # The operator sets them itself, and a folder of its own for each start, unless they are given.
    for key in ("execution.shutdown-on-application-finish", "job-result-store.delete-on-commit"):
        assert ours.pop(key) is False
        assert key not in theirs
    for key in ("high-availability.storageDir", "state.checkpoints.dir", "state.savepoints.dir"):
        assert theirs.pop(key).startswith("gs://BUCKET/flink/aml/")
    assert {key: yaml.safe_load(value) for key, value in theirs.items()} == ours
    log = (FOLDER / "base" / "log4j-console.properties").read_text(encoding="utf-8")
    assert one["spec"]["logConfiguration"]["log4j-console.properties"].strip() == log.strip()


def test_the_operators_own_things_are_left_to_it() -> None:
    (one,) = of_kind(rendered(FOLDER / "prod-operator"), "FlinkDeployment")
    for pod in pods_of([one]):
        container = pod.container(FLINK)
        assert "command" not in container and "args" not in container
        assert [port["name"] for port in container["ports"]] == ["metrics"]
        assert "/opt/flink/conf" not in {mount["mountPath"] for mount in container["volumeMounts"]}
        # Probes ask ports by their numbers: their names are the operator's.
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            (port,) = re.findall(r"'port': (\S+?)[,}]", str(container[probe]))
            assert port.isdecimal()


def test_the_overlay_of_the_operator_is_that_of_production() -> None:
    for name in ("flags.txt", "network.yaml", "scale.yaml", "secrets.yaml"):
        texts = [(FOLDER / one / name).read_text(encoding="utf-8") for one in OVERLAYS[1:]]
        assert texts[0] == texts[1], name


def test_dev_differs_from_production_in_what_the_page_says() -> None:
    dev, prod = (
        {
            (one["kind"], re.sub(HASH, r"\1", one["metadata"]["name"])): one
            for one in rendered(FOLDER / overlay)
        }
        for overlay in ("dev", "prod")
    )
    assert set(dev) == set(prod)
    differing = {key for key in dev if plain(dev[key]) != plain(prod[key])}
    assert differing == {
        ("ConfigMap", "aml-flags"),
        ("ConfigMap", "aml-settings"),
        ("Deployment", "aml-jobmanager"),
        ("HorizontalPodAutoscaler", "aml-taskmanager"),
        ("NetworkPolicy", "aml-addresses"),
        ("ServiceAccount", "aml-jobmanager"),
        ("ServiceAccount", "aml-taskmanager"),
    }
    both = [one["Deployment", "aml-jobmanager"]["spec"] for one in (dev, prod)]
    assert [one.pop("replicas") for one in both] == [1, 2]
    assert plain(both[0]) == plain(both[1])


def plain(document: Any) -> str:
    """A document as text, without the hashes in names of ConfigMaps."""
    return re.sub(HASH, r"\1", str(document))


def test_another_pipeline_is_a_copy_with_its_name(tmp_path: Path) -> None:
    # As docs/flink_kubernetes.md has it.
    folder = tmp_path / "flink"
    shutil.copytree(FOLDER, folder)
    shutil.copytree(folder / "prod", folder / "prod-velocity")
    for path in (folder / "prod-velocity").iterdir():
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"\baml\b", "aml-velocity", text), encoding="utf-8")
    settings = folder / "prod-velocity" / "settings.env"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(
        re.sub("^PIPELINE=.*", "PIPELINE=aml_velocity", text, flags=re.M), encoding="utf-8"
    )
    documents, first = rendered(folder / "prod-velocity"), rendered(FOLDER / "prod")
    assert told(documents, tmp_path) == ""
    both = [(one["kind"], one["metadata"]["name"]) for one in [*documents, *first]]
    assert len(both) == len(set(both))
    for one in of_kind(documents, "NetworkPolicy"):
        labels = at(one, "spec.podSelector.matchLabels")
        assert labels["app.kubernetes.io/name"] == "aml-velocity"


def test_an_option_is_a_line_of_the_overlay(tmp_path: Path) -> None:
    folder = tmp_path / "flink"
    shutil.copytree(FOLDER, folder)
    overlay = folder / "prod" / "kustomization.yaml"
    text = overlay.read_text(encoding="utf-8")
    listed = "components: [../components/datadog, ../components/savepoint]"
    assert "components: []" in text
    overlay.write_text(text.replace("components: []", listed), encoding="utf-8")
    documents = rendered(folder / "prod")
    assert [problem for document in documents for problem in problems(document)] == []
    # The page says which lines of secrets.yaml and settings.env they need.
    wrong = told(documents, tmp_path)
    assert "Secret/aml-secrets has no key 'datadog-api-key'" in wrong
    for name in ("DATADOG_SITE", "DATADOG_TAGS", "SAVEPOINT"):
        assert f"$({name}) is nowhere" in wrong
    with (folder / "prod" / "settings.env").open("a", encoding="utf-8") as file:
        file.write("DATADOG_SITE=EU\nDATADOG_TAGS=env:prod\nSAVEPOINT=gs://B/s\n")
    secrets = folder / "prod" / "secrets.yaml"
    with secrets.open("a", encoding="utf-8") as file:
        file.write("    - secretKey: datadog-api-key\n      remoteRef:\n        key: datadog\n")
    shutil.copytree(folder, tmp_path / "whole")
    documents = rendered(tmp_path / "whole" / "prod")
    assert told(documents, tmp_path) == ""
    job, work = (process_arguments(pod) for pod in pods_of(documents))
    assert job["execution.savepoint.path"] == "$(SAVEPOINT)"
    assert "execution.savepoint.path" not in work
    assert job["metrics.reporter.datadog.apikey"] == work["metrics.reporter.datadog.apikey"]
