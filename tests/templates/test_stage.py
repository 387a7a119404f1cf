"""templates/stage.sh asks docker, gcloud and kustomize for what is of one version."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from templates.catalogue import TEMPLATES
from tests.stack.installing import install
from tests.stack.kustomize import PART
from tests.stack.stack import silent
from tests.templates.manifests import rendered
from tests.templates.test_cloudbuild import substituted

ROOT = Path(__file__).parents[2]
NAME = "europe-west1-docker.pkg.dev/p/kamiflow"
SETTINGS = {"REPOSITORY": NAME, "VERSION": "1a2b", "BUCKET": "b", "PROJECT": "p"}
IMAGES = ("connect", "flink", "flink-worker", "kami")
OVERLAYS = sorted(
    path.parent
    for path in ROOT.glob("templates/*/*/kustomization.yaml")
    if path.parent.name in ("dev", "prod")
)
EXPECTED = "expected images, templates, manifests, image NAME, template NAME or manifest FOLDER"
TOOLS = ("docker", "gcloud", "kustomize")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder of tools that note how they are called."""
    for tool in TOOLS:
        program = tmp_path / tool
        program.write_text(f'#!/bin/sh\necho {tool} "$@" >>{tmp_path}/calls\n')
        program.chmod(0o755)
    return tmp_path


@pytest.fixture
def rendered_here(tmp_path: Path) -> Iterator[Path]:
    """Where manifests of a version of the test's own are put."""
    folder = ROOT / "out" / "manifests" / f"{tmp_path.parent.name}-{tmp_path.name}"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def renderer() -> Path:
    """The folder of the real kustomize; without it the test is skipped."""
    rendered(OVERLAYS[0])
    return install(PART, silent)


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


def cached(name: str) -> str:
    """What every build of an image has on its command line."""
    return (
        f"docker build --tag {NAME}/{name}:1a2b --tag {NAME}/{name}:cache --cache-from "
        f"{NAME}/{name}:cache --build-arg BUILDKIT_INLINE_CACHE=1 --file"
    )


def test_an_image_is_built_for_its_pipeline_and_pushed(tools: Path) -> None:
    assert run(tools, "templates/stage.sh", "image", "aml").returncode == 0
    built, pushed, kept = calls(tools)
    assert built == (
        f"{cached('aml')} templates/Dockerfile --build-arg PIPELINE=aml "
        f"--build-arg IMAGE={NAME}/aml:1a2b ."
    )
    assert pushed == f"docker push {NAME}/aml:1a2b"
    assert kept == f"docker push {NAME}/aml:cache"


@pytest.mark.parametrize(
    ("name", "dockerfile"),
    [
        ("connect", "connect/Dockerfile"),
        ("flink", "flink/Dockerfile"),
        ("flink-worker", "flink/worker.Dockerfile"),
        ("kami", "kami/Dockerfile"),
    ],
)
def test_the_images_of_kubernetes_have_their_own_dockerfiles(
    tools: Path, name: str, dockerfile: str
) -> None:
    assert run(tools, "templates/stage.sh", "image", name).returncode == 0
    assert calls(tools)[0] == f"{cached(name)} templates/{dockerfile} ."
    assert (ROOT / "templates" / dockerfile).is_file()


def test_images_and_templates_are_named() -> None:
    def named(word: str) -> list[str]:
        done = subprocess.run(
            ["templates/stage.sh", word], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    assert named("templates") == sorted(TEMPLATES)
    assert named("images") == [*IMAGES, *sorted(TEMPLATES)]


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
        (
            ["image", "nothing"],
            "nothing: no templates/nothing/metadata.json, and none of connect flink flink-worker "
            "kami",
        ),
        (["template", "kami"], "kami: no templates/kami/metadata.json"),
        (["manifest", "templates/java"], "templates/java: no kustomization.yaml in it"),
        (["manifests"], "out/manifests/1a2b: no overlay was rendered"),
        (["push", "aml"], EXPECTED),
        (["image"], EXPECTED),
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


def test_cloud_build_stages_all_of_them(tools: Path, rendered_here: Path) -> None:
    version = rendered_here.name
    document = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text(encoding="utf-8"))
    overlays = sorted(path.parent for path in ROOT.glob("templates/*/prod/kustomization.yaml"))
    for step in document["steps"]:
        if step["id"] in ("images", "templates", "manifests"):
            values = {**document["substitutions"], "_BUCKET": "b"}
            script = substituted(step["args"][-1], values)
            done = run(
                tools, step["entrypoint"], "-ec", script, settings={**SETTINGS, "VERSION": version}
            )
            assert done.returncode == 0, done.stderr
    pushed = [line.split("/")[-1] for line in calls(tools) if line.startswith("docker push")]
    names = [*IMAGES, *sorted(TEMPLATES)]
    assert pushed == [f"{name}:{tag}" for name in names for tag in (version, "cache")]
    staged = [line for line in calls(tools) if "flex-template build" in line]
    assert len(staged) == len(TEMPLATES)
    assert sorted(path.name for path in rendered_here.iterdir()) == [
        f"templates-{path.parent.name}-prod.yaml" for path in overlays
    ]
    assert calls(tools)[-1] == (
        f"gcloud storage cp --recursive out/manifests/{version} gs://b/manifests/ --project p"
    )


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_an_overlay_is_rendered_with_the_images_of_the_version(
    folder: Path, rendered_here: Path, renderer: Path
) -> None:
    name = folder.relative_to(ROOT).as_posix()
    before = (folder / "kustomization.yaml").read_bytes()
    version = rendered_here.name
    settings = {**SETTINGS, "VERSION": version}
    done = run(renderer, "templates/stage.sh", "manifest", f"{name}/", settings=settings)
    assert done.returncode == 0, done.stderr
    (path,) = rendered_here.iterdir()
    assert path.name == f"{name.replace('/', '-')}.yaml"
    images = set(re.findall(r"^[\s-]*image: (\S+)$", path.read_text(encoding="utf-8"), re.M))
    ours = {f"{NAME}/{image}:{version}" for image in IMAGES}
    # Others are of other people, and have a version of their own.
    assert all(image in ours or NAME not in image for image in images)
    assert not [image for image in images if "REGISTRY" in image or image.endswith(":latest")]
    assert not images & {*IMAGES}
    assert (folder / "kustomization.yaml").read_bytes() == before
