"""An emulator of BigQuery from PyPI: REST with SQL on DuckDB, and the Storage API by gRPC.

It needs a Python newer than some that the project runs on, so it has one of its own.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.stack.asking import http, listens
from tests.stack.command import run
from tests.stack.part import Command, Context, Endpoints, Missing, Part, Plan, StackError

PYTHON = "3.13"
DUCKDB = "1.5.5"
# DuckDB would fetch these from a server of its own, which not every machine reaches.
EXTENSIONS = ("icu", "ducklake", "spatial", "httpfs")
REQUIREMENTS = (
    "local-bigquery==0.3.2",
    f"duckdb=={DUCKDB}",
    f"duckdb-extensions=={DUCKDB}",
    *(f"duckdb-extension-{name}=={DUCKDB}" for name in EXTENSIONS),
    # What it is known to run with.
    "fastapi==0.165.0",
    "google-cloud-bigquery-storage==2.43.0",
    "grpcio==1.85.1",
    "protobuf==7.36.2",
    "pyarrow==26.0.1",
    "sqlglot==30.30.0",
    "uvicorn==0.54.0",
)
PROJECT = "kamiflow"
_INSTALL_EXTENSIONS = """
import sys

import duckdb_extensions

for name in sys.argv[1:]:
    duckdb_extensions.import_extension(name)
"""


class BigQuery(Part):
    """The emulator: laxer than BigQuery, and slow. Its streams of rows do not outlive it."""

    name = "bigquery"
    recipe = " ".join((PYTHON, *REQUIREMENTS))

    def require(self) -> None:
        _uv()

    def install(self, folder: Path) -> None:
        uv, python = _uv(), folder / "venv" / "bin" / "python"
        _make_environment(uv, folder / "venv")
        run([uv, "pip", "install", "--quiet", "--python", python, *REQUIREMENTS])
        # Extensions live in the home of whoever runs DuckDB: the emulator's is its own folder.
        run([python, "-c", _INSTALL_EXTENSIONS, *EXTENSIONS], environment={"HOME": str(folder)})

    def plan(self, context: Context) -> Plan:
        rest, storage = context.free_port(), context.free_port()
        command = Command(
            (
                *("nice", "-n", "19"),
                *(
                    str(context.installed / "venv" / "bin" / "local-bigquery"),
                    "--host",
                    "127.0.0.1",
                ),
                *("--port", str(rest), "--grpc-port", str(storage), "--project", PROJECT),
                *("--data-dir", str(context.folder / "data")),
            ),
            environment={"HOME": str(context.installed), "TMPDIR": str(context.folder)},
        )
        endpoints = {
            "project": PROJECT,
            "rest_address": f"127.0.0.1:{rest}",
            "storage_address": f"127.0.0.1:{storage}",
        }
        return Plan(endpoints, {"bigquery": command})

    def check(self, endpoints: Endpoints) -> None:
        http(f"http://{endpoints['rest_address']}/bigquery/v2/projects/{PROJECT}/datasets")
        listens(str(endpoints["storage_address"]))


def _uv() -> Path:
    """The uv of this environment or of the machine; Missing when there is none."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        message = "uv was not found, which brings the emulator of BigQuery: pip install uv"
        raise Missing(message)
    return Path(found)


def _make_environment(uv: Path, folder: Path) -> None:
    """A virtual environment of PYTHON: one of the machine's, else one that uv brings."""
    said = ""
    candidates: list[str | Path] = [*_pythons(), PYTHON]
    for python in candidates:
        try:
            run([uv, "venv", "--quiet", "--no-project", "--python", python, folder])
        except StackError as error:
            said = str(error)
            shutil.rmtree(folder, ignore_errors=True)
        else:
            return
    message = f"no Python {PYTHON} is at hand, and uv brings none; install one: {said}"
    raise Missing(message)


def _pythons() -> Iterator[Path]:
    """Where a Python of that version may be; a shim of pyenv is one that need not run."""
    if sys.version_info[:2] == tuple(map(int, PYTHON.split("."))):
        yield Path(sys.executable)
    if found := shutil.which(f"python{PYTHON}"):
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    yield from sorted((pyenv / "versions").glob(f"{PYTHON}.*/bin/python"), reverse=True)


PART = BigQuery()
