"""A strict stand-in for a schema registry: Confluent's REST API, with faults when told."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import fastavro

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
_LARGEST_JAVA_INT = 2**31 - 1


class Fault(NamedTuple):
    """What the next request gets instead of an answer: a status, or no answer at all (0)."""

    status: int = 0
    body: str = ""
    headers: Mapping[str, str] = {}


HANG_UP = Fault()
SILENCE = Fault(-1)


class Filed(NamedTuple):
    """What a registry has."""

    schemas: dict[int, dict[str, Any]]
    subjects: dict[str, list[int]]


class Seen(NamedTuple):
    """A request that came in."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    login: str | None
    body: Any


class RegistryServer:
    """Schemas by id and by subject, on a port of its own while it is entered.

    Attributes:
        faults: what the next requests get, in this order.
        logins: Authorization headers that are let in; None lets everyone in.
        refused: reasons why a subject refuses every schema (409), by subject.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.faults: deque[Fault] = deque()
        self.logins: set[str] | None = None
        self.refused: dict[str, list[str]] = {}
        self.types: object = ["JSON", "PROTOBUF", "AVRO"]
        self._schemas: dict[int, dict[str, Any]] = {}
        self._subjects: dict[str, list[int]] = {}
        self._closing = threading.Event()
        server = self

        class Handler(_Handler):
            registry = server

        self._http = _Listener(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        scheme = "http"
        if tls is not None:
            # Not in the accepting thread: a client that does not go on would stop all others.
            self._http.socket = tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> RegistryServer:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()

    def add(self, subject: str, schema: str, schema_id: int | None = None, **rest: object) -> int:
        """Files a schema as it is; `rest` are schemaType and references."""
        filed = {"schema": schema, **rest}
        if schema_id is None:
            known = [number for number, item in self._schemas.items() if item == filed]
            schema_id = known[0] if known else len(self._schemas) + 1
        self._schemas[schema_id] = filed
        versions = self._subjects.setdefault(subject, [])
        if schema_id not in versions:
            versions.append(schema_id)
        return schema_id

    def forget(self) -> Filed:
        """Loses all schemas, as a registry in memory does that is started again."""
        filed = Filed(dict(self._schemas), dict(self._subjects))
        self._schemas.clear()
        self._subjects.clear()
        return filed

    def restore(self, filed: Filed) -> None:
        """Has what it has lost."""
        self._schemas.update(filed.schemas)
        self._subjects.update(filed.subjects)

    def paths(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [seen.path for seen in self.seen]

    def wait_for_the_end(self) -> None:
        """Returns when the server stops: the client gets no answer until then."""
        self._closing.wait()

    def answer(self, seen: Seen) -> tuple[int, object]:
        """The status and the JSON of an answer."""
        match (seen.method, [unquote(part) for part in seen.path.split("/")[1:]]):
            case ("GET", ["schemas", "types"]):
                return 200, self.types
            case ("GET", ["subjects"]):
                return 200, sorted(self._subjects)
            case ("GET", ["schemas", "ids", number]):
                # Java's int in the path: anything else matches no path.
                if not number.isdecimal() or int(number) > _LARGEST_JAVA_INT:
                    return _error(404, 404, "HTTP 404 Not Found")
                if int(number) not in self._schemas:
                    return _error(404, 40403, f"Schema {number} not found.")
                return 200, self._schemas[int(number)]
            case ("GET", ["subjects", subject, "versions", number]):
                return self._version(subject, int(number))
            case ("POST", ["subjects", subject, "versions"]):
                return self._register(subject, seen.body)
            case ("POST", ["compatibility", "subjects", subject, "versions", "latest"]):
                messages = self.refused.get(subject, [])
                return 200, {"is_compatible": not messages, "messages": messages}
        return _error(404, 404, "HTTP 404 Not Found")

    def _version(self, subject: str, version: int) -> tuple[int, object]:
        if subject not in self._subjects:
            return _error(404, 40401, f"Subject '{subject}' not found.")
        if not 1 <= version <= len(self._subjects[subject]):
            return _error(404, 40402, f"Version {version} not found.")
        schema_id = self._subjects[subject][version - 1]
        own = {"subject": subject, "version": version, "id": schema_id}
        return 200, {**own, **self._schemas[schema_id]}

    def _register(self, subject: str, body: Any) -> tuple[int, object]:
        if not isinstance(body, dict) or set(body) - {"schema", "schemaType", "references"}:
            return _error(422, 42201, "Unrecognized field")
        try:
            fastavro.parse_schema(json.loads(body["schema"]))
        except Exception as error:
            return _error(422, 42201, f"Invalid schema: {error}")
        if subject in self.refused:
            return _error(409, 409, "Schema being registered is incompatible")
        return 200, {"id": self.add(subject, body["schema"])}


def _error(status: int, code: int, message: str) -> tuple[int, object]:
    return status, {"error_code": code, "message": message}


class _Listener(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that hang up, and of those that TLS keeps out."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    registry: RegistryServer
    protocol_version = "HTTP/1.1"
    # Headers and body in two packets would wait for each other.
    wbufsize = -1

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def _serve(self) -> None:
        url = urlsplit(self.path)
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        body = json.loads(text) if text else None
        login = self.headers.get("Authorization")
        seen = Seen(self.command, url.path, parse_qs(url.query), login, body)
        self.registry.seen.append(seen)
        if self.registry.faults:
            self._fail(self.registry.faults.popleft())
        elif self.registry.logins is not None and login not in self.registry.logins:
            self._send(*_error(401, 401, "Unauthorized"))
        elif CONTENT_TYPE not in self.headers.get("Accept", ""):
            self._send(*_error(406, 406, "HTTP 406 Not Acceptable"))
        elif body is not None and self.headers.get("Content-Type") != CONTENT_TYPE:
            self._send(*_error(415, 415, "HTTP 415 Unsupported Media Type"))
        else:
            self._send(*self.registry.answer(seen))

    def _fail(self, fault: Fault) -> None:
        if fault == SILENCE:
            self.registry.wait_for_the_end()
        if fault.status <= 0:
            self.close_connection = True
            return
        self._write(fault.status, fault.body, {"Content-Type": "text/plain", **fault.headers})

    def _send(self, status: int, body: object) -> None:
        self._write(status, json.dumps(body), {"Content-Type": CONTENT_TYPE})

    def _write(self, status: int, text: str, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        encoded = text.encode()
        for name, value in {**headers, "Content-Length": str(len(encoded))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(encoded)
