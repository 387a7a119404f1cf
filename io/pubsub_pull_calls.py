"""The calls of Pub/Sub's Subscriber service that a reader makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import grpc
from google.pubsub_v1 import types

from pipeline_io.pubsub_subscription import SubscriptionConfig

ACK_IDS_A_REQUEST = 1_000
"""Pub/Sub takes 512 KiB a request, and an ack id has some 200 bytes."""
CALL_SECONDS = 30.0

_SERVICE = "/google.pubsub.v1.Subscriber/"

# The classes of protobuf: Google's own wrappers cost ten times as much a field.
PullRequest: Any = types.StreamingPullRequest.pb()
PullResponse: Any = types.StreamingPullResponse.pb()
_AcknowledgeRequest: Any = types.AcknowledgeRequest.pb()
_ModifyRequest: Any = types.ModifyAckDeadlineRequest.pb()


class SubscriberCalls:
    """Pulls from one subscription and says what became of its messages. All raise grpc.RpcError."""

    def __init__(self, channel: grpc.Channel, config: SubscriptionConfig) -> None:
        self._config = config
        # Pub/Sub routes requests by this header, as Google's own clients send it.
        routed = f"subscription={quote(config.path, safe='')}"
        self._metadata = (("x-goog-request-params", routed),)
        self._stream: Any = channel.stream_stream(
            f"{_SERVICE}StreamingPull",
            request_serializer=PullRequest.SerializeToString,
            response_deserializer=PullResponse.FromString,
        )
        self._acknowledge: Any = channel.unary_unary(
            f"{_SERVICE}Acknowledge", request_serializer=_AcknowledgeRequest.SerializeToString
        )
        self._modify: Any = channel.unary_unary(
            f"{_SERVICE}ModifyAckDeadline", request_serializer=_ModifyRequest.SerializeToString
        )

    def first_request(self, client_id: str, *, limited: bool) -> Any:
        """The request that opens a stream; limited: whether Pub/Sub counts what is outstanding."""
        config = self._config

        def share(most: int) -> int:
            return max(1, most // config.streams) if limited else 0

        return PullRequest(
            subscription=config.path,
            stream_ack_deadline_seconds=config.deadline_seconds,
            client_id=client_id,
            max_outstanding_messages=share(config.outstanding_messages),
            max_outstanding_bytes=share(config.outstanding_bytes),
        )

    def stream(self, requests: Iterator[Any]) -> Any:
        """A streaming pull: an iterator of responses that can be cancelled."""
        return self._stream(requests, metadata=self._metadata)

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        request = _AcknowledgeRequest(subscription=self._config.path, ack_ids=ack_ids)
        self._acknowledge(request, timeout=CALL_SECONDS, metadata=self._metadata)

    def extend(self, ack_ids: Sequence[str], seconds: int) -> None:
        """Sets the deadline of messages to so many seconds from now; 0 gives them back."""
        request = _ModifyRequest(
            subscription=self._config.path, ack_ids=ack_ids, ack_deadline_seconds=seconds
        )
        self._modify(request, timeout=CALL_SECONDS, metadata=self._metadata)
