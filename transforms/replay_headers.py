"""What a replayed record says of the times that it failed before, beside its own headers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

ATTEMPTS = "kamiflow-attempts"
FIRST_FAILED_AT = "kamiflow-first-failed-at"
MESSAGE_ID = "kamiflow-message-id"
"""The id that a message of Pub/Sub had first: a replayed one gets another."""

OWN = (ATTEMPTS, FIRST_FAILED_AT, MESSAGE_ID)

Header = tuple[str, bytes | None]


class Failures(NamedTuple):
    """attempts: how often the record failed before. first_failed_at: when first, None for never.
    headers: the record's own."""

    attempts: int
    first_failed_at: str | None
    headers: list[Header]


def failures_of(headers: Iterable[Header]) -> Failures:
    """What the headers of a record tell. Those that a replay did not write so count as none."""
    own: dict[str, str] = {}
    others: list[Header] = []
    for name, value in headers:
        if name in (ATTEMPTS, FIRST_FAILED_AT) and value is not None and value.isascii():
            own[name] = value.decode()
        else:
            others.append((name, value))
    attempts = own.get(ATTEMPTS, "")
    return Failures(int(attempts) if attempts.isdecimal() else 0, own.get(FIRST_FAILED_AT), others)


def replay_headers(headers: Iterable[Header], attempts: int, first_failed_at: str) -> list[Header]:
    """The headers of a record that is sent again."""
    kept = [header for header in headers if header[0] not in (ATTEMPTS, FIRST_FAILED_AT)]
    return [
        *kept,
        (ATTEMPTS, str(attempts).encode()),
        (FIRST_FAILED_AT, first_failed_at.encode()),
    ]
