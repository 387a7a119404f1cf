"""A Dockerfile as far as it can be looked at without a daemon: its stages, and what they copy."""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "templates"
CHECKS = ROOT / ".ci" / "Dockerfile"
"""What Cloud Build's steps run in: tools alone, from a folder of its own."""
DOCKERFILES = sorted({CHECKS, *FOLDER.rglob("Dockerfile"), *FOLDER.rglob("*.Dockerfile")})
"""All of the project's."""


@dataclasses.dataclass
class Stage:
    """What one FROM begins. Lines are (instruction, rest)."""

    base: str
    name: str
    lines: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    def of(self, instruction: str) -> list[str]:
        return [rest for word, rest in self.lines if word == instruction]


@dataclasses.dataclass(frozen=True)
class Copy:
    """A COPY: from a stage, or from what the build is given (None)."""

    origin: str | None
    sources: tuple[str, ...]
    target: str


def name_of(path: Path) -> str:
    """A Dockerfile's short name, for the ids of tests."""
    return path.relative_to(ROOT).as_posix()


def instructions(path: Path) -> Iterator[tuple[str, str]]:
    """The instructions with what follows them, each on a line of its own."""
    lines = path.read_text(encoding="utf-8").splitlines()
    # A comment may stand between the lines of one instruction.
    text = "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        word, _, rest = line.partition(" ")
        yield word, rest.strip()


def arguments_of(path: Path) -> dict[str, str]:
    """The build's arguments that stand before the first stage, with their defaults."""
    found = {}
    for word, rest in instructions(path):
        if word == "FROM":
            break
        name, _, value = rest.partition("=")
        found[name] = value
    return found


def stages_of(path: Path) -> list[Stage]:
    """The stages, with the defaults of the build's arguments filled in where FROM names them."""
    defaults = arguments_of(path)
    stages: list[Stage] = []
    for word, rest in instructions(path):
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(filled(base, defaults), name))
        elif stages:
            stages[-1].lines.append((word, rest))
    return stages


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text with the values of ${NAME}s. KeyError for one without."""
    return re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], text)


def copy_of(rest: str) -> Copy:
    """What follows COPY."""
    words = rest.split()
    origin = None
    while words[0].startswith("--"):
        flag, _, value = words.pop(0).partition("=")
        if flag == "--from":
            origin = value
    return Copy(origin, tuple(words[:-1]), words[-1])


def copied(stage: Stage) -> list[Copy]:
    return [copy_of(rest) for rest in stage.of("COPY")]


def ignored(path: str, rules: list[str]) -> bool:
    """Whether a .dockerignore's rules keep a path (with / between) from the build: the last one
    that fits counts, for all that is below it as well."""
    out = False
    parts = path.split("/")
    for rule in rules:
        pattern = rule.removeprefix("!").rstrip("/")
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
    """The rules of a .dockerignore."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def rules_for(dockerfile: Path) -> list[str]:
    """The rules beside a Dockerfile, which BuildKit takes for it."""
    return rules_of(dockerfile.with_name(f"{dockerfile.name}.dockerignore"))


def given(dockerfile: Path) -> list[str]:
    """The files that a build is given, as paths below the root of the checkout."""
    rules = rules_for(dockerfile)
    found = []
    for folder, folders, files in os.walk(ROOT):
        above = Path(folder).relative_to(ROOT)
        names = {name: (above / name).as_posix() for name in (*folders, *files)}
        found += [names[name] for name in files if not ignored(names[name], rules)]
        folders[:] = [
            name
            for name in folders
            if not ignored(names[name], rules)
            or any(rule.startswith(f"!{names[name]}/") for rule in rules)
        ]
    return sorted(found)
