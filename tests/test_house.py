"""What every file of the project keeps to, and what is built and installed from it."""

import importlib.metadata
import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LONGEST_FILE_LINES = 300
PYTHONS = ("3.10", "3.11", "3.12", "3.13")

# Written so that this line is no match of itself.
DEVELOPER_PATHS = re.compile(r"(?<![\w.~-])/(?:home|Users|root|work)/\w|[A-Z]:\\Users\\")


def tracked_files() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: which files are the project's is unknown")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    # A symlink shows another tracked file, a removed file nothing.
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def setup_arguments() -> dict[str, Any]:
    """What setup.py hands to setuptools."""
    with pytest.MonkeyPatch.context() as patch:
        arguments: dict[str, Any] = {}
        patch.setattr("setuptools.setup", arguments.update)
        patch.chdir(ROOT)
        runpy.run_path(str(ROOT / "setup.py"))
    return arguments


def pinned_versions(python: str | None = None) -> dict[str, str]:
    """The version of each package in constraints.txt, for one Python or for the running one."""
    environment = {"python_version": python, "python_full_version": f"{python}.1"} if python else {}
    pinned: dict[str, str] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", line
            pinned[canonicalize_name(requirement.name)] = specifier.version
    return pinned


def requirements(*extras: str) -> list[Requirement]:
    arguments = setup_arguments()
    lines = [*arguments["install_requires"]]
    for extra in extras:
        lines += arguments["extras_require"][extra]
    return [Requirement(line) for line in lines]


def installed_closure(roots: list[Requirement]) -> Iterator[str]:
    """Yields the names of everything that the requirements bring into this environment."""
    seen: set[tuple[str, str]] = set()
    queue = [(root.name, extra) for root in roots for extra in ("", *root.extras)]
    while queue:
        name, extra = item = queue.pop()
        if item in seen:
            continue
        seen.add(item)
        yield canonicalize_name(name)
        for line in importlib.metadata.requires(name) or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                queue += [(needed.name, wanted) for wanted in ("", *needed.extras)]


def test_no_file_of_code_outgrows_a_sitting() -> None:
    code = [path for path in tracked_files() if path.suffix in {".py", ".rs", ".sh"}]
    assert code
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in code
    }
    assert {name: lines for name, lines in lengths.items() if lines >= LONGEST_FILE_LINES} == {}


def test_tracked_files_name_no_path_of_a_developers_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in tracked_files()
        for number, line in enumerate(
            path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1
        )
        if DEVELOPER_PATHS.search(line)
    ]
    assert not found


@pytest.mark.parametrize("home", ["home", "Users", "root", "work"])
def test_a_path_of_a_developers_machine_is_recognised(home: str) -> None:
    assert DEVELOPER_PATHS.search(f"open('/{home}/x/kamiflow')")
    assert not DEVELOPER_PATHS.search(f"docs/{home}/page.md")


@pytest.mark.parametrize("target", ["aml", "test"])
def test_the_readme_names_the_first_commands(target: str) -> None:
    assert f"make {target}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_make_help_lists_every_target_that_the_pages_name() -> None:
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    targets = set(re.findall(r"^  make ([a-z-]+) +\S", shown, re.MULTILINE))
    assert {"aml", "test", "lint", "types", "format", "golden", "native", "bench"} <= targets
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    for page in [*pages, ROOT / "cloudbuild.yaml", ROOT / ".ci" / "run"]:
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.M))
        assert named <= targets, page.name


@pytest.mark.parametrize("python", PYTHONS)
def test_every_requirement_is_pinned_inside_its_range(python: str) -> None:
    pinned = pinned_versions(python)
    for requirement in requirements("test", "lint", "mysql", "postgresql"):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])


def test_the_constraints_name_no_package_index() -> None:
    assert "://" not in (ROOT / "constraints.txt").read_text(encoding="utf-8")


def test_what_is_installed_is_what_is_pinned() -> None:
    pinned = pinned_versions()
    names = set(installed_closure(requirements("test")))
    assert len(names) > len(requirements("test"))
    installed = {name: importlib.metadata.version(name) for name in names}
    assert installed == {name: pinned.get(name, "not pinned") for name in names}


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The files of a wheel that was built from a source distribution of the tracked files."""
    # A copy, since setuptools leaves build/ behind and packs what an older build left there.
    checkout = tmp_path_factory.mktemp("checkout")
    for path in tracked_files():
        copy = checkout / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    build = "import sys, setuptools.build_meta as b; print(getattr(b, sys.argv[1])('dist'))"
    unpacked = checkout
    for step in ("build_sdist", "build_wheel"):
        built = subprocess.run(
            [sys.executable, "-c", build, step],
            cwd=unpacked,
            capture_output=True,
            text=True,
        )
        assert built.returncode == 0, built.stderr
        archive = unpacked / "dist" / built.stdout.splitlines()[-1]
        if step == "build_sdist":
            shutil.unpack_archive(archive, checkout / "unpacked")
            (unpacked,) = (checkout / "unpacked").iterdir()
    return zipfile.ZipFile(archive).namelist()


def test_the_wheel_has_every_tracked_module_once(wheel_names: list[str]) -> None:
    assert len(wheel_names) == len(set(wheel_names))
    packaged = {"pipelines", "transforms", "io", "kami", "native"}
    modules = {
        path.relative_to(ROOT).as_posix() for path in tracked_files() if path.suffix == ".py"
    }
    expected = {
        re.sub(r"^io/", "pipeline_io/", name)
        for name in modules
        if name.split("/")[0] in packaged and "/" in name
    }
    assert {name for name in wheel_names if name.endswith(".py")} == expected


def test_the_wheel_has_the_jobs_and_the_recordings(wheel_names: list[str]) -> None:
    data = {
        path.relative_to(ROOT).as_posix()
        for path in tracked_files()
        if (path.suffix == ".sql" and path.parent == ROOT / "pipelines")
        or (ROOT / "pipelines" / "recordings") in path.parents
    }
    assert data
    assert data <= set(wheel_names)
