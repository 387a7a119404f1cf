"""A Dockerfile as far as it can be looked at without a daemon: its stages, and what they copy."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from pathlib import Path


@dataclasses.dataclass
class Stage:
    """What one FROM begins. Lines are (instruction, rest)."""

    base: str
    name: str
    lines: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    def of(self, instruction: str) -> list[str]:
        return [rest for word, rest in self.lines if word == instruction]


def stages_of(path: Path) -> list[Stage]:
    """The stages, with the defaults of the build's arguments filled in where FROM names them."""
    text = re.sub(r"\\\n\s*", "", path.read_text(encoding="utf-8"))
    defaults: dict[str, str] = {}
    stages: list[Stage] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(filled(base, defaults), name))
        elif not stages:
            name, _, value = rest.partition("=")
            defaults[name] = value
        else:
            stages[-1].lines.append((word, rest))
    return stages


def filled(text: str, values: dict[str, str]) -> str:
    """A text with the values of ${NAME}s. KeyError for one without."""
    return re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], text)


def copied(stage: Stage) -> list[tuple[str | None, list[str], str]]:
    """What a stage copies: (the stage it is from, sources, target)."""
    found = []
    for rest in stage.of("COPY"):
        words = rest.split()
        origin = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else None
        found.append((origin, words[:-1], words[-1]))
    return found


def ignored(path: str, rules: list[str]) -> bool:
    """Whether a .dockerignore's rules keep a path (with / between) from the build: the last one
    that fits counts, for all that is below it as well."""
    out = False
    parts = path.split("/")
    for rule in rules:
        pattern = rule.removeprefix("!")
        above = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        if pattern.startswith("**/"):
            fits = any(fnmatch.fnmatchcase(part, pattern[3:]) for part in parts)
        else:
            fits = any(
                one.count("/") == pattern.count("/") and fnmatch.fnmatchcase(one, pattern)
                for one in above
            )
        if fits:
            out = not rule.startswith("!")
    return out


def rules_of(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
