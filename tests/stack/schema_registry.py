"""A schema registry that speaks Confluent's API: Apicurio, in memory."""

from __future__ import annotations

import tarfile
from pathlib import Path

from tests.stack.asking import http
from tests.stack.jdk import java, small_jvm
from tests.stack.maven import copy_artifact, require_maven
from tests.stack.part import Command, Context, Endpoints, Part, Plan

COORDINATES = "io.apicurio:apicurio-registry-app:3.3.3:tar.gz:all"
JAVA = 21
# Confluent's API, in its seventh version, stands below this path.
API = "/apis/ccompat/v7"


class Registry(Part):
    """The schema registry. Compatibility defaults to NONE (Confluent's own to BACKWARD)."""

    name = "registry"
    recipe = COORDINATES

    def require(self) -> None:
        java(JAVA)
        require_maven()

    def install(self, folder: Path) -> None:
        archive = copy_artifact(COORDINATES, folder)
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        archive.unlink()

    def plan(self, context: Context) -> Plan:
        port = context.free_port()
        command = Command(
            (str(java(JAVA)), *small_jvm(384), "-jar", str(context.installed / "quarkus-run.jar")),
            environment={
                "QUARKUS_HTTP_HOST": "127.0.0.1",
                "QUARKUS_HTTP_PORT": str(port),
                # Its management would listen on every address of the machine, on port 9000.
                "QUARKUS_MANAGEMENT_HOST": "127.0.0.1",
                "QUARKUS_MANAGEMENT_PORT": str(context.free_port()),
            },
        )
        return Plan({"url": f"http://127.0.0.1:{port}{API}"}, {"registry": command})

    def check(self, endpoints: Endpoints) -> None:
        http(f"{endpoints['url']}/subjects")


PART = Registry()
