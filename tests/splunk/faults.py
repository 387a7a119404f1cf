"""What the stand-in does wrong: by a script, request for request, or at random."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from typing import Any

from tests.splunk.answers import Reply, hec, plain

KINDS = (
    "busy",
    "internal",
    "shutdown",
    "capacity",
    "ack_capacity",
    "proxy",
    "status",
    "cut_before",
    "cut_after",
    "slow",
    "fine",
)
"""Answers 503, 500, 503, 429, 429, 502, any; the connection is cut before or after the events were
taken; the answer comes late; all is well."""

_REPLIES = {"busy": 9, "internal": 8, "shutdown": 23, "capacity": 26, "ack_capacity": 27}


@dataclasses.dataclass(frozen=True)
class Fault:
    """One thing that goes wrong. status: of kind `status`. seconds: of `slow`."""

    kind: str
    times: int = 1
    status: int = 503
    seconds: float = 0.0
    retry_after: float | None = None
    text: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            message = f"no fault is called {self.kind!r}; expected one of {KINDS}"
            raise ValueError(message)

    @property
    def takes_events(self) -> bool:
        return self.kind in ("cut_after", "slow", "fine")

    @property
    def cuts(self) -> bool:
        return self.kind in ("cut_before", "cut_after")

    def reply(self) -> Reply:
        """What is answered instead of what HEC would say."""
        if self.kind in _REPLIES:
            reply = hec(_REPLIES[self.kind])
        else:
            reply = plain(self.status if self.kind == "status" else 502, self.text)
        if self.retry_after is None:
            return reply
        return reply._replace(headers={"Retry-After": f"{self.retry_after:g}"})


class Faults:
    """Gives each request its fault: the scripted ones first, then at random.

    script: faults, each for `times` requests. rates: the share of requests of each kind, with
    what a Fault takes as `kind_options`.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._script = [fault for one in given.get("script", ()) for fault in _repeated(one)]
        self._rates: list[tuple[float, Fault]] = []
        reached = 0.0
        for kind, rate in given.get("rates", {}).items():
            reached += rate
            self._rates.append((reached, Fault(kind, **given.get("options", {}).get(kind, {}))))
        self._random = random.Random(given.get("seed", 0))  # repeatable

    def next(self) -> Fault | None:
        """The fault of the next request."""
        if self._script:
            return self._script.pop(0)
        if not self._rates:
            return None
        drawn = self._random.random()
        return next((fault for until, fault in self._rates if drawn < until), None)


def _repeated(given: Mapping[str, Any]) -> list[Fault]:
    fault = Fault(**given)
    return [fault] * fault.times
