"""Imports point one way: templates -> pipelines -> transforms, pipeline_io, kami -> native."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FORBIDDEN = {
    "transforms": {"pipelines", "pipeline_io", "kami", "templates", "tests"},
    "io": {"pipelines", "transforms", "kami", "templates", "tests"},
    "kami": {"pipelines", "transforms", "pipeline_io", "apache_beam", "templates", "tests"},
    "native": {"pipelines", "transforms", "pipeline_io", "kami", "templates", "tests"},
    "pipelines": {"templates", "tests"},
    "templates": {"transforms", "pipeline_io", "kami", "tests"},
}

# A name that says nothing about the domain attracts everything that has no home.
NAMES_OF_NO_DOMAIN = {"util", "utils", "common", "helper", "helpers", "misc"}


def imported_packages(source: str) -> Iterator[tuple[int, str]]:
    """Yields (line, first part of the module's name) of every absolute import, nested ones too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module.split(".")[0]


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_point_one_way(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {package}"
        for path in modules(folder)
        for line, package in imported_packages(path.read_text(encoding="utf-8"))
        if package in FORBIDDEN[folder]
    ]
    assert not wrong


@pytest.mark.parametrize("folder", ["pipelines", "transforms", "io", "kami", "native"])
def test_the_folder_has_modules_to_look_at(folder: str) -> None:
    assert modules(folder)


def test_an_import_is_seen_wherever_it_hides() -> None:
    source = "import a.b\nfrom c.d import e\nfrom . import f\ndef g():\n    import h, i.j\n"
    assert sorted(imported_packages(source)) == [(1, "a"), (2, "c"), (5, "h"), (5, "i")]


@pytest.mark.parametrize("folder", [*FORBIDDEN, "tests"])
def test_modules_are_named_for_the_domain(folder: str) -> None:
    assert not [
        str(path.relative_to(ROOT))
        for path in modules(folder)
        if path.stem in NAMES_OF_NO_DOMAIN or path.parent.name in NAMES_OF_NO_DOMAIN
    ]


def test_the_folder_io_is_no_regular_package() -> None:
    # With an __init__.py, PYTHONPATH=. makes Python 3.10 load it in place of the standard io.
    assert not (ROOT / "io" / "__init__.py").exists()


def test_tests_are_no_packages() -> None:
    # tests/io/__init__.py would make a package named io of its own.
    assert not list((ROOT / "tests").rglob("__init__.py"))
