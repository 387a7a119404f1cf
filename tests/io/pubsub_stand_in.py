"""A strict Pub/Sub in this process, which answers by a script."""

from __future__ import annotations

import importlib
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from concurrent import futures
from types import TracebackType
from typing import Any

import grpc
from google.pubsub_v1.types import GetTopicRequest, PublishRequest, PublishResponse, Topic

from pipeline_io.pubsub_config import PubsubConfig

LOST = "stored, and the answer lost"
"""The details of a status of a request that is stored all the same."""

# These classes have no types.
_POLICY: Any = importlib.import_module("google.iam.v1.iam_policy_pb2")
_Request: Any = PublishRequest.pb()
_Response: Any = PublishResponse.pb()


class StandIn:
    """Keeps what is published to its topics, and refuses what Pub/Sub refuses.

    script: statuses for the publish requests that come next, in their order. judge: a status for a
    message's payload, None where it is good; of several of a request the first counts.
    certificate: with its key, as PEM, to speak TLS.
    """

    def __init__(
        self,
        topics: Iterable[str] = ("projects/shop-1/topics/items",),
        certificate: bytes | None = None,
    ) -> None:
        self.topics = set(topics)
        self.certificate = certificate
        self.script: list[grpc.StatusCode | tuple[grpc.StatusCode, str] | None] = []
        self.judge: Callable[[bytes], grpc.StatusCode | None] = lambda payload: None
        self.permissions: list[str] | None = ["pubsub.topics.publish"]
        self.ids_left_out = 0
        self.before_answer: Callable[[Any], None] = lambda request: None
        self.received: list[Any] = []
        self.requests: list[Any] = []
        self.metadata: list[dict[str, str]] = []
        self.at_once: Counter[str] = Counter()
        self._under_way: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.port = 0
        self._server: grpc.Server | None = None

    @property
    def endpoint(self) -> str:
        scheme = "http" if self.certificate is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}"

    def config(self, **options: Any) -> PubsubConfig:
        """Of its topic, with short waits unless told otherwise."""
        return PubsubConfig(
            "shop-1", "items", **{"retry_seconds": 30.0, "endpoint": self.endpoint, **options}
        )

    def payloads(self) -> list[bytes]:
        return [message.data for message in self.received]

    def payloads_by_key(self) -> dict[str, list[bytes]]:
        found = defaultdict(list)
        for message in self.received:
            found[message.ordering_key].append(message.data)
        return dict(found)

    def start(self) -> StandIn:
        """Listens on a port, the same again after `stop`."""
        server = grpc.server(
            futures.ThreadPoolExecutor(16), options=[("grpc.max_receive_message_length", -1)]
        )
        calls = {
            "Publish": (self._publish, _Request.FromString, _Response.SerializeToString),
            "GetTopic": (self._get_topic, GetTopicRequest.deserialize, Topic.serialize),
        }
        policy = {
            "TestIamPermissions": (
                self._test_permissions,
                _POLICY.TestIamPermissionsRequest.FromString,
                _POLICY.TestIamPermissionsResponse.SerializeToString,
            )
        }
        for service, methods in (
            ("google.pubsub.v1.Publisher", calls),
            ("google.iam.v1.IAMPolicy", policy),
        ):
            handlers = {
                name: grpc.unary_unary_rpc_method_handler(call, read, write)
                for name, (call, read, write) in methods.items()
            }
            generic = grpc.method_handlers_generic_handler(service, handlers)
            server.add_generic_rpc_handlers((generic,))
        address = f"127.0.0.1:{self.port}"
        if self.certificate is None:
            self.port = server.add_insecure_port(address)
        else:
            pair = (self.certificate, self.certificate)
            self.port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
        server.start()
        self._server = server
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(grace=None).wait()
            self._server = None

    def __enter__(self) -> StandIn:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _publish(self, request: Any, context: grpc.ServicerContext) -> Any:
        keys = {message.ordering_key for message in request.messages}
        with self._lock:
            for key in keys:
                self._under_way[key] += 1
                self.at_once[key] = max(self.at_once[key], self._under_way[key])
            self.requests.append(request)
            self.metadata.append({key: str(value) for key, value in context.invocation_metadata()})
            scripted = self.script.pop(0) if self.script else None
        try:
            self.before_answer(request)
            code, details = scripted if isinstance(scripted, tuple) else (scripted, "scripted")
            if code is not None and details is not LOST:
                context.abort(code, details)
            found = _refusal(request)
            if found is not None:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, found)
            if request.topic not in self.topics:
                context.abort(grpc.StatusCode.NOT_FOUND, "Resource not found (resource=items).")
            for message in request.messages:
                judged = self.judge(message.data)
                if judged is not None:
                    context.abort(judged, f"judged {message.data[:20]!r}")
            with self._lock:
                first = len(self.received)
                self.received.extend(request.messages)
            if code is not None:
                context.abort(code, details)
            count = len(request.messages) - self.ids_left_out
            return _Response(message_ids=[str(first + number) for number in range(count)])
        finally:
            with self._lock:
                for key in keys:
                    self._under_way[key] -= 1

    def _get_topic(self, request: Any, context: grpc.ServicerContext) -> Topic:
        if request.topic not in self.topics:
            context.abort(grpc.StatusCode.NOT_FOUND, "Resource not found (resource=items).")
        return Topic(name=request.topic)

    def _test_permissions(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self.permissions is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "Operation is not implemented.")
        held = [] if request.resource not in self.topics else self.permissions
        wanted = [permission for permission in request.permissions if permission in held]
        return _POLICY.TestIamPermissionsResponse(permissions=wanted)


def _refusal(request: Any) -> str | None:
    """What Pub/Sub itself finds wrong with a request."""
    if not request.messages:
        return "The request has no messages."
    if len(request.messages) > 1_000 or request.ByteSize() > 10_000_000:
        return f"{len(request.messages)} messages, {request.ByteSize()} bytes: over the limit."
    if len({message.ordering_key for message in request.messages}) > 1:
        return "In a single publish request, all messages must have the same ordering key."
    for message in request.messages:
        if not message.data and not message.attributes:
            return "All messages must have either data or attributes."
        if len(message.ordering_key.encode()) > 1_024 or len(message.attributes) > 100:
            return "An ordering key of over 1,024 bytes, or over 100 attributes."
        for name, value in message.attributes.items():
            if len(name.encode()) > 256 or len(value.encode()) > 1_024:
                return f"The attribute {name!r} is too long."
    return None
