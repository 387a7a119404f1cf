"""The status codes of Splunk's HTTP Event Collector, as its reference lists them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

CODES = {
    0: (200, "Success"),
    1: (403, "Token disabled"),
    2: (401, "Token is required"),
    3: (401, "Invalid authorization"),
    4: (403, "Invalid token"),
    5: (400, "No data"),
    6: (400, "Invalid data format"),
    7: (400, "Incorrect index"),
    8: (500, "Internal server error"),
    9: (503, "Server is busy"),
    10: (400, "Data channel is missing"),
    11: (400, "Invalid data channel"),
    12: (400, "Event field is required"),
    13: (400, "Event field cannot be blank"),
    14: (400, "ACK is disabled"),
    15: (400, "Error in handling indexed fields"),
    16: (400, "Query string authorization is not enabled"),
    17: (200, "HEC is healthy"),
    18: (503, "HEC is unhealthy, queues are full"),
    19: (503, "HEC is unhealthy, ack service unavailable"),
    20: (503, "HEC is unhealthy, queues are full, ack service unavailable"),
    21: (400, "Invalid token"),
    22: (400, "Token disabled"),
    23: (503, "Server is shutting down"),
    24: (200, "HEC queue is approaching its capacity limit"),
    25: (200, "HEC ACK is approaching its capacity limit"),
    26: (429, "HEC queue is at capacity and cannot process any more requests"),
    27: (429, "HEC ACK channel is at capacity and cannot process any more requests"),
}

_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}


class Reply(NamedTuple):
    """An answer before it is sent. ids: of the events that it confirms, if it is sent."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    ids: tuple[str, ...] = ()

    def encoded(self) -> bytes:
        lines = [
            f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Status')}",
            f"Content-Length: {len(self.body)}",
            "Content-Type: application/json; charset=UTF-8",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def hec(code: int, **more: object) -> Reply:
    """HEC's answer with that code; `invalid_event_number=3` and the like are added to it."""
    status, text = CODES[code]
    members = {name.replace("_", "-"): value for name, value in more.items()}
    return Reply(status, json.dumps({"text": text, "code": code, **members}).encode())


def plain(status: int, text: str = "", **headers: str) -> Reply:
    """An answer that is not HEC's own, as a proxy gives it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, f"<html>{text}</html>".encode(), named)
