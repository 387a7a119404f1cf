"""A stand-in for Connect's REST API: keeps what is put, and has the faults that it is told."""

from __future__ import annotations

import json
import ssl
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

CLASS = "io.debezium.connector.mysql.MySqlConnector"


class ConnectStandIn:
    """Connectors by name, on a port of its own while it is entered.

    Attributes:
        faults: what the next requests get: a status and a text.
        login: the Authorization header that is let in; None lets everyone in.
        errors: what the plug-in says against settings, by their names.
        states: what a connector and its tasks are; by default one task runs.
        trace: of what has failed.
        puts: the configurations that were put.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.configs: dict[str, dict[str, str]] = {}
        self.faults: deque[tuple[int, str]] = deque()
        self.login: str | None = None
        self.errors: dict[str, list[str]] = {}
        self.states: dict[str, tuple[str, ...]] = {}
        self.trace = ""
        self.puts: list[dict[str, str]] = []
        self.restarts: list[str] = []
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, told = stand_in.answer(
                    self.command, self.path, self.headers.get("Authorization"), body
                )
                content = json.dumps(told).encode() if told is not None else b""
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ConnectStandIn:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, login: str | None, body: bytes) -> tuple[int, Any]:
        """The status and the JSON of an answer."""
        if self.faults:
            status, text = self.faults.popleft()
            return status, {"error_code": status, "message": text}
        if self.login is not None and login != self.login:
            return 401, None
        parts = [unquote(part) for part in urlsplit(path).path.strip("/").split("/")]
        if parts[0] == "connector-plugins":
            return self._plugin(parts, json.loads(body or b"{}"))
        if parts == ["connectors"]:
            return 200, list(self.configs)
        if parts[0] == "connectors":
            return self._connector(method, parts[1], parts[2:], json.loads(body or b"{}"))
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def _plugin(self, parts: list[str], config: dict[str, str]) -> tuple[int, Any]:
        if len(parts) == 1:
            return 200, [{"class": CLASS, "type": "source", "version": "3.5.0.Final"}]
        if parts[1] != CLASS:
            return 500, {"message": f"Failed to find any class that implements {parts[1]}"}
        names = {*config, *self.errors}
        fields = [{"value": {"name": name, "errors": self.errors.get(name, [])}} for name in names]
        return 200, {"name": CLASS, "error_count": len(self.errors), "configs": fields}

    def _connector(
        self, method: str, name: str, rest: list[str], body: dict[str, str]
    ) -> tuple[int, Any]:
        if method == "PUT":
            self.puts.append(body)
            self.configs[name] = body
            return 201, {}
        if name not in self.configs:
            return 404, {"error_code": 404, "message": f"Connector {name} not found"}
        if method == "DELETE":
            del self.configs[name]
            return 204, None
        if method == "POST":
            self.restarts.append(name)
            self.states.pop(name, None)
            return 202, {}
        if rest == ["config"]:
            return 200, self.configs[name]
        if rest == ["tasks"]:
            return 200, [{"config": {**self.configs[name], "task.id": "0"}}]
        own, *tasks = self.states.get(name, ("RUNNING", "RUNNING"))
        return 200, {
            "name": name,
            "connector": self._part(own),
            "tasks": [{"id": number, **self._part(state)} for number, state in enumerate(tasks)],
        }

    def _part(self, state: str) -> dict[str, str]:
        trace = {"trace": self.trace} if state == "FAILED" else {}
        return {"state": state, "worker_id": "connect:8083", **trace}


def tls_of(certificate: Path, client_authority: Path | None = None) -> ssl.SSLContext:
    """What a server with this certificate and key speaks, to clients of an authority alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if client_authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_authority)
    return context
