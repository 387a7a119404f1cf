"""Google's emulator of Pub/Sub, from the Google Cloud CLI of the machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.stack.asking import http
from tests.stack.command import run
from tests.stack.jdk import java, small_jvm
from tests.stack.part import Command, Context, Endpoints, Missing, Part, Plan, StackError

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
    for folder in _roots():
        if jars := sorted(folder.glob(_JARS)):
            return jars[-1]
    message = (
        "the emulator of Pub/Sub was not found: run `gcloud components install pubsub-emulator`, "
        "or install the package google-cloud-cli-pubsub-emulator; a Google Cloud CLI that is not "
        "on the PATH is named by CLOUDSDK_ROOT_DIR"
    )
    raise Missing(message)


def _roots() -> Iterator[Path]:
    if root := os.environ.get("CLOUDSDK_ROOT_DIR"):
        yield Path(root)
    for name in ("/usr/lib/google-cloud-sdk", "~/google-cloud-sdk", "/opt/google-cloud-sdk"):
        yield Path(name).expanduser()
    if program := shutil.which("gcloud"):
        yield Path(program).resolve().parents[1]
        # It knows, but takes seconds to say so.
        try:
            said = run([program, "info", "--format=value(installation.sdk_root)"])
        except StackError:
            return
        yield Path(said.strip())


PART = PubSub()
