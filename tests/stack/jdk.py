"""Finds a Java of the machine: any that is new enough, the oldest of them first."""

from __future__ import annotations

import functools
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.stack.command import run
from tests.stack.part import Missing, StackError

# Where packages and version managers of Linux put theirs.
_FOLDERS = (
    "/usr/lib/jvm",
    "/usr/java",
    "/opt",
    "/opt/java",
    "~/.sdkman/candidates/java",
    "~/.jdks",
    "~/.local/share/mise/installs/java",
    "~/.asdf/installs/java",
)


def small_jvm(heap_megabytes: int) -> tuple[str, ...]:
    """Options for a server that starts quickly and leaves memory and cores to the others."""
    return (
        f"-Xmx{heap_megabytes}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",
    )


def java(minimum: int) -> Path:
    """The `java` of the oldest version that is at least the minimum; Missing if there is none."""
    return _program("java", minimum)


def javac(minimum: int) -> Path:
    """The `javac` of the oldest version that is at least the minimum; Missing if there is none."""
    return _program("javac", minimum)


def keytool() -> Path:
    """The `keytool` of any Java."""
    return _program("keytool", 11)


def _program(name: str, minimum: int) -> Path:
    found = homes()
    for version, home in found:
        if version >= minimum and os.access(home / "bin" / name, os.X_OK):
            return home / "bin" / name
    versions = ", ".join(str(version) for version, _ in found) or "none"
    message = (
        f"{name!r} of Java {minimum} or later is needed, found: {versions}. "
        "Install a JDK of that version, or set JAVA_HOME to one"
    )
    raise Missing(message)


@functools.cache
def homes() -> tuple[tuple[int, Path], ...]:
    """The versions and homes that are there, oldest first."""
    homes = {home.resolve() for home in _candidates() if os.access(home / "bin" / "java", os.X_OK)}
    versions = ((_version(home), home) for home in homes)
    return tuple(sorted(pair for pair in versions if pair[0]))


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home)
    if program := shutil.which("java"):
        yield Path(program).resolve().parents[1]
    for name in _FOLDERS:
        folder = Path(name).expanduser()
        if folder.is_dir():
            yield from (path for path in folder.iterdir() if path.is_dir())


def _version(home: Path) -> int:
    """The feature version, 0 when it does not say one."""
    release = home / "release"
    if release.exists():
        said = re.search(r'JAVA_VERSION="([^"]+)"', release.read_text(errors="replace"))
    else:
        said = _asked(home)
    if said is None:
        return 0
    # Up to Java 8 versions are written 1.8.0.
    number = re.match(r"(?:1\.)?(\d+)", said[1])
    return int(number[1]) if number else 0


def _asked(home: Path) -> re.Match[str] | None:
    try:
        said = run([home / "bin" / "java", "-XshowSettings:properties", "--version"])
    except StackError:
        return None
    return re.search(r"^\w+ ([\d.]+)", said, re.MULTILINE)
