"""cloudbuild.yaml is a build as Cloud Build's own message has it, of targets that there are."""

from __future__ import annotations

import re
import subprocess
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
STAGING = [step for step in DOCUMENT["steps"] if step["id"] in ("images", "templates")]


def parsed(document: dict[str, Any]) -> Build:
    """The document as Cloud Build's message; json_format.ParseError for what that has not."""
    message = Build()
    json_format.ParseDict(document, Build.pb(message), ignore_unknown_fields=False)
    return message


def script_of(step: dict[str, Any]) -> str:
    """The shell's text, as Cloud Build hands it over where no bucket is named."""
    text: str = step["args"][-1]
    return text.replace("${_BUCKET}", "").replace("$$", "$")


def test_cloud_build_takes_the_file() -> None:
    build = parsed(DOCUMENT)
    assert [step.id for step in build.steps] == [
        "native",
        "lint",
        "types",
        "test",
        "images",
        "templates",
    ]
    assert Build.pb(build).timeout.seconds == 3600
    assert build.options.machine_type == build.options.MachineType.E2_HIGHCPU_8


def test_cloud_build_refuses_what_it_does_not_know() -> None:
    for name, value in (("step", []), ("timeout", "1h"), ("options", {"machineType": "HUGE"})):
        with pytest.raises(json_format.ParseError):
            parsed({**DOCUMENT, name: value})


def test_steps_that_make_something_make_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    made = [step["args"] for step in DOCUMENT["steps"] if step.get("entrypoint") == "make"]
    assert {target for args in made for target in args} <= targets
    checks = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", checks, re.MULTILINE):
        assert [target] in made


def test_every_substitution_is_declared_and_used() -> None:
    # $$ is a dollar of the shell's.
    used = set(re.findall(r"\$\{?([A-Z_]+)\}?", TEXT.replace("$$", "")))
    assert used == set(DOCUMENT["substitutions"]) | BUILT_IN
    assert all(name.startswith("_") for name in DOCUMENT["substitutions"])


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


def test_the_images_are_there_before_templates_name_them() -> None:
    assert [step["id"] for step in STAGING] == ["images", "templates"]
    assert not [step for step in DOCUMENT["steps"] if "waitFor" in step]
    images, templates = ({text.partition("=")[0]: text for text in step["env"]} for step in STAGING)
    assert images.items() <= templates.items()
