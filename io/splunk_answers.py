"""The answers of an HTTP Event Collector, sorted by what to do next."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from typing import NamedTuple

_SHOWN_CHARACTERS = 200

_RETRIED = frozenset({408, 425, 429})

_SUCCESS = 0
_NO_DATA = 5
INCORRECT_INDEX = 7
_NEAR_CAPACITY = (24, 25)
"""Success as well, with a warning in it."""
# What these say of a request is true of each: how the token or the client is set up.
_OF_THE_SETTING = {
    10: "the token wants acknowledgements; set 'sink.ack' = 'true', or turn them off for it",
    11: "it does not take the channel of the request; look at what stands between",
    14: "the token has no acknowledgements; set 'sink.ack' = 'false', or turn them on for it",
    16: "a query in the URL is not allowed; look at what stands between",
}


class Next(enum.Enum):
    """What to do about an answer."""

    DONE = "done"
    RETRY = "retry"
    NEW_TOKEN = "new token"  # noqa: S105
    SPLIT = "split"
    TOO_LARGE = "too large"
    STOP = "stop"


class Answer(NamedTuple):
    """One answer. said: for messages and logs, never a payload.

    code: HEC's own status code, -1 for none. number: the event that is wrong, as HEC counts.
    """

    next: Next
    said: str
    status: int = 0
    code: int = -1
    number: int | None = None
    ack_id: int | None = None
    retry_after: float | None = None


def read_answer(status: int, body: bytes, headers: Mapping[str, str]) -> Answer:
    """What an answer to a request with events means.

    A 200 counts only with HEC's own text in it: a proxy or a login page says 200 as well.
    """
    found = _parsed(body)
    code = _number(found.get("code"))
    code = -1 if code is None else code
    text = str(found.get("text", ""))[:_SHOWN_CHARACTERS]
    said = f"HTTP {status}" + (f", code {code}: {text}" if code >= 0 else "")
    answer = Answer(
        Next.STOP,
        said,
        status,
        code,
        _number(found.get("invalid-event-number")),
        _number(found.get("ackId")),
        _seconds(headers.get("retry-after")),
    )
    if status == 200:
        if code == _SUCCESS or code in _NEAR_CAPACITY:
            return answer._replace(next=Next.DONE)
        said += "; expected HEC's own answer: check the URL and what stands between"
        return answer._replace(said=said)
    if status in _RETRIED or status >= 500:
        return answer._replace(next=Next.RETRY)
    if status in (401, 403):
        return answer._replace(next=Next.NEW_TOKEN)
    if status == 413:
        return answer._replace(next=Next.TOO_LARGE)
    if status == 400 and code in _OF_THE_SETTING:
        return answer._replace(said=f"{said}; {_OF_THE_SETTING[code]}")
    if status == 400:
        return answer._replace(next=Next.SPLIT)
    return answer._replace(said=f"{said}; check the URL and what stands between")


def is_empty_request(answer: Answer) -> bool:
    """Whether HEC says that a request had no events, and nothing else was wrong with it."""
    return answer.status == 400 and answer.code == _NO_DATA


def suspects(answer: Answer, count: int) -> list[int]:
    """The events of a request of `count` that an answer may blame, the likeliest first.

    HEC counts from 0, but from 1 where the index is the reason.
    """
    if answer.number is None:
        return []
    places = [answer.number, answer.number - 1]
    if answer.code == INCORRECT_INDEX:
        places.reverse()
    return [place for place in places if 0 <= place < count]


def _parsed(body: bytes) -> dict[str, object]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _seconds(text: str | None) -> float | None:
    """Retry-After in seconds; its other form, a date, is as good as none."""
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None
