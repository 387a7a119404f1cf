"""The Kubernetes objects of kami: templates/kami."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kami import errors
from kami.cli import EXIT_CODES
from kami.cli import main as kami
from kami.config_file import read_config

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "templates" / "kami"
PAGE = (ROOT / "docs" / "kami_kubernetes.md").read_text(encoding="utf-8")
JOBS = ("apply", "materialise", "reconcile")
OVERLAYS = ("dev", "prod")
EXITS = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}


def loaded(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def pod_job(name: str) -> dict[str, Any]:
    """The specification of a job, be it a cron job's."""
    spec: dict[str, Any] = loaded(FOLDER / "base" / f"{name}.yaml")["spec"]
    return dict(spec["jobTemplate"]["spec"]) if "jobTemplate" in spec else spec


def container(name: str) -> dict[str, Any]:
    (found,) = pod_job(name)["template"]["spec"]["containers"]
    return dict(found)


@pytest.mark.parametrize("name", JOBS)
def test_a_job_has_what_kubernetes_asks_for(name: str) -> None:
    whole = loaded(FOLDER / "base" / f"{name}.yaml")
    assert whole["apiVersion"] == "batch/v1"
    assert whole["metadata"]["name"] == f"kami-{name}"
    assert whole["kind"] == ("Job" if name == "apply" else "CronJob")
    if whole["kind"] == "CronJob":
        assert re.fullmatch(r"(\d+|\*)( (\d+|\*)){4}", whole["spec"]["schedule"])
        assert whole["spec"]["concurrencyPolicy"] == "Forbid"
    job = pod_job(name)
    # Without it Kubernetes takes no podFailurePolicy.
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    spec = job["template"]["spec"]
    assert {mount["name"] for mount in container(name)["volumeMounts"]} == {
        volume["name"] for volume in spec["volumes"]
    }
    assert container(name)["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("name", JOBS)
def test_a_job_runs_a_command_that_kami_has(name: str) -> None:
    *_, command = container(name)["args"]
    assert command == name
    assert command in kami.list_commands(kami.make_context("kami", [], resilient_parsing=True))
    assert container(name)["args"][:2] == ["--config", "/etc/kami/kami.yaml"]


def test_the_jobs_are_alike_but_for_their_command() -> None:
    first, *others = (pod_job(name) for name in JOBS)
    for other in others:
        for key in ("template", "podFailurePolicy", "backoffLimit"):
            one, two = str(first[key]), str(other[key])
            assert re.sub("materialise|reconcile", "apply", two) == one


@pytest.mark.parametrize("name", JOBS)
def test_a_job_is_tried_again_only_when_that_may_help(name: str) -> None:
    ignored, failed = pod_job(name)["podFailurePolicy"]["rules"]
    assert failed["action"] == "FailJob"
    assert failed["onExitCodes"]["containerName"] == container(name)["name"]
    assert set(failed["onExitCodes"]["values"]) == EXITS - {errors.EXIT_UNREACHABLE}
    assert ignored == {
        "action": "Ignore",
        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
    }


def test_the_documented_exit_codes_are_those_of_the_code() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)}
    assert documented == {0, *EXITS}
    told = {int(code) for code in re.findall(r"\b(\d) [a-z]", EXIT_CODES)}
    assert told == documented
    by_code = {one.exit_code for one in all_errors(errors.KamiError)}
    assert by_code == EXITS
    for page in ("kami.md", "kami_operations.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        (codes,) = re.findall(r"Exit codes: (.*?)\n\n", text, re.DOTALL)
        assert {int(code) for code in re.findall(r"\b(\d) [a-z]", codes)} == documented


def all_errors(root: type[errors.KamiError]) -> Iterator[type[errors.KamiError]]:
    yield root
    for one in root.__subclasses__():
        yield from all_errors(one)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_names_files_that_are_there_and_a_configuration_that_can_be_read(
    overlay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = FOLDER / overlay
    whole = loaded(folder / "kustomization.yaml")
    for path in whole["resources"]:
        assert (folder / path).resolve() == FOLDER / "base"
    for generated in whole["configMapGenerator"]:
        for path in generated["files"]:
            assert (folder / path).is_file()
    text = (folder / "kami.yaml").read_text(encoding="utf-8")
    for name in re.findall(r"\$\{(\w+)\}", text):
        monkeypatch.setenv(name, "of the secret")
        # The page tells to make a secret with this key.
        assert f"  {name}: ..." in PAGE
    config = read_config(folder / "kami.yaml")
    assert config.warehouse.startswith("bigquery:")


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kustomize_renders_objects_whose_names_fit_each_other(overlay: str) -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / overlay)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    objects = list(yaml.safe_load_all(done.stdout))
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for one in objects:
        by_kind.setdefault(one["kind"], []).append(one)
    assert {kind: len(found) for kind, found in by_kind.items()} == {
        "ConfigMap": 1,
        "CronJob": 2,
        "Job": 1,
        "ServiceAccount": 1,
    }
    (config_map,) = by_kind["ConfigMap"]
    for one in by_kind["Job"] + by_kind["CronJob"]:
        spec = one["spec"].get("jobTemplate", one)["spec"]["template"]["spec"]
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        assert volumes["config"]["configMap"]["name"] == config_map["metadata"]["name"]
        assert spec["serviceAccountName"] == by_kind["ServiceAccount"][0]["metadata"]["name"]
        assert spec["containers"][0]["image"].startswith("REGISTRY/kami:")
        assert one["metadata"]["namespace"] == f"kami-{overlay}"
    assert all(
        one["spec"].get("suspend", False) == (overlay == "dev") for one in by_kind["CronJob"]
    )
