"""A topic to publish to, and how."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping

MAX_REQUEST_MESSAGES = 1_000
MAX_REQUEST_BYTES = 10_000_000
"""Pub/Sub's limits of one publish request; the bytes are those of the request as a whole."""

EMULATOR_VARIABLE = "PUBSUB_EMULATOR_HOST"

_SERVICE = "pubsub.googleapis.com:443"
_PROJECT = re.compile(r"[a-z0-9:.-]+", re.IGNORECASE)
_TOPIC = re.compile(r"[a-z][a-z0-9._~+%-]{2,254}", re.IGNORECASE)
_CONTENT_TYPES = {
    "json": "application/json",
    "protobuf": "application/protobuf",
    "avro": "application/avro",
}

# One request takes some 20 ms, so 8 of 1,000 messages are far more than a worker encodes. With
# ordering keys a request holds the messages of one key alone, often a single one.
_REQUESTS_IN_FLIGHT = 8
_ORDERED_REQUESTS_IN_FLIGHT = 32


@dataclasses.dataclass(frozen=True)
class PubsubConfig:
    """A topic, and what is published to it. Text of it names the topic for messages.

    attributes: whether messages carry ATTRIBUTES of the record schema. content_type: the attribute
    of that name, None for none. ordering_key: whether a message's key is its ordering key.
    max_messages, max_bytes: of one request. outstanding_messages, outstanding_bytes: sent and not
    confirmed yet, of one worker thread. retry_seconds: how long a request is tried again.
    endpoint: `host`, `host:port` (TLS and Google's credentials) or `http://host:port` (the
    emulator); what PUBSUB_EMULATOR_HOST says where this is made, else Google's own.

    Raises ValueError.
    """

    project: str
    topic: str
    content_type: str | None = None
    attributes: bool = True
    ordering_key: bool = False
    max_messages: int = MAX_REQUEST_MESSAGES
    max_bytes: int = MAX_REQUEST_BYTES
    requests_in_flight: int = 0
    outstanding_messages: int = 20_000
    outstanding_bytes: int = 64_000_000
    retry_seconds: float = 600.0
    endpoint: str = ""

    def __post_init__(self) -> None:
        if not _PROJECT.fullmatch(self.project):
            message = f"the project is {self.project!r}; expected its id, such as 'my-project'"
            raise ValueError(message)
        if not _TOPIC.fullmatch(self.topic) or self.topic.lower().startswith("goog"):
            message = (
                f"the topic is {self.topic!r}; expected its id alone: 3 to 255 letters, digits "
                "and any of -_.~+%, a letter first, and not 'goog' at the beginning"
            )
            raise ValueError(message)
        for name, most in (
            ("max_messages", MAX_REQUEST_MESSAGES),
            ("max_bytes", MAX_REQUEST_BYTES),
        ):
            if not 0 < getattr(self, name) <= most:
                message = f"{name} is {getattr(self, name)!r}; Pub/Sub takes 1 to {most} a request"
                raise ValueError(message)
        if self.requests_in_flight == 0:
            many = _ORDERED_REQUESTS_IN_FLIGHT if self.ordering_key else _REQUESTS_IN_FLIGHT
            object.__setattr__(self, "requests_in_flight", many)
        for name in ("requests_in_flight", "outstanding_messages", "outstanding_bytes"):
            if getattr(self, name) < 1:
                message = f"{name} is {getattr(self, name)!r}; expected 1 or more"
                raise ValueError(message)
        if not self.endpoint and os.environ.get(EMULATOR_VARIABLE):
            # Here and not on the workers, which may lack the variable: they would publish to the
            # real service then.
            object.__setattr__(self, "endpoint", f"http://{os.environ[EMULATOR_VARIABLE]}")

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> PubsubConfig:
        """Of the options of a table with the connector 'pubsub'."""
        return cls(
            project=str(options["project-name"]),
            topic=str(options["topic"]),
            content_type=_CONTENT_TYPES.get(str(options["format"])),
            attributes=bool(options["sink.attributes"]),
            ordering_key=bool(options["sink.ordering-key"]),
            max_messages=int(str(options["sink.batch.max-messages"])),
            max_bytes=int(str(options["sink.batch.max-bytes"])),
            requests_in_flight=int(str(options.get("sink.requests-in-flight", 0))),
            retry_seconds=float(str(options["sink.retry-timeout"])),
            endpoint=str(options.get("endpoint", "")),
        )

    def __str__(self) -> str:
        return f"the Pub/Sub topic {self.path}"

    @property
    def path(self) -> str:
        """The topic's full name."""
        return f"projects/{self.project}/topics/{self.topic}"

    @property
    def emulator(self) -> str:
        """The emulator's `host:port`; "" for the real service."""
        return emulator_of(self.endpoint)

    @property
    def address(self) -> str:
        """The `host:port` to connect to."""
        return address_of(self.endpoint)


def emulator_of(endpoint: str) -> str:
    """The `host:port` of an endpoint that is an emulator; "" for the real service."""
    scheme, separator, rest = endpoint.partition("://")
    return rest.rstrip("/") if separator and scheme == "http" else ""


def address_of(endpoint: str) -> str:
    """The `host:port` of an endpoint; Google's own where it is empty."""
    if emulator := emulator_of(endpoint):
        return emulator
    host = endpoint.removeprefix("https://").rstrip("/")
    if not host:
        return _SERVICE
    return host if re.search(r":\d+$", host) else f"{host}:443"
