"""Google's emulator of Pub/Sub, from the Google Cloud CLI of the machine."""

from __future__ import annotations

from pathlib import Path

from tests.stack.asking import http
from tests.stack.google_cloud_cli import newest_file
from tests.stack.jdk import java, small_jvm
from tests.stack.part import Command, Context, Endpoints, Part, Plan

JAVA = 11
PROJECT = "kamiflow"
_JARS = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"


class PubSub(Part):
    """The emulator. It ignores filters of subscriptions and does not enforce limits of size."""

    name = "pubsub"
    recipe = "link 1"

    def require(self) -> None:
        java(JAVA)
        _jar()

    def install(self, folder: Path) -> None:
        (folder / "emulator.jar").symlink_to(_jar())

    def plan(self, context: Context) -> Plan:
        port = context.free_port()
        # It keeps every message that is not pulled yet; the heap grows only when it has to.
        command = Command(
            (
                *(str(java(JAVA)), *small_jvm(8_000)),
                *("-jar", str((context.installed / "emulator.jar").resolve())),
                *("--host=127.0.0.1", f"--port={port}"),
            )
        )
        endpoints = {"address": f"127.0.0.1:{port}", "project": PROJECT}
        return Plan(endpoints, {"pubsub": command})

    def check(self, endpoints: Endpoints) -> None:
        # Its port speaks gRPC and, for whoever asks by HTTP/1, JSON.
        http(f"http://{endpoints['address']}/v1/projects/{endpoints['project']}/topics")


def _jar() -> Path:
    """The newest emulator of the machine; Missing when there is none."""
    return newest_file(_JARS, "pubsub-emulator")


PART = PubSub()
