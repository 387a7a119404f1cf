"""A server of gRPC is told from one of something else, and from none."""

from __future__ import annotations

import concurrent.futures
import http.server
import threading

import grpc
import pytest

from tests.stack.grpc_answers import answers_grpc
from tests.stack.part import NotReady
from tests.stack.ports import free_port


def test_a_grpc_server_answers() -> None:
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        answers_grpc(f"127.0.0.1:{port}")
    finally:
        server.stop(None)


def test_a_server_of_something_else_does_not() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with pytest.raises(NotReady, match="does not answer gRPC, but"):
                answers_grpc(f"127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()


def test_nobody_does_not() -> None:
    with pytest.raises(NotReady, match="does not answer gRPC"):
        answers_grpc(f"127.0.0.1:{free_port()}")
