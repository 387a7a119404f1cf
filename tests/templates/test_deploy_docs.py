"""docs/deploy.md says what the templates are and what their launch takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import yaml

from templates.catalogue import NO_TEMPLATES, TEMPLATES
from templates.launch import flags, main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_every_flag_of_a_launch_is_on_the_page() -> None:
    cells = re.findall(r"^\| (`--[^|]*) \|", PAGE, re.MULTILINE)
    shown = {flag for cell in cells for flag in re.findall(r"--[\w-]+", cell)}
    assert shown == flags() - {"-h", "--help"}


def test_the_page_tells_which_pipelines_are_templates() -> None:
    rows = dict(re.findall(r"^\| \[`(\w+)`\]\(\w+\.md\) \| (yes|no) \|", PAGE, re.MULTILINE))
    assert rows == {**dict.fromkeys(TEMPLATES, "yes"), **dict.fromkeys(NO_TEMPLATES, "no")}


def test_the_launch_on_the_page_is_taken() -> None:
    (shown,) = re.findall(
        r"python -m templates\.launch (--pipeline=aml --project.*?)\n\n", PAGE, re.S
    )
    words = shlex.split(shown.replace("\\\n", " "))
    # P stands for a project's name, which has six letters.
    words = [re.sub(r"\bP\b", "my-project", word).replace("BUCKET", "bucket") for word in words]
    assert main([*words, "--dry_run"]) == 0


def test_the_substitutions_of_cloud_build_are_on_the_page() -> None:
    document = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text(encoding="utf-8"))
    rows = dict(re.findall(r"^\| `(_\w+)` \| `?([\w*/-]+)`? \|", PAGE, re.MULTILINE))
    assert rows == {name: value or "none" for name, value in document["substitutions"].items()}


def test_the_commands_of_the_build_are_on_the_page() -> None:
    script = (ROOT / "templates" / "stage.sh").read_text(encoding="utf-8")
    told = re.findall(r"^#   templates/stage\.sh (\w+(?: [A-Z]+)?)", script, re.MULTILINE)
    assert re.findall(r"^\| `templates/stage\.sh ([^`]+)` \|", PAGE, re.MULTILINE) == told
