"""The commands that a page of the documentation shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

PROGRAMS = ("curl", "date", "gcloud", "kami", "kubectl", "make", "python", "templates/stage.sh")


def commands_of(text: str) -> Iterator[list[str]]:
    """The words of each command: of lines that are indented as code, and of texts in backticks.
    Those of a pipe are commands of their own, and so is what kubectl runs in a container."""
    shown = re.findall(r"^ {4,}(\S.*)$", text, re.MULTILINE)
    shown += re.findall(r"`([^`]+)`", text)
    for one in shown:
        words = shlex.split(one.replace("\\|", " | ").replace("\n", " "))
        if not words or words[0] not in PROGRAMS or len(words) == 1:
            continue
        yield from _split(words)


def _split(words: list[str]) -> Iterator[list[str]]:
    for separator in ("|", "--"):
        if separator in words:
            at = words.index(separator)
            yield words[:at]
            yield from _split(words[at + 1 :])
            return
    yield words


def anchors_of(text: str) -> set[str]:
    """The anchors of a page's headings, as they are made of them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
