"""Google's emulator of Spanner, from the Google Cloud CLI of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.stack.asking import TIMEOUT_SECONDS
from tests.stack.google_cloud_cli import newest_file
from tests.stack.part import Command, Context, Endpoints, NotReady, Part, Plan

PROJECT = "kamiflow"
_PROGRAM = "bin/cloud_spanner_emulator/emulator_main"


class Spanner(Part):
    """The emulator. It holds all in memory, and lets one transaction write at a time.

    A transaction that begins while another one writes is aborted, as Spanner itself may do it.
    """

    name = "spanner"
    recipe = "link 1"

    def require(self) -> None:
        _program()

    def install(self, folder: Path) -> None:
        (folder / "emulator").symlink_to(_program())

    def plan(self, context: Context) -> Plan:
        address = f"127.0.0.1:{context.free_port()}"
        program = str((context.installed / "emulator").resolve())
        # Partitions of change streams live 20 to 40 seconds otherwise, too long for a test that
        # waits for them to split.
        alive = "--override_change_stream_partition_token_alive_seconds=2"
        churn = "--change_stream_churn_thread_sleep_interval=1s"
        command = Command((program, f"--host_port={address}", alive, churn))
        return Plan({"address": address, "project": PROJECT}, {"spanner": command})

    def check(self, endpoints: Endpoints) -> None:
        # Loaded where it is used: every run of pytest loads the list of parts. The client of
        # Spanner takes seconds to load; the answer to a bare request says as much.
        import grpc

        parent = f"projects/{endpoints['project']}".encode()
        request = b"\x0a" + bytes([len(parent)]) + parent
        with grpc.insecure_channel(str(endpoints["address"])) as channel:
            ask: Any = channel.unary_unary(
                "/google.spanner.admin.instance.v1.InstanceAdmin/ListInstanceConfigs",
                request_serializer=None,
                response_deserializer=None,
            )
            try:
                ask(request, timeout=TIMEOUT_SECONDS)
            except grpc.RpcError as error:
                message = f"{endpoints['address']} does not answer: {error}"
                raise NotReady(message) from error


def _program() -> Path:
    return newest_file(_PROGRAM, "cloud-spanner-emulator")


PART = Spanner()
