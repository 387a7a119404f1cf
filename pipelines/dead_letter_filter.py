"""Which dead letters are meant, and what they have in common."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pipelines.dead_letter_read import Letter

EQUAL = ("stage", "error_class", "statement", "topic", "pipeline")
"""Fields that a filter compares as they are."""

_SHOWN_MESSAGE = 200


@dataclasses.dataclass(frozen=True)
class LetterFilter:
    """Letters that fit all that is given.

    equal: values by the names of EQUAL. message: a part of the message. since, until: of the time
    of the last failure, the second not included.
    """

    equal: Mapping[str, str] = dataclasses.field(default_factory=dict)
    message: str = ""
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None

    def takes(self, letter: Letter) -> bool:
        if any(letter[name] != value for name, value in self.equal.items()):
            return False
        if self.message not in (letter["message"] or ""):
            return False
        if self.since is None and self.until is None:
            return True
        at = datetime.datetime.fromisoformat(letter["last_failed_at"].replace("Z", "+00:00"))
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


class Group(NamedTuple):
    """Letters that failed alike. message: of the first of them."""

    pipeline: str
    stage: str
    error_class: str
    statement: str | None
    topic: str
    letters: int
    first_failed_at: str
    last_failed_at: str
    message: str


def groups_of(letters: Iterable[Letter]) -> list[Group]:
    """The groups, the largest one first."""
    groups: dict[tuple[Any, ...], Group] = {}
    for letter in letters:
        kind = (
            letter["pipeline"],
            letter["stage"],
            letter["error_class"],
            letter["statement"],
            letter["topic"],
        )
        found = groups.get(kind)
        first, last = letter["first_failed_at"], letter["last_failed_at"]
        if found is None:
            groups[kind] = Group(*kind, 1, first, last, letter["message"][:_SHOWN_MESSAGE])
        else:
            groups[kind] = found._replace(
                letters=found.letters + 1,
                first_failed_at=min(found.first_failed_at, first),
                last_failed_at=max(found.last_failed_at, last),
            )
    return sorted(groups.values(), key=lambda group: (-group.letters, str(group)))
