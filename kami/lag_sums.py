"""A group as a whole: the sum of its records, the most of its seconds, and limits of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kami.lag import Lag
from kami.lag_pubsub import Backlog
from kami.lag_reading import Reading


class GroupSum(NamedTuple):
    """A group in all partitions that were asked for and whose lag is known.

    Args:
        records: at most so many; None: a partition was not read, or none is known.
        seconds: of the oldest of them; None as above.
        unknown: partitions with records of which records or seconds are not known.
    """

    group: str
    records: int | None
    seconds: float | None
    unknown: int


class Limits(NamedTuple):
    """What may lag at most; None: whatever it is."""

    records: int | None = None
    seconds: float | None = None


def sums_of(reading: Reading) -> Iterator[GroupSum]:
    """Yields each group's."""
    by_group: dict[str, list[Lag]] = {group.name: [] for group in reading.groups}
    for lag in reading.lags:
        if not lag.is_gone:
            by_group[lag.group].append(lag)
    for name, lags in by_group.items():
        records = [lag.records for lag in lags if lag.records is not None]
        seconds = [lag.seconds for lag in lags if lag.seconds is not None]
        # A sum without a partition that is behind would say that the group needs less.
        is_read = name not in reading.incomplete
        yield GroupSum(
            name,
            sum(records) if is_read and records else None,
            max(seconds) if is_read and seconds else None,
            sum(lag.records is None or lag.seconds is None for lag in lags),
        )


def passed(
    limits: Limits, sums: Iterable[GroupSum], backlogs: Iterable[Backlog] = ()
) -> Iterator[str]:
    """Yields a sentence for each limit that is passed, or cannot be shown to be kept."""
    if limits == Limits():
        return
    for one in sums:
        yield from _over(limits, f"group {one.group!r}", "records", one.records, one.seconds)
        if one.unknown:
            yield (
                f"group {one.group!r}: the lag of {one.unknown} of its partitions is not known; "
                "--reset says where it begins without a commit"
            )
    for backlog in backlogs:
        name = f"subscription {backlog.subscription.name!r}"
        yield from _over(limits, name, "messages", backlog.messages, backlog.seconds)
        if backlog.messages is None or backlog.seconds is None:
            yield f"{name}: Cloud Monitoring has no point of its last ten minutes"


def _over(
    limits: Limits, name: str, what: str, records: int | None, seconds: float | None
) -> Iterator[str]:
    if limits.records is not None and records is not None and records > limits.records:
        yield f"{name}: {records} {what}, at most {limits.records} are allowed"
    if limits.seconds is not None and seconds is not None and seconds > limits.seconds:
        yield f"{name}: {seconds:g} s, at most {limits.seconds:g} are allowed"
