"""Promtool, which tests Prometheus' rules by Prometheus' own engine: a program, and no server."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.stack.command import run
from tests.stack.installing import install
from tests.stack.part import Context, Endpoints, Missing, NotReady, Part, Plan, StackError
from tests.stack.stack import silent

MODULE = "github.com/prometheus/prometheus/cmd/promtool@v0.316.0"
"""Takes four minutes of a core to build: for machines without a package of it."""


class Promtool(Part):
    """The one of the machine, of the system's package beside it, or built."""

    name = "promtool"
    recipe = f"package or {MODULE}"

    def require(self) -> None:
        if not any(shutil.which(name) for name in ("promtool", "apt-get", "go")):
            message = (
                "promtool is not installed, and neither apt-get nor go is there to bring it: "
                "install this system's package of Prometheus"
            )
            raise Missing(message)

    def install(self, folder: Path) -> None:
        target = folder / "promtool"
        if found := shutil.which("promtool"):
            target.symlink_to(found)
            return
        try:
            _unpack(folder / "package", target)
        except StackError as error:
            if shutil.which("go") is None:
                message = f"promtool cannot be brought: {error}"
                raise Missing(message) from error
            run(
                ["go", "install", "-tags", "remove_all_sd", MODULE],
                environment={"GOBIN": str(folder.absolute())},
            )

    def plan(self, context: Context) -> Plan:
        return Plan(endpoints={"binary": str(context.installed / "promtool")})

    def check(self, endpoints: Endpoints) -> None:
        if not os.access(str(endpoints["binary"]), os.X_OK):
            message = f"{endpoints['binary']} is no program"
            raise NotReady(message)


def _unpack(folder: Path, target: Path) -> None:
    """Takes it out of the package of Debian and Ubuntu: nothing is installed on the machine."""
    folder.mkdir()
    try:
        run(["apt-get", "download", "--quiet", "prometheus"], folder=folder)
        (package,) = folder.glob("*.deb")
        run(["dpkg", "-x", package, folder])
        shutil.move(folder / "usr" / "bin" / "promtool", target)
    finally:
        shutil.rmtree(folder)


PART = Promtool()


def check_rules(*rules: Path) -> str:
    """What it says of files of rules. Missing without it, StackError where it refuses one."""
    return _promtool("check", "rules", *rules)


def run_cases(*cases: Path) -> str:
    """What it says of files with cases. Raises as above, with the cases that failed."""
    return _promtool("test", "rules", *cases)


def _promtool(*arguments: str | Path) -> str:
    return run([install(PART, silent) / "promtool", *arguments])
