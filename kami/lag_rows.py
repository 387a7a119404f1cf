"""Lag and backlog as rows for people and programs."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

from kami.errors import ConfigurationError
from kami.lag import Lag
from kami.lag_pubsub import Backlog
from kami.lag_question import Question
from kami.lag_reading import Reading


def lag_rows(reading: Reading) -> list[dict[str, object]]:
    """A row a group, topic and partition; what is unknown is None."""
    return [_row(lag) for lag in reading.lags]


def _row(lag: Lag) -> dict[str, object]:
    edges = lag.edges
    return {
        "group": lag.group,
        "topic": lag.partition.topic,
        "partition": lag.partition.number,
        "committed": lag.committed,
        "start": edges.start if edges else None,
        "end": edges.end if edges else None,
        "records": lag.records,
        "seconds": lag.seconds,
        "lost": lag.lost,
        "note": lag.note or None,
    }


def backlog_rows(backlogs: Sequence[Backlog]) -> list[dict[str, object]]:
    """A row a subscription."""
    return [
        {
            "project": one.subscription.project,
            "subscription": one.subscription.name,
            "messages": one.messages,
            "seconds": one.seconds,
            "measured": None if one.at is None else _iso(one.at),
        }
        for one in backlogs
    ]


def _iso(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat()


def check_groups(question: Question, reading: Reading) -> Iterator[ConfigurationError]:
    """Yields an error for each named group that the brokers know nothing of."""
    for group in reading.groups:
        if group.name in question.named_groups and not group.is_known:
            message = (
                f"the group {group.name!r} has no commits and no members; correct its name, or "
                "start it"
            )
            yield ConfigurationError(message)
    if question.has_patterns and not reading.groups and not reading.incomplete:
        patterns = ", ".join(question.groups)
        message = (
            f"the brokers know no group of {patterns!r} that this user may see; correct it, or "
            "start one"
        )
        yield ConfigurationError(message)
