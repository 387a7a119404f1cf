"""How files and programs are brought: which Java is taken, what Maven is asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.stack import jdk
from tests.stack.command import run
from tests.stack.maven import Artifact, pom_of
from tests.stack.part import Missing, StackError
from tests.stack.parts import PARTS, with_needs
from tests.stack.ports import free_port


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of JDKs of the versions 11, 17, 21 and 25, and no other on the machine."""
    for version in ("11.0.1", "1.8.0_402", "17.0.15", "21", "25.0.3"):
        programs = tmp_path / f"jdk-{version}" / "bin"
        programs.mkdir(parents=True)
        (programs.parent / "release").write_text(f'JAVA_VERSION="{version}"\n')
        for name in ("java", "javac") if version != "21" else ("java",):
            (programs / name).touch(mode=0o755)
    monkeypatch.setattr(jdk, "_FOLDERS", (str(tmp_path),))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    jdk.homes.cache_clear()
    yield tmp_path
    jdk.homes.cache_clear()


@pytest.mark.parametrize(
    ("minimum", "home"),
    [(8, "1.8.0_402"), (9, "11.0.1"), (17, "17.0.15"), (18, "21"), (22, "25.0.3")],
)
def test_the_oldest_java_that_is_new_enough_is_taken(homes: Path, minimum: int, home: str) -> None:
    assert jdk.java(minimum) == homes / f"jdk-{home}" / "bin" / "java"


def test_a_java_without_a_compiler_is_passed_over_for_one(homes: Path) -> None:
    assert jdk.javac(18) == homes / "jdk-25.0.3" / "bin" / "javac"


def test_a_java_that_is_too_old_is_told_with_what_was_found(homes: Path) -> None:
    with pytest.raises(Missing, match=r"Java 26 or later is needed, found: 8, 11, 17, 21, 25"):
        jdk.java(26)


def test_java_home_counts(homes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jdk, "_FOLDERS", ())
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk-21"))
    assert jdk.java(11) == tmp_path / "jdk-21" / "bin" / "java"


def test_a_pom_names_versions_and_exclusions() -> None:
    pom = pom_of(
        [Artifact("org.a", "one", "1.2", exclusions=("org.b:*",)), Artifact("c", "d", "3")]
    )
    namespace = {"m": "http://maven.apache.org/POM/4.0.0"}
    first, second = ElementTree.fromstring(pom).iterfind(".//m:dependency", namespace)  # noqa: S314
    assert first.findtext("m:version", namespaces=namespace) == "1.2"
    assert first.findtext(".//m:exclusion/m:groupId", namespaces=namespace) == "org.b"
    assert first.findtext(".//m:exclusion/m:artifactId", namespaces=namespace) == "*"
    assert second.find(".//m:exclusion", namespace) is None


def test_a_command_that_ends_badly_is_told_with_what_it_said() -> None:
    with pytest.raises(StackError, match=r"(?s)ended with exit code 3.*no such luck"):
        run([sys.executable, "-c", "import sys; print('no such luck'); sys.exit(3)"])


def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(StackError, match="'no-such-command' was not found"):
        run(["no-such-command"])


def test_ports_are_given_once() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == len(ports)


def test_a_part_comes_after_all_that_it_needs() -> None:
    for name in PARTS:
        order = [part.name for part in with_needs([name])]
        assert order[-1] == name
        for part in with_needs([name]):
            assert set(part.needs) <= set(order[: order.index(part.name)])


def test_the_recipe_of_a_part_names_exact_versions() -> None:
    for part in PARTS.values():
        assert not any(loose in part.recipe for loose in ("LATEST", "RELEASE", "latest", "[", ">"))
