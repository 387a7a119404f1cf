"""Configs of topics: which values are one, and which let the broker remove records."""

from __future__ import annotations

import decimal
import difflib
from collections.abc import Iterable

THROTTLES = frozenset(
    {"leader.replication.throttled.replicas", "follower.replication.throttled.replicas"}
)
"""A reassignment sets them while it moves replicas, and takes them away: no drift."""

KNOWN = (
    frozenset(
        """cleanup.policy compression.gzip.level compression.lz4.level compression.type
    compression.zstd.level delete.retention.ms file.delete.delay.ms flush.messages flush.ms
    index.interval.bytes local.retention.bytes local.retention.ms max.compaction.lag.ms
    max.message.bytes message.timestamp.after.max.ms message.timestamp.before.max.ms
    message.timestamp.type min.cleanable.dirty.ratio min.compaction.lag.ms min.insync.replicas
    preallocate remote.log.copy.disable remote.log.delete.on.disable remote.storage.enable
    retention.bytes retention.ms segment.bytes segment.index.bytes segment.jitter.ms segment.ms
    unclean.leader.election.enable""".split()
    )
    | THROTTLES
)
"""Kafka 4.1's names, to guess what was meant where there is no topic yet to ask the broker of."""

_RETENTION = ("retention.ms", "retention.bytes")
_UNLIMITED = -1


def same_value(one: str | None, other: str | None) -> bool:
    """Whether the broker takes both for the same: 0.50 and .5, TRUE and true, `a, b` and `b,a`."""
    if one is None or other is None:
        return one is other
    return _canonical(one) == _canonical(other)


def _canonical(text: str) -> object:
    parts = {part.strip() for part in text.split(",")}
    if len(parts) > 1:
        return frozenset(parts)
    stripped = text.strip()
    if stripped.lower() in ("true", "false"):
        return stripped.lower()
    number = _number(stripped)
    return stripped if number is None else number


def loses_records(name: str, was: str | None, wanted: str | None) -> bool:
    """Whether the broker may remove records of a topic once the config is changed so.

    Args:
        wanted: None: the broker's default, which may be anything.
    """
    if name == "cleanup.policy":
        return wanted is None or bool(_policies(wanted) - _policies(was or ""))
    if name not in _RETENTION:
        return False
    before, after = _number(was or ""), _number(wanted or "")
    if before is None or after is None:
        # Of a text that is no number the broker will say so.
        return wanted is None
    if before == _UNLIMITED:
        return after != _UNLIMITED
    return after != _UNLIMITED and after < before


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence: the nearest name, or nothing."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _policies(text: str) -> set[str]:
    return {part.strip() for part in text.split(",")} - {""}


def _number(text: str) -> decimal.Decimal | None:
    try:
        number = decimal.Decimal(text)
    except decimal.InvalidOperation:
        return None
    return number if number.is_finite() else None
