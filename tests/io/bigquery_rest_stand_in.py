"""Datasets and tables of a strict BigQuery in this process, with its REST API."""

from __future__ import annotations

import http.server
import json
import threading
from types import TracebackType
from typing import Any

from tests.io.bigquery_stand_in import StandIn, path_of

_PREFIX = "/bigquery/v2/projects/shop-1/datasets"


class RestStandIn:
    """Keeps tables, and tells a StandIn of their columns.

    script: (status, reason) for the requests that come next; None for the usual answer. lag:
    whether the StandIn is told of columns by `catch_up` alone.
    """

    def __init__(self, storage: StandIn) -> None:
        self.storage = storage
        self.datasets: dict[str, dict[str, Any]] = {}
        self.tables: dict[str, dict[str, Any]] = {}
        self.script: list[tuple[int, str] | None] = []
        self.lag = False
        self.asked: list[str] = []
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stand_in.answer(self, None)

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                stand_in.answer(self, json.loads(self.rfile.read(length)))

            do_PATCH = do_POST

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> RestStandIn:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def catch_up(self) -> None:
        """The Storage API sees the columns that the tables have."""
        for name, table in self.tables.items():
            columns = {field["name"] for field in table["schema"]["fields"]}
            self.storage.columns[path_of(name)] = columns
            key = table.get("tableConstraints", {}).get("primaryKey", {}).get("columns", [])
            self.storage.keys[path_of(name)] = tuple(key)

    def answer(self, handler: http.server.BaseHTTPRequestHandler, body: Any) -> None:
        path = handler.path.partition("?")[0]
        self.asked.append(f"{handler.command} {path.removeprefix(_PREFIX)}")
        scripted = self.script.pop(0) if self.script else None
        if scripted is not None:
            status, reason = scripted
            found: dict[str, Any] = _error(status, reason)
        else:
            headers = {name.lower(): value for name, value in handler.headers.items()}
            status, found = self._usual(handler.command, path, body, headers)
        if not self.lag:
            self.catch_up()
        text = json.dumps(found).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def _usual(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        if not path.startswith(_PREFIX):
            return 404, _error(404, "notFound")
        dataset, _, rest = path.removeprefix(_PREFIX).strip("/").partition("/")
        name = rest.removeprefix("tables").strip("/")
        if not dataset:
            return self._make(self.datasets, body["datasetReference"]["datasetId"], body)
        if dataset not in self.datasets:
            return 404, _error(404, "notFound")
        if not rest:
            return 200, self.datasets[dataset]
        if not name:
            return self._make(self.tables, body["tableReference"]["tableId"], body)
        if name not in self.tables:
            return 404, _error(404, "notFound")
        table = self.tables[name]
        if method == "PATCH":
            if headers.get("if-match", table["etag"]) != table["etag"]:
                return 412, _error(412, "conditionNotMet")
            self.tables[name] = table = {**table, **body, "etag": table["etag"] + "+"}
        return 200, table

    def _make(
        self, of: dict[str, dict[str, Any]], name: str, body: Any
    ) -> tuple[int, dict[str, Any]]:
        if name in of:
            return 409, _error(409, "duplicate")
        of[name] = {**body, "etag": "e"}
        return 200, of[name]


def _error(status: int, reason: str) -> dict[str, Any]:
    return {
        "error": {
            "code": status,
            "message": f"{reason} it is",
            "errors": [{"reason": reason, "message": f"{reason} it is"}],
        }
    }
