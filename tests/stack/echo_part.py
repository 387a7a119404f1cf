"""A part without a registry: a small server that the tests of the stack itself start."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.stack.asking import listens
from tests.stack.part import Command, Context, Endpoints, NotReady, Part, Plan

SERVER = """
import pathlib, signal, socket, sys
print("listening soon", flush=True)
pathlib.Path("starts").open("a").write("x")
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    listener.accept()[0].close()
"""


class Echo(Part):
    """A server that takes connections.

    Args:
        server: the source of the server; its argument is the port.
    """

    name = "echo"
    recipe = "1"

    def __init__(self, server: str = SERVER) -> None:
        self._server = server

    def install(self, folder: Path) -> None:
        (folder / "server.py").write_text(self._server)

    def plan(self, context: Context) -> Plan:
        port = context.free_port()
        arguments = (sys.executable, str(context.installed / "server.py"), str(port))
        needed = {need: str(endpoints["address"]) for need, endpoints in context.endpoints.items()}
        return Plan({"address": f"127.0.0.1:{port}", **needed}, {self.name: Command(arguments)})

    def check(self, endpoints: Endpoints) -> None:
        listens(str(endpoints["address"]))


class Second(Echo):
    """A server that needs the other one."""

    name = "second"
    needs = ("echo",)


class Deaf(Echo):
    """A server that never answers."""

    timeout_seconds = 0.5

    def check(self, endpoints: Endpoints) -> None:
        message = "nobody speaks"
        raise NotReady(message)
