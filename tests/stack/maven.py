"""Brings files of a Maven repository, through `mvn` as it is configured on the machine."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from tests.stack.command import run
from tests.stack.part import Missing

PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
"""The newest that runs on Maven 3.6; named, since each Maven has another default."""

# Maven resolves one pom after the other over few connections otherwise.
_OPTIONS = ("--quiet", "--batch-mode", "-Dmaven.artifact.threads=16")


@dataclasses.dataclass(frozen=True)
class Artifact:
    """An artifact of an exact version.

    Args:
        exclusions: `group:name` of what it must not bring along; `*` stands for any.
    """

    group: str
    name: str
    version: str
    exclusions: tuple[str, ...] = ()

    def __str__(self) -> str:
        without = "".join(f" -{exclusion}" for exclusion in self.exclusions)
        return f"{self.group}:{self.name}:{self.version}{without}"


def copy_dependencies(artifacts: Sequence[Artifact], folder: Path) -> None:
    """Copies the artifacts and all that they need at run time into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as project:
        pom = Path(project) / "pom.xml"
        pom.write_text(pom_of(artifacts))
        _maven(
            f"--file={pom}",
            f"{PLUGIN}:copy-dependencies",
            "-DincludeScope=runtime",
            f"-DoutputDirectory={folder.absolute()}",
        )


def copy_artifact(coordinates: str, folder: Path) -> Path:
    """Copies the one file of `group:name:version:packaging:classifier` into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as project:
        # A folder of its own tells which file was brought.
        _maven(f"{PLUGIN}:copy", f"-Dartifact={coordinates}", f"-DoutputDirectory={project}")
        (file,) = Path(project).iterdir()
        return Path(shutil.move(file, folder / file.name))


def build_jar(pom: Path, name: str, folder: Path) -> Path:
    """The jar of that name that a project's own pom makes, in the folder.

    The pom has the property `out` for the folder that it builds in.
    """
    _maven(f"--file={pom}", f"-Dout={folder.absolute()}", "package")
    return folder / name


def pom_of(artifacts: Sequence[Artifact]) -> str:
    """A project that has the artifacts as its dependencies."""
    dependencies = "".join(_dependency(artifact) for artifact in artifacts)
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0">'
        "<modelVersion>4.0.0</modelVersion><packaging>pom</packaging>"
        "<groupId>kamiflow</groupId><artifactId>stack</artifactId><version>1</version>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )


def _dependency(artifact: Artifact) -> str:
    exclusions = "".join(
        f"<exclusion>{_coordinates(*exclusion.split(':'))}</exclusion>"
        for exclusion in artifact.exclusions
    )
    return (
        f"<dependency>{_coordinates(artifact.group, artifact.name)}"
        f"<version>{escape(artifact.version)}</version>"
        f"<exclusions>{exclusions}</exclusions></dependency>"
    )


def _coordinates(group: str, name: str) -> str:
    return f"<groupId>{escape(group)}</groupId><artifactId>{escape(name)}</artifactId>"


def require_maven() -> None:
    """Raises Missing when there is no `mvn`."""
    if shutil.which("mvn") is None:
        message = "'mvn' is needed to bring it: install Apache Maven 3.6 or later"
        raise Missing(message)


def _maven(*arguments: str) -> None:
    # Its Java lives for seconds: translating its code well costs more than it gives.
    options = f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC {os.environ.get('MAVEN_OPTS', '')}"
    run(["mvn", *_OPTIONS, *arguments], environment={"MAVEN_OPTS": options.strip()})
