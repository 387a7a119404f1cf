"""What a strict HTTP Event Collector takes and refuses, and what it has taken."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import time
import uuid
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tests.splunk.answers import Reply, hec, plain

_GZIP = 31
_SPACE = re.compile(r"\s*")
_CONFIRMED = 1
_TAKEN = 2
"""An event's number: 2 for each time that it was taken, and 1 if that was ever confirmed."""


def _no_constant(text: str) -> object:
    message = f"{text} is no JSON"
    raise ValueError(message)


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


@dataclasses.dataclass
class Settings:
    """How the collector and its one token are set up. ack: None for no acknowledgements, else the
    seconds until a request is acknowledged. lost_acks: so many requests never are. keep: events
    whose text is kept. number_off: added to the number of a bad event, which is wrong then."""

    token: str = "11111111-2222-3333-4444-555555555555"  # noqa: S105
    disabled: bool = False
    indexes: tuple[str, ...] = ("main", "history")
    ack: float | None = None
    lost_acks: int = 0
    max_content_length: int = 1_000_000
    healthy: bool = True
    keep: int = 10_000
    number_off: int = 0


class BadEvent(Exception):
    """An event that is refused, with HEC's code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Collector:
    """The state of one collector, and its answers."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clear()

    def clear(self) -> None:
        self.ids: dict[str, int] = {}
        self.kept: list[Any] = []
        self.counts: Counter[str] = Counter()
        self.acks: dict[str, dict[int, tuple[float, tuple[str, ...]]]] = {}
        self._next_ack = 0

    def refusal(self, headers: Mapping[str, str], query: str) -> Reply | None:
        """The answer to a request that may not be made, whatever stands in it."""
        given = headers.get("authorization", "")
        if not given:
            return hec(16) if "token=" in query else hec(2)
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "splunk":
            return hec(3)
        if token != self.settings.token:
            return hec(4)
        if self.settings.disabled:
            return hec(1)
        if self.settings.ack is not None:
            channel = headers.get("x-splunk-request-channel")
            if not channel:
                return hec(10)
            try:
                uuid.UUID(channel)
            except ValueError:
                return hec(11)
        return None

    def events(self, headers: Mapping[str, str], query: str, body: bytes) -> Reply:
        """The answer to a request with events; those before one that is wrong are taken."""
        refused = self.refusal(headers, query)
        if refused is not None:
            return refused
        if headers.get("content-encoding") == "gzip":
            try:
                body = zlib.decompress(body, _GZIP)
            except zlib.error:
                return hec(6, invalid_event_number=0)
        if len(body) > self.settings.max_content_length:
            limit = self.settings.max_content_length
            return plain(413, f"Content-Length of {len(body)} too large (maximum is {limit})")
        self.counts["bytes"] += len(body)
        taken: list[Any] = []
        reply = self._read(body, taken)
        ids = self._take(taken)
        if reply.status != 200:
            return reply
        if self.settings.ack is None:
            return reply._replace(ids=ids)
        self._next_ack += 1
        channel = self.acks.setdefault(headers["x-splunk-request-channel"], {})
        since = math.inf if self._next_ack <= self.settings.lost_acks else time.monotonic()
        channel[self._next_ack] = (since, ids)
        return hec(0, ackId=self._next_ack)

    def acknowledged(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """The answer to a question about acknowledgements; each is told once."""
        if self.settings.ack is None:
            return hec(14)
        refused = self.refusal(headers, "")
        if refused is not None:
            return refused
        try:
            asked = json.loads(body)["acks"]
        except (ValueError, KeyError, TypeError):
            return hec(6)
        channel = self.acks.get(headers["x-splunk-request-channel"], {})
        found: dict[str, bool] = {}
        ids: list[str] = []
        for one in asked:
            since, held = channel.get(one, (math.inf, ()))
            found[str(one)] = time.monotonic() - since >= self.settings.ack
            if found[str(one)]:
                ids += held
                del channel[one]
        return Reply(200, json.dumps({"acks": found}).encode(), ids=tuple(ids))

    def confirmed(self, ids: Iterable[str]) -> None:
        """The sender was told that these were taken."""
        for one in ids:
            self.ids[one] |= _CONFIRMED
            self.counts["confirmed"] += 1

    def report(self) -> dict[str, int]:
        """What was taken: events, different ones by event_id, and repeats of the same.

        repeats_of_confirmed: of those that the sender knew to be taken.
        """
        taken = sum(number // _TAKEN for number in self.ids.values())
        return {
            "events": self.counts["events"],
            "different": len(self.ids),
            "repeats": taken - len(self.ids),
            **{name: self.counts[name] for name in ("repeats_of_confirmed", "confirmed")},
            **self.counts,
        }

    def _read(self, body: bytes, taken: list[Any]) -> Reply:
        number, off = 0, self.settings.number_off
        try:
            text = body.decode()
            place = _SPACE.match(text).end()  # type: ignore[union-attr]  # it matches nothing, too
            if place == len(text):
                return hec(5)
            while place < len(text):
                event, place = _DECODER.raw_decode(text, place)
                self._judge(event)
                taken.append(event)
                number += 1
                if place < len(text) and text[place] != "{":
                    place = _SPACE.match(text, place).end()  # type: ignore[union-attr]
        except BadEvent as error:
            # As Splunk does: the number counts from 1 where the index is wrong.
            return hec(error.code, invalid_event_number=number + off + (error.code == 7))
        except ValueError:
            return hec(6, invalid_event_number=number + off)
        return hec(0)

    def _judge(self, event: Any) -> None:
        if not isinstance(event, dict):
            raise BadEvent(6)
        content = event.get("event")
        if content is None:
            raise BadEvent(12)
        if content == "":
            raise BadEvent(13)
        if "index" in event and event["index"] not in self.settings.indexes:
            raise BadEvent(7)
        if "time" in event and not _is_time(event["time"]):
            raise BadEvent(6)
        fields = event.get("fields", {})
        if not isinstance(fields, dict) or any(map(_is_nested, fields.values())):
            raise BadEvent(15)

    def _take(self, events: list[Any]) -> tuple[str, ...]:
        ids = []
        self.counts["events"] += len(events)
        room = self.settings.keep - len(self.kept)
        if room > 0:
            now = time.time()
            self.kept += [(event, now) for event in events[:room]]
        for event in events:
            one = event.get("fields", {}).get("event_id")
            if one is None:
                self.counts["without_id"] += 1
                continue
            before = self.ids.get(one, 0)
            if before & _CONFIRMED:
                self.counts["repeats_of_confirmed"] += 1
            self.ids[one] = before + _TAKEN
            ids.append(one)
        return tuple(ids)


def _is_time(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        return math.isfinite(float(value)) and float(value) >= 0
    except ValueError:
        return False


def _is_nested(value: object) -> bool:
    if isinstance(value, list):
        return any(isinstance(one, dict | list) for one in value)
    return isinstance(value, dict)
