"""Up to where a table may be read: below every transaction that may still commit an older time.

A row carries the time at which its transaction or its statement began, and is seen when it
commits. Whoever reads up to the clock passes over those that were open; whoever reads up to the
oldest open transaction does not.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping

from pipeline_io.audit_tables import Bound

SECOND_US = 1_000_000


@dataclasses.dataclass(frozen=True)
class OpenTransaction:
    """A transaction, or a statement on its way to one, that may write.

    Args:
        since_us: no row of it has an earlier time; None where the database does not tell.
        who: for people, with what they can do about it.
    """

    since_us: int | None
    who: str


def below(us: int) -> int:
    """The last microsecond before the second of `us`.

    Columns and applications cut times to whole seconds, so a row of this instant may carry the
    second's begin; and one that carries it may have been joined by others.
    """
    return us // SECOND_US * SECOND_US - 1


def bound_of(now_us: int, open_transactions: Iterable[OpenTransaction], clock: str) -> Bound:
    """The bound below the clock and all transactions whose begin is known."""
    oldest = min(
        (each for each in open_transactions if each.since_us is not None),
        key=lambda each: each.since_us or 0,
        default=None,
    )
    if oldest is None or oldest.since_us is None or oldest.since_us >= now_us:
        return Bound(below(now_us), clock, now_us)
    us = below(oldest.since_us)
    return Bound(us, f"{oldest.who} is open since {shown(oldest.since_us)}", now_us)


def held_by_unknown(bound: Bound, since: Mapping[str, int | None]) -> Bound:
    """The bound below transactions whose begin the database does not tell.

    Args:
        since: for each of them what is known of its begin: a bound that was right before it was
            first seen; None where there is none, and then nothing may be read.
    """
    for name, least in since.items():
        if least is None:
            why = (
                f"{name} was there before the first poll and does not tell when it began: nothing "
                "is read until it ends; commit it or roll it back"
            )
            return Bound(min(bound.us, 0), why, bound.now_us)
        if least < bound.us:
            bound = Bound(least, f"{name} is not finished", bound.now_us)
    return bound


def begins_of_unknown(
    seen: Iterable[str], before: Mapping[str, int | None], least_us: int | None
) -> dict[str, int | None]:
    """What is known of the begin of the transactions seen now: what was known before, and of new
    ones that they began after `least_us`, up to which all was known when they were not there."""
    return {name: before.get(name, least_us) for name in seen}


def overlap_bound(now_us: int, overlap_us: int, reason: str) -> Bound:
    """The bound where open transactions are not to be seen: the clock less the overlap."""
    seconds = overlap_us / SECOND_US
    why = (
        f"the clock less {seconds:g} s: {reason}, so a transaction that is open for longer may be "
        "missed until the next sweep"
    )
    return Bound(below(now_us - overlap_us), why, now_us)


def shown(us: int) -> str:
    """`2026-01-31T23:59:59Z`."""
    epoch = datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
    time = epoch + datetime.timedelta(microseconds=us)
    return time.replace(microsecond=0, tzinfo=None).isoformat() + "Z"
