"""When a compaction of a history may forget deleted rows: when no older change is still to come."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Sequence
from unittest.mock import patch

from kami.compaction_purge import Purge
from kami.compaction_sql import Relations
from kami.warehouse import Warehouse
from tests.proof.ordering import Appended, Effect, lacks_coordinates

NOTHING = "g"
"""Above every order key."""


def lowest_to_come(effects: Sequence[Effect]) -> list[str]:
    """For each effect the lowest order key of the events that come first after it.

    Repeats do not count: they may come at any time. Nor do rows that take the newest order key of
    their partition, where it has shown one: `kami` itself has to see to those.
    """
    events: set[str] = set()
    partitions: set[int] = set()
    first: list[str] = []
    for effect in effects:
        keys = [NOTHING]
        if isinstance(effect, Appended):
            for record, key in zip(effect.records, effect.keys, strict=True):
                is_filled = lacks_coordinates(record) and record.partition in partitions
                if record.event not in events and not is_filled:
                    keys.append(key)
                events.add(record.event)
                partitions.add(record.partition)
        first.append(min(keys))
    lowest = NOTHING
    found: list[str] = []
    for own in reversed(first):
        found.append(lowest)
        lowest = min(lowest, own)
    return found[::-1]


@contextlib.contextmanager
def forgotten_at_once() -> Iterator[None]:
    """In the block, compactions forget deleted rows whatever is in the log or to come."""
    with patch("kami.compaction.purge_of", _all):
        yield


def _all(warehouse: Warehouse, relations: Relations, before: datetime.datetime) -> Purge:
    return Purge(before, NOTHING)
