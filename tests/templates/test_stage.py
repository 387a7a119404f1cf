"""templates/stage.sh asks docker and gcloud for images and templates of one version."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
NAME = "europe-west1-docker.pkg.dev/p/kamiflow"
SETTINGS = {"REPOSITORY": NAME, "VERSION": "1a2b", "BUCKET": "b", "PROJECT": "p"}
TOOLS = ("docker", "gcloud")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder of tools that note how they are called."""
    for tool in TOOLS:
        program = tmp_path / tool
        program.write_text(f'#!/bin/sh\necho {tool} "$@" >>{tmp_path}/calls\n')
        program.chmod(0o755)
    return tmp_path


def run(
    tools: Path, *command: str, settings: dict[str, str] = SETTINGS
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": f"{tools}:/usr/bin:/bin", **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def calls(tools: Path) -> list[str]:
    path = tools / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_an_image_is_built_for_its_pipeline_and_pushed(tools: Path) -> None:
    assert run(tools, "templates/stage.sh", "image", "aml").returncode == 0
    built, pushed = calls(tools)
    assert built == (
        f"docker build --tag {NAME}/aml:1a2b --file templates/Dockerfile --build-arg PIPELINE=aml "
        f"--build-arg IMAGE={NAME}/aml:1a2b ."
    )
    assert pushed == f"docker push {NAME}/aml:1a2b"


def test_the_image_of_kami_has_its_own_dockerfile(tools: Path) -> None:
    assert run(tools, "templates/stage.sh", "image", "kami").returncode == 0
    assert calls(tools)[0] == (
        f"docker build --tag {NAME}/kami:1a2b --file templates/kami/Dockerfile ."
    )


def test_a_template_is_staged_by_version_and_as_the_latest(tools: Path) -> None:
    assert run(tools, "templates/stage.sh", "template", "aml").returncode == 0
    built, copied = calls(tools)
    assert built == (
        "gcloud dataflow flex-template build gs://b/templates/aml/1a2b.json --project p --image "
        f"{NAME}/aml:1a2b --sdk-language PYTHON --metadata-file templates/aml/metadata.json"
    )
    assert copied == (
        "gcloud storage cp gs://b/templates/aml/1a2b.json gs://b/templates/aml/latest.json "
        "--project p"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["image", "nothing"], "nothing: no templates/nothing/metadata.json, and not kami"),
        (["template", "kami"], "kami: no templates/kami/metadata.json"),
        (["push", "aml"], "push: expected image or template"),
        (["image"], "expected: image NAME or template NAME"),
    ],
)
def test_what_cannot_be_staged_is_told(tools: Path, words: list[str], told: str) -> None:
    done = run(tools, "templates/stage.sh", *words)
    assert (done.returncode, done.stderr) == (2, f"templates/stage.sh: {told}\n")
    assert not calls(tools)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_is_missing_is_told(tools: Path, name: str) -> None:
    settings = {key: value for key, value in SETTINGS.items() if key != name}
    done = run(tools, "templates/stage.sh", "template", "aml", settings=settings)
    assert (done.returncode, done.stderr) == (2, f"templates/stage.sh: {name} is not set\n")


def test_cloud_build_stages_all_of_them(tools: Path) -> None:
    document = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text(encoding="utf-8"))
    for step in document["steps"]:
        if step["id"] in ("images", "templates"):
            script = step["args"][-1].replace("${_BUCKET}", "b").replace("$$", "$")
            done = run(tools, step["entrypoint"], "-ec", script)
            assert done.returncode == 0, done.stderr
    pipelines = sorted(path.parent.name for path in ROOT.glob("templates/*/metadata.json"))
    pushed = [line.split("/")[-1] for line in calls(tools) if line.startswith("docker push")]
    assert pushed == [f"{name}:1a2b" for name in ("kami", *pipelines)]
    staged = [line for line in calls(tools) if "flex-template build" in line]
    assert len(staged) == len(pipelines)
