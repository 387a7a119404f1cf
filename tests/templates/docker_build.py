"""Does what a Dockerfile says in a folder, without a daemon: each stage is a folder there.

COPY copies, RUN runs the line as it is written, with absolute paths below the stage's folder. What
an image brings by itself is this machine's: mvn, cargo, and a Python of the stage's own. What only
root does to a system (a user, an owner) is noted and not done.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

from tests.templates.dockerfile import (
    ROOT,
    Stage,
    arguments_of,
    copy_of,
    filled,
    given,
    stages_of,
)

OF_ROOT = ("useradd", "groupadd", "chown", "apt-get")
# Those of the machine, which a line may name: nothing is written there.
_SYSTEM = ("bin", "dev", "proc", "sys", "tmp")
_PYTHON = re.compile(r"python")


@dataclasses.dataclass(frozen=True)
class Base:
    """What an image of others has that the lines of a Dockerfile rely on: files, empty here."""

    workdir: str
    files: tuple[str, ...]


BASES = {
    "flink:1.19.3-scala_2.12-java17": Base(
        "/opt/flink",
        (
            "opt/flink/opt/flink-gs-fs-hadoop-1.19.3.jar",
            "opt/flink/plugins/metrics-datadog/flink-metrics-datadog-1.19.3.jar",
            "opt/flink/plugins/metrics-prometheus/flink-metrics-prometheus-1.19.3.jar",
            "usr/lib/x86_64-linux-gnu/libjemalloc.so",
        ),
    ),
}


@dataclasses.dataclass
class Built:
    """A stage that was built.

    Args:
        root: the folder that stands for the file system's.
        output: what each RUN printed, by its line.
    """

    stage: Stage
    root: Path
    values: dict[str, str]
    workdir: str = "/"
    user: str = ""
    path: list[str] = dataclasses.field(default_factory=list)
    output: dict[str, str] = dataclasses.field(default_factory=dict)

    def at(self, path: str) -> Path:
        """Where a path of the image lies here."""
        return self.root / os.path.join(self.workdir, path).lstrip("/")  # noqa: PTH118  (an image's)


class Build:
    """The stages of a Dockerfile, in a folder.

    Args:
        arguments: the build's arguments, over the defaults of the Dockerfile.
    """

    def __init__(self, dockerfile: Path, folder: Path, arguments: Mapping[str, str]) -> None:
        self.arguments = {**arguments_of(dockerfile), **arguments}
        self.folder = folder
        self.context = folder / "context"
        for name in given(dockerfile):
            (self.context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.context / name)
        self.stages = stages_of(dockerfile)
        self.built: dict[str, Built] = {}

    def run(self, name: str | None = None) -> Built:
        """The stage of that name, the last one without, and those that it needs."""
        stage = self.stages[-1] if name is None else self._stage(name)
        key = stage.name or "last"
        if key in self.built:
            return self.built[key]
        root = self.folder / key
        root.mkdir()
        made = Built(stage, root, {})
        origin = [other for other in self.stages if other.name and other.name == stage.base]
        if origin:
            begun = self.run(stage.base)
            shutil.copytree(begun.root, root, symlinks=True, dirs_exist_ok=True)
            made.values, made.workdir = dict(begun.values), begun.workdir
            made.user, made.path = begun.user, list(begun.path)
        elif (base := BASES.get(stage.base)) is not None:
            made.workdir = base.workdir
            for name_of_file in base.files:
                (root / name_of_file).parent.mkdir(parents=True, exist_ok=True)
                (root / name_of_file).touch()
        if _PYTHON.search(stage.base) and stage.of("RUN"):
            venv.create(self.folder / f"{key}-python", with_pip=True, symlinks=True)
            made.path.insert(0, str(self.folder / f"{key}-python" / "bin"))
        for word, rest in stage.lines:
            self._do(made, word, rest)
        self.built[key] = made
        return made

    def _stage(self, name: str) -> Stage:
        (stage,) = [stage for stage in self.stages if stage.name == name]
        return stage

    def _do(self, made: Built, word: str, rest: str) -> None:
        match word:
            case "ARG":
                name, equals, default = rest.partition("=")
                made.values[name] = self.arguments.get(name, default if equals else "")
            case "ENV":
                for pair in shlex.split(rest):
                    name, _, value = pair.partition("=")
                    value = re.sub(r"\$PATH\b|\$\{PATH\}", "", value)
                    made.values[name] = filled(value, made.values)
                    if name == "PATH":
                        folders = [one for one in made.values.pop(name).split(":") if one]
                        made.path[:0] = [str(made.at(one)) for one in folders]
            case "WORKDIR":
                made.workdir = os.path.join(made.workdir, rest)  # noqa: PTH118  (an image's)
                made.at(".").mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(made, filled(rest, made.values))
            case "RUN":
                self._run(made, rest)
            case "USER":
                made.user = rest
            case "ENTRYPOINT" | "CMD" | "EXPOSE" | "LABEL" | "SHELL" | "STOPSIGNAL":
                pass
            case _:
                message = f"{word}: this builder does not know it"
                raise AssertionError(message)

    def _copy(self, made: Built, rest: str) -> None:
        copy = copy_of(rest)
        target = made.at(copy.target)
        into = copy.target.endswith(("/", ".")) or len(copy.sources) > 1
        for source in copy.sources:
            if copy.origin is None:
                found = sorted(self.context.glob(source)) if source != "." else [self.context]
            else:
                begun = self.run(copy.origin)
                found = [begun.at(source)]
                if not begun.stage.lines:
                    # Of an image of others: that it has the file is not for this machine to say.
                    continue
            assert found, f"COPY {rest}: nothing is {source}"
            for path in found:
                assert path.exists(), f"COPY {rest}: {path} is not there"
                if path.is_dir():
                    shutil.copytree(path, target, symlinks=True, dirs_exist_ok=True)
                    continue
                to = target / path.name if into or target.is_dir() else target
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, to)

    def _run(self, made: Built, rest: str) -> None:
        line = re.sub(r"^(--\S+\s+)+", "", rest)
        tools = self.folder / "of_root"
        if not tools.exists():
            tools.mkdir()
            for tool in OF_ROOT:
                (tools / tool).write_text(f'#!/bin/sh\necho {tool} "$@" >>{tools}/calls\n')
                (tools / tool).chmod(0o755)
        here = _below(line, made.root)
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
            **{key: _below(value, made.root) for key, value in made.values.items()},
            "PATH": os.pathsep.join([str(tools), *made.path, os.environ["PATH"]]),
        }
        # The stage's own, as it is in an image where it is the only one.
        environment.pop("VIRTUAL_ENV", None)
        if not Path(environment.get("JAVA_HOME", sys.prefix)).exists():
            del environment["JAVA_HOME"]
        done = subprocess.run(
            ["sh", "-ec", here],
            cwd=made.at("."),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"RUN {line}\n{done.stdout[-5000:]}"
        made.output[line] = done.stdout


def _below(text: str, root: Path) -> str:
    """A text whose absolute paths are below a folder, but for those of the machine's system."""
    names = "|".join(_SYSTEM)
    return re.sub(rf"(?<![\w./:$}}@-])/(?!(?:{names})\b)(?=\w)", f"{root}/", text)
