"""The Kubernetes objects of kami: templates/kami, rendered."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml

from kami import errors
from kami.cli import EXIT_CODES
from kami.config import Config
from kami.config_file import read_config
from kami.errors import ConfigurationError
from tests.templates.container_view import Documents, by_name, environment, files, pod_of
from tests.templates.kami_arguments import refusal_of
from tests.templates.manifests import problems, rendered
from tests.templates.standards import shortcomings
from tests.templates.workloads import pods_of

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "templates" / "kami"
PAGE = (ROOT / "docs" / "kami_kubernetes.md").read_text(encoding="utf-8")
JOBS = ("apply", "compact", "materialise", "reconcile")
OVERLAYS = ("dev", "prod")
EXITS = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
SECRET = {"SHOP_PASSWORD": "of the secret"}

every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)
every_job = pytest.mark.parametrize("name", JOBS)


def jobs(documents: Documents) -> dict[str, dict[str, Any]]:
    """The specifications of the cron jobs' jobs, by their commands."""
    return {
        name.removeprefix("kami-"): dict(one["spec"]["jobTemplate"]["spec"])
        for name, one in by_name(documents, "CronJob").items()
    }


def configuration(documents: Documents, folder: Path) -> Config:
    """kami.yaml as the container reads it: with the variables that it is given, and no others."""
    pod = pod_of(documents, "CronJob/kami-apply")
    container = pod.container("kami")
    text = files(documents, pod, container, SECRET)["/etc/kami/kami.yaml"]
    path = folder / "kami.yaml"
    path.write_text(text, encoding="utf-8")
    with mock.patch.dict(os.environ, environment(documents, pod, container, SECRET), clear=True):
        return read_config(path)


@every_overlay
def test_every_object_is_one_that_kubernetes_takes(overlay: str) -> None:
    documents = rendered(FOLDER / overlay)
    assert [problem for document in documents for problem in problems(document)] == []
    assert sorted(document["kind"] for document in documents) == [
        *("ConfigMap", "CronJob", "CronJob", "CronJob", "CronJob", "ExternalSecret"),
        *("NetworkPolicy", "ServiceAccount"),
    ]
    assert set(jobs(documents)) == set(JOBS)
    suspended = [
        one["spec"].get("suspend", False) for one in by_name(documents, "CronJob").values()
    ]
    assert suspended == [overlay == "dev"] * len(JOBS)


@every_overlay
def test_what_pods_name_is_there_and_they_keep_to_the_standards(overlay: str) -> None:
    assert shortcomings(rendered(FOLDER / overlay)) == []


@every_job
def test_a_job_runs_a_command_that_kami_has(name: str) -> None:
    container = pod_of(rendered(FOLDER / "prod"), f"CronJob/kami-{name}").container("kami")
    assert refusal_of(container["args"]) is None
    assert container["args"][:2] == ["--config", "/etc/kami/kami.yaml"]
    assert name in container["args"]
    assert refusal_of([*container["args"], "--nonsense"]) is not None


def test_the_jobs_are_alike_but_for_their_command() -> None:
    first, *others = jobs(rendered(FOLDER / "prod")).values()
    for other in others:
        for job in (first, other):
            job.pop("activeDeadlineSeconds", None)
            job["template"]["spec"]["containers"][0].pop("args", None)
        assert re.sub("compact|materialise|reconcile", "apply", json.dumps(other)) == json.dumps(
            first
        )


def test_jobs_that_begin_at_one_time_are_told_apart() -> None:
    schedules = [
        one["spec"]["schedule"] for one in by_name(rendered(FOLDER / "prod"), "CronJob").values()
    ]
    assert len(set(schedules)) == len(JOBS)
    for schedule in schedules:
        assert re.fullmatch(r"(\d+|\*)( (\d+|\*)){4}", schedule)


@every_job
def test_a_job_is_tried_again_only_when_that_may_help(name: str) -> None:
    job = jobs(rendered(FOLDER / "prod"))[name]
    # Without it Kubernetes takes no podFailurePolicy.
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    ignored, failed = job["podFailurePolicy"]["rules"]
    assert failed["action"] == "FailJob"
    (container,) = job["template"]["spec"]["containers"]
    assert failed["onExitCodes"]["containerName"] == container["name"]
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


def test_the_documented_objects_are_those_that_are_there() -> None:
    told = set(re.findall(r"^\| (\w+) `([\w-]+)` \|", PAGE, re.MULTILINE))
    there = {
        (one["kind"], re.sub(r"^(kami)-\w{10}$", r"\1", one["metadata"]["name"]))
        for one in rendered(FOLDER / "prod")
    }
    assert told == there


@every_overlay
def test_an_overlay_has_a_configuration_that_kami_reads(overlay: str, tmp_path: Path) -> None:
    config = configuration(rendered(FOLDER / overlay), tmp_path)
    assert config.warehouse.startswith("bigquery:")
    assert "of%20the%20secret" in str(config.sources[0].url)


@every_overlay
def test_an_overlay_has_the_files_of_the_page_and_an_account_of_its_project(overlay: str) -> None:
    told = set(re.findall(r"^\| `([\w.]+)` \|", PAGE, re.MULTILINE))
    assert {path.name for path in (FOLDER / overlay).iterdir()} == told
    whole = yaml.safe_load((FOLDER / overlay / "kustomization.yaml").read_text(encoding="utf-8"))
    assert whole["resources"] == ["../base", "secrets.yaml"]
    documents = rendered(FOLDER / overlay)
    (account,) = by_name(documents, "ServiceAccount").values()
    bound = account["metadata"]["annotations"]["iam.gke.io/gcp-service-account"]
    (config,) = by_name(documents, "ConfigMap").values()
    project = yaml.safe_load(config["data"]["kami.yaml"])["warehouse"].removeprefix("bigquery:")
    assert bound == f"kami@{project}.iam.gserviceaccount.com"


def test_a_password_that_the_secret_lacks_is_found(tmp_path: Path) -> None:
    documents = copy.deepcopy(rendered(FOLDER / "prod"))
    (secret,) = by_name(documents, "ExternalSecret").values()
    secret["spec"]["data"] = []
    with pytest.raises(ConfigurationError, match="SHOP_PASSWORD"):
        configuration(documents, tmp_path)


def test_what_is_missing_is_found() -> None:
    documents = rendered(FOLDER / "prod")
    for kind, told in (
        ("ConfigMap", "is not there"),
        ("ExternalSecret", "Secret/kami is not there"),
        ("NetworkPolicy", "no NetworkPolicy"),
        ("ServiceAccount", "ServiceAccount/kami is not there"),
    ):
        found = shortcomings([document for document in documents if document["kind"] != kind])
        assert len(found) == len(list(pods_of(documents))), kind
        assert all(one.endswith(told) for one in found), kind
