"""Secret Manager's one call that jobs make, on a real gRPC server, in Google's own messages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent import futures

import google_crc32c
import grpc
from google.cloud import secretmanager

_METHOD = "google.cloud.secretmanager.v1.SecretManagerService"


class Secrets:
    """What the server knows. `failing`: codes of the answers to come, before it answers as asked.

    versions: bytes by name; an alias such as `latest` is looked up in them too.
    """

    def __init__(self) -> None:
        self.versions: dict[str, bytes] = {}
        self.failing: list[grpc.StatusCode] = []
        self.damaged = False
        self.asked: list[str] = []

    def access(
        self, request: secretmanager.AccessSecretVersionRequest, context: grpc.ServicerContext
    ) -> secretmanager.AccessSecretVersionResponse:
        self.asked.append(request.name)
        if self.failing:
            context.abort(self.failing.pop(0), "hunter2 is what the server says of it")
        if request.name not in self.versions:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Secret [{request.name}] not found")
        data = self.versions[request.name]
        return secretmanager.AccessSecretVersionResponse(
            name=request.name,
            payload=secretmanager.SecretPayload(
                data=data, data_crc32c=google_crc32c.value(data) + self.damaged
            ),
        )


@contextlib.contextmanager
def serving(secrets: Secrets) -> Iterator[str]:
    """HOST:PORT of a server, without TLS."""
    handler = grpc.unary_unary_rpc_method_handler(
        secrets.access,
        request_deserializer=secretmanager.AccessSecretVersionRequest.deserialize,
        response_serializer=secretmanager.AccessSecretVersionResponse.serialize,
    )
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(_METHOD, {"AccessSecretVersion": handler})]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None)
