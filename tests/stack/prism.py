"""Prism, Beam's portable runner in one program of Go. Beam starts it, one for each job."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import ClassVar

from tests.stack.command import run
from tests.stack.part import Context, Endpoints, Missing, NotReady, Part, Plan

MODULE = "github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77.0"
"""The version of Python's Beam. 2.71 stalls after the first bundle of an unbounded read."""


class Prism(Part):
    """A program, and no server of its own."""

    name = "prism"
    recipe: ClassVar[str] = MODULE

    def require(self) -> None:
        if shutil.which("go") is None:
            message = "'go' is needed to build Prism: install Go 1.21 or later, see go.dev/dl"
            raise Missing(message)

    def install(self, folder: Path) -> None:
        # GOFLAGS of the user stay: they may name a proxy's needs. Modules go to the user's cache.
        run(["go", "install", MODULE], environment={"GOBIN": str(folder.absolute())})

    def plan(self, context: Context) -> Plan:
        return Plan(endpoints={"binary": str(context.installed / "prism")})

    def check(self, endpoints: Endpoints) -> None:
        if not os.access(str(endpoints["binary"]), os.X_OK):
            message = f"{endpoints['binary']} is no program"
            raise NotReady(message)


PART = Prism()
