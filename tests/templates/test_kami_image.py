"""The image of kami: templates/kami/Dockerfile."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from kami import errors

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "templates" / "kami"
PYTHON = sys.executable
JOBS = ("apply", "compact", "materialise", "reconcile")

# Beam and what else is a dependency of the pipelines alone.
BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"{{name}} is not in the image", name=name)
sys.meta_path.insert(0, Blocked())
from kami.cli import main
main(["--help"], standalone_mode=False)
"""


_GOOGLE = {
    "cloud.bigquery": "google-cloud-bigquery",
    "cloud.bigquery_storage_v1": "google-cloud-bigquery-storage",
    "cloud.secretmanager": "google-cloud-secret-manager",
    "cloud.spanner_v1": "google-cloud-spanner",
    "cloud.monitoring_v3": "google-cloud-monitoring",
}


def requirements(path: Path) -> dict[str, Requirement]:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {one.name: one for one in found}


def of_setup() -> dict[str, Requirement]:
    """Everything that setup.py names, by the literals in it."""
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    found = [Requirement(text) for text in texts if re.fullmatch(r"[\w\-\[\]]+>=[\w.,<]+", text)]
    return {one.name: one for one in found}


def commands(path: Path) -> Iterator[str]:
    """The RUN lines of a Dockerfile."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("RUN "):
            yield line.removeprefix("RUN ")


def kept() -> set[str]:
    """What the build is given."""
    lines = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    return {line.removeprefix("!") for line in lines if line.startswith("!")}


def third_party_of_kami() -> set[str]:
    """The distributions that kami's modules import."""
    names = set()
    for path in (ROOT / "kami").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
    packages = importlib.metadata.packages_distributions()
    distributions = set()
    for name in names:
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top == "kami":
            continue
        if top == "google":
            distributions.add(
                _GOOGLE.get(".".join(name.split(".")[1:3]))
                or {"api_core": "google-api-core"}.get(name.split(".")[1], "google-auth")
            )
        else:
            distributions |= set(packages[top])
    return {name.lower().replace("_", "-") for name in distributions}


def test_the_image_has_what_kami_imports() -> None:
    listed = set(requirements(FOLDER / "requirements.txt"))
    assert third_party_of_kami() <= listed
    assert "apache-beam" not in listed


def test_ranges_are_those_of_setup_and_each_has_a_tested_version() -> None:
    setup = of_setup()
    tested = {
        line.partition("==")[0]
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    }
    for name, requirement in requirements(FOLDER / "requirements.txt").items():
        assert requirement == setup[name]
        assert name in tested


def test_kami_starts_where_nothing_else_can_be_imported() -> None:
    names = set(requirements(FOLDER / "requirements.txt"))
    others = set(of_setup()) - names
    packages = importlib.metadata.packages_distributions()
    blocked = {
        module
        for module, distributions in packages.items()
        if {name.lower() for name in distributions} & others and module != "google"
    }
    assert {"apache_beam", "fastavro", "tink"} <= blocked
    code = BLOCKED.format(blocked=blocked)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "reconcile" in done.stdout


def test_the_image_runs_kami_as_somebody_who_is_not_root() -> None:
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    assert 'ENTRYPOINT ["kami"]' in text
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["python:3.12-slim"] * 2
    (uid,) = re.findall(r"^USER (\d+):\1$", text, re.MULTILINE)
    for path in (FOLDER / "base").glob("*.yaml"):
        assert re.findall(r"runAsUser: (\d+)", path.read_text(encoding="utf-8")) in ([], [uid])


def test_the_build_is_given_what_it_needs() -> None:
    for path in kept():
        assert (ROOT / path).exists(), path
    assert {"setup.py", "pyproject.toml", "README.md", "kami", "io", "transforms"} <= kept()


def checkout(folder: Path) -> Path:
    """What the build is given of this checkout."""
    for name in kept():
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "target"))
        else:
            shutil.copy(source, target)
    return folder


# It brings some 300 MB.
@pytest.mark.slow
def test_what_the_dockerfile_runs_makes_a_kami_without_beam(tmp_path: Path) -> None:
    source, installed, empty = (tmp_path / name for name in ("src", "kami", "empty"))
    checkout(source)
    empty.mkdir()
    for line in commands(FOLDER / "Dockerfile"):
        if line.startswith("useradd"):
            continue
        here = line.replace("/opt/kami", str(installed)).replace("python -m", f"{PYTHON} -m")
        built = subprocess.run(["sh", "-ec", here], cwd=source, capture_output=True, check=False)
        assert built.returncode == 0, built.stderr.decode()
    python, program = installed / "bin" / "python", installed / "bin" / "kami"

    def ran(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(arguments, cwd=empty, capture_output=True, text=True, check=False)

    assert "No module named 'apache_beam'" in ran(python, "-c", "import apache_beam").stderr
    assert all(name in ran(program, "--help").stdout for name in JOBS)
    assert ran(program, "apply").returncode == errors.EXIT_CONFIGURATION
    (empty / "schema.sql").write_text("CREATE TABLE orders (id INT PRIMARY KEY, note TEXT);")
    (empty / "kami.yaml").write_text(
        "warehouse: duckdb:w.duckdb\nsources: [{name: shop, type: mysql, ddl: schema.sql}]\n"
    )
    done = ran(program, "apply", "--output", "json")
    assert done.returncode == 0, done.stderr
    assert ran(program, "query", "shop.orders").returncode == 0
