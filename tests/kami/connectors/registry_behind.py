"""A schema registry behind a gateway that can say that the registry is away."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator

import httpx


class Gateway:
    """Passes requests on, or answers 503 while `away` is set."""

    def __init__(self, registry: str) -> None:
        self.away = threading.Event()
        self.refused = threading.Event()
        gateway = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if gateway.away.is_set():
                    gateway.refused.set()
                    self._say(503, "application/json", b'{"error_code":50301,"message":"away"}')
                    return
                kind = self.headers.get("Content-Type", "application/json")
                answer = httpx.request(
                    self.command,
                    registry + self.path,
                    content=body,
                    headers={"Content-Type": kind},
                    trust_env=False,
                )
                self._say(answer.status_code, answer.headers["Content-Type"], answer.content)

            def _say(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = _answer

            def log_message(self, *_: object) -> None:
                """Prints nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """It answers within the block."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
