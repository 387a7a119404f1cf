"""docs/operations.md: each command on it exists, and each alert has its section."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.dead_letters import main as dead_letters
from pipelines.options import JobOptions
from templates.launch import flags as flags_of_launch
from tests.flags_of_commands import OWN_FLAGS, flags_of, flags_of_click
from tests.templates.alert_rules import MONITORING, alerts_of, rule_files
from tests.templates.kami_arguments import refusal_of
from tests.templates.manifests import rendered
from tests.templates.page_commands import anchors_of, commands_of
from tests.templates.workloads import pods_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGE = (DOCS / "operations.md").read_text(encoding="utf-8")
COMMANDS = list(commands_of(PAGE))
OVERLAYS = [
    ROOT / "templates" / name / "prod" for name in ("connect", "flink", "kami", "monitoring")
]
SHORT = {
    "cronjob": "CronJob",
    "cronjobs": "CronJob",
    "deployment": "Deployment",
    "hpa": "HorizontalPodAutoscaler",
    "job": "Job",
    "service": "Service",
}


def of(program: str) -> list[list[str]]:
    """The commands of a program, without its name."""
    found = [words[1:] for words in COMMANDS if words[0] == program]
    assert found, program
    return found


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    return [document for folder in OVERLAYS for document in rendered(folder)]


def alert_sections() -> dict[str, str]:
    text = PAGE[PAGE.index("\n## Alerts\n") :]
    parts = re.split(r"^### (\w+)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def cloud_alerts() -> Iterator[str]:
    """Those of Cloud Monitoring, by what they are shown as."""
    for path in (MONITORING / "cloud" / "policies").glob("*.json"):
        yield str(json.loads(path.read_text(encoding="utf-8"))["displayName"])


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    names = [*alerts_of(rule_files()), *cloud_alerts()]
    assert list(cloud_alerts())
    assert set(alert_sections()) == set(names)


def test_alerts_lead_to_their_sections() -> None:
    for name, rule in alerts_of(rule_files()).items():
        address = rule["annotations"]["runbook_url"]
        assert address.endswith(f"docs/operations.md#{name.lower()}")
        assert name.lower() in anchors_of(PAGE)


@pytest.mark.parametrize("name", alert_sections())
def test_a_section_says_what_to_run_first_and_when_it_is_over(name: str) -> None:
    text = alert_sections()[name]
    (first,) = re.findall(r"^- First: `([^`]+)`", text, re.MULTILINE)
    assert list(commands_of(f"`{first}`"))
    assert len(re.findall(r"^- Over: ", text, re.MULTILINE)) == 1
    assert not text.strip().startswith("-")


def test_every_link_leads_to_a_heading() -> None:
    for target, anchor in re.findall(r"\]\(([\w./]*)#([\w-]+)\)", PAGE):
        text = (DOCS / target).read_text(encoding="utf-8") if target else PAGE
        assert anchor in anchors_of(text), f"{target}#{anchor}"


def test_kami_takes_its_commands() -> None:
    for words in of("kami"):
        # What stands for something of one's own is no file that is there.
        given = [word.replace("/etc/kami/topics.yaml", "topics.yaml") for word in words]
        # A text names an option alone, without its value.
        if given[-1] == "--subscription":
            given.append("projects/my-project/subscriptions/s")
        if given != ["topics"]:
            assert refusal_of(given) is None, words


def test_modules_of_python_take_their_flags() -> None:
    for flag, module, *words in of("python"):
        assert flag == "-m"
        assert importlib.util.find_spec(module) is not None
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        if module == "templates.launch":
            known = flags_of_launch()
        elif module == "pipelines.dead_letters":
            known = flags_of_click(dead_letters)
        else:
            known = flags_of(JobOptions, OWN_FLAGS[module.removeprefix("pipelines.")])
        assert used <= known, words


def test_scripts_and_folders_of_the_checkout_are_there() -> None:
    verbs = (ROOT / "templates" / "stage.sh").read_text(encoding="utf-8")
    for verb, *_ in of("templates/stage.sh"):
        assert re.search(rf"^#   templates/stage\.sh {verb}\b", verbs, re.MULTILINE)
    # Those with -my and such are the copies that the reader makes.
    for name in re.findall(r"(?<![\w/.-])(?:templates|tests)/[\w./-]+", PAGE):
        if not name.endswith("-my"):
            assert (ROOT / name.rstrip(".")).exists(), name


def test_manifests_are_named_as_the_build_names_them() -> None:
    named = set(re.findall(r"templates-[\w-]+(?=\.yaml)", PAGE))
    overlays = {
        "-".join(path.parent.relative_to(ROOT).parts)
        for path in ROOT.glob("templates/*/*/kustomization.yaml")
    }
    assert named
    assert named <= overlays


def test_kubectl_is_asked_for_what_the_overlays_make(objects: list[dict[str, Any]]) -> None:
    there = {(one["kind"], one["metadata"]["name"]) for one in objects}
    spaces = {one["metadata"].get("namespace") for one in objects} - {None}
    for words in of("kubectl"):
        if "-n" in words:
            assert words[words.index("-n") + 1] in spaces
        text = " ".join(words)
        # The Splunk pipeline's overlay is a copy of the AML job's.
        text = text.replace("splunk-", "aml-")
        for short, name in re.findall(r"\b([a-z]+)/([a-z][\w-]*)", text):
            if short in SHORT:
                assert (SHORT[short], name) in there, text
        named = re.search(r"\b(hpa|cronjob)s? -n \S+ ([a-z][\w-]*)", text)
        if named is not None:
            assert (SHORT[named[1]], named[2]) in there, text


def test_labels_and_containers_that_kubectl_chooses_by_are_those_of_pods(
    objects: list[dict[str, Any]],
) -> None:
    pods = list(pods_of(objects))
    jobs = [one["spec"]["jobTemplate"]["metadata"] for one in objects if one["kind"] == "CronJob"]
    of_jobs = [metadata["labels"] for metadata in jobs]
    for words in of("kubectl"):
        if "-l" in words:
            labels = dict(pair.split("=") for pair in words[words.index("-l") + 1].split(","))
            chosen = of_jobs if "jobs" in words else [pod.labels for pod in pods]
            assert [one for one in chosen if labels.items() <= one.items()], words
        if "-c" in words:
            name = words[words.index("-c") + 1]
            assert [pod for pod in pods if name in {one["name"] for one in pod.containers}], words
