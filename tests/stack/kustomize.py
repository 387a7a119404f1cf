"""Kustomize, which renders folders of Kubernetes objects: a program, and no server."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import ClassVar

from tests.stack.command import run
from tests.stack.installing import install
from tests.stack.part import Context, Endpoints, Missing, NotReady, Part, Plan
from tests.stack.stack import silent

MODULE = "sigs.k8s.io/kustomize/kustomize/v5@v5.8.2"


class Kustomize(Part):
    """A program that whoever renders a folder runs."""

    name = "kustomize"
    recipe: ClassVar[str] = MODULE

    def require(self) -> None:
        if shutil.which("go") is None:
            message = "'go' is needed to build Kustomize: install Go 1.24 or later, see go.dev/dl"
            raise Missing(message)

    def install(self, folder: Path) -> None:
        # GOFLAGS of the user stay: they may name a proxy's needs. Modules go to the user's cache.
        run(["go", "install", MODULE], environment={"GOBIN": str(folder.absolute())})

    def plan(self, context: Context) -> Plan:
        return Plan(endpoints={"binary": str(context.installed / "kustomize")})

    def check(self, endpoints: Endpoints) -> None:
        if not os.access(str(endpoints["binary"]), os.X_OK):
            message = f"{endpoints['binary']} is no program"
            raise NotReady(message)


PART = Kustomize()


def build(folder: Path) -> str:
    """The objects of a folder with a kustomization.yaml, as YAML.

    Missing where the program cannot be had, StackError with its words where it refuses the folder.
    """
    return run([install(PART, silent) / "kustomize", "build", folder])
