"""A subscription to read from, and how."""

from __future__ import annotations

import dataclasses
import os
import re

from pipeline_io.pubsub_config import EMULATOR_VARIABLE, address_of, emulator_of

_PROJECT = re.compile(r"[a-z0-9:.-]+", re.IGNORECASE)
_SUBSCRIPTION = re.compile(r"[a-z][a-z0-9._~+%-]{2,254}", re.IGNORECASE)

LEAST_DEADLINE_SECONDS = 10
MOST_DEADLINE_SECONDS = 600
"""What Pub/Sub takes as the deadline of a message."""


@dataclasses.dataclass(frozen=True)
class SubscriptionConfig:
    """A subscription. Text of it names it for messages.

    outstanding_messages, outstanding_bytes: read and not acknowledged yet, of one worker process.
    deadline_seconds: how long Pub/Sub waits for a word about a message before it delivers it again;
    messages that are held are extended, so this is how long those of a killed job stay away.
    streams: how many streams pull at a time, of one worker process. stall_seconds: how long Pub/Sub
    may be away until the job stops with an error.
    endpoint: `host`, `host:port` (TLS and Google's credentials) or `http://host:port` (the
    emulator); what PUBSUB_EMULATOR_HOST says where this is made, else Google's own.

    Raises ValueError.
    """

    project: str
    subscription: str
    outstanding_messages: int = 50_000
    outstanding_bytes: int = 100_000_000
    deadline_seconds: int = 60
    streams: int = 4
    stall_seconds: float = 300.0
    endpoint: str = ""

    def __post_init__(self) -> None:
        if not _PROJECT.fullmatch(self.project):
            message = f"the project is {self.project!r}; expected its id, such as 'my-project'"
            raise ValueError(message)
        name = self.subscription
        if not _SUBSCRIPTION.fullmatch(name) or name.lower().startswith("goog"):
            message = (
                f"the subscription is {name!r}; expected its id alone: 3 to 255 letters, digits "
                "and any of -_.~+%, a letter first, and not 'goog' at the beginning"
            )
            raise ValueError(message)
        for field in ("outstanding_messages", "outstanding_bytes", "streams"):
            if getattr(self, field) < 1:
                message = f"{field} is {getattr(self, field)!r}; expected 1 or more"
                raise ValueError(message)
        if not LEAST_DEADLINE_SECONDS <= self.deadline_seconds <= MOST_DEADLINE_SECONDS:
            message = (
                f"deadline_seconds is {self.deadline_seconds!r}; Pub/Sub takes "
                f"{LEAST_DEADLINE_SECONDS} to {MOST_DEADLINE_SECONDS}"
            )
            raise ValueError(message)
        if not self.endpoint and os.environ.get(EMULATOR_VARIABLE):
            # Here and not on the workers, which may lack the variable: they would read the real
            # service then.
            object.__setattr__(self, "endpoint", f"http://{os.environ[EMULATOR_VARIABLE]}")

    def __str__(self) -> str:
        return f"the Pub/Sub subscription {self.path}"

    @property
    def path(self) -> str:
        """The subscription's full name."""
        return f"projects/{self.project}/subscriptions/{self.subscription}"

    @property
    def emulator(self) -> str:
        """The emulator's `host:port`; "" for the real service."""
        return emulator_of(self.endpoint)

    @property
    def address(self) -> str:
        """The `host:port` to connect to."""
        return address_of(self.endpoint)
